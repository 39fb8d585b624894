/* Rows and networks that a key is bound to: read at every request made with it, so nothing here allocates but what makes them up. */
#include "domain/api_key_bounds.h"

#include "base/buf.h"
#include "base/cidr.h"

bool dm_api_key_pattern_covers(struct dm_str pattern, const char *route_name)
{
    struct dm_str name = dm_str_from(route_name);
    if (pattern.n < 2 || pattern.p[pattern.n - 1] != '*')
        return dm_str_eq(pattern, name);
    return dm_str_starts(name, dm_str_slice(pattern, 0, pattern.n - 1));
}

bool dm_api_key_routes_cover(struct dm_str routes, const char *route_name)
{
    struct dm_str pattern;
    if (routes.n == 0)
        return true;
    while (dm_str_next(&routes, ' ', &pattern))
        if (dm_api_key_pattern_covers(pattern, route_name))
            return true;
    return false;
}

bool dm_api_key_ranges_cover(struct dm_str ranges, struct dm_str address)
{
    struct dm_address caller;
    struct dm_str text;
    if (ranges.n == 0)
        return true;
    if (!dm_address_parse(address, &caller))
        return false;
    while (dm_str_next(&ranges, ' ', &text)) {
        struct dm_cidr range;
        if (dm_cidr_parse(text, &range) == DM_CIDR_SOUND && dm_cidr_contains(&range, &caller))
            return true;
    }
    return false;
}

static void add_word(struct dm_buf *text, struct dm_str word)
{
    dm_buf_add_c(text, text->n > 0 ? " " : "");
    dm_buf_add(text, word);
}

/* A text of no words is empty rather than absent. */
static enum dm_result finish(struct dm_ctx *ctx, const struct dm_buf *text, struct dm_str *ret_text)
{
    if (dm_buf_failed(text))
        return dm_ctx_nomem(ctx);
    *ret_text = text->n > 0 ? dm_buf_str(text) : DM_STR("");
    return DM_OK;
}

static enum dm_result refuse_range(struct dm_ctx *ctx, size_t index, enum dm_cidr_defect defect)
{
    char pointer[40];
    snprintf(pointer, sizeof(pointer), "/allowedIpRanges/%zu", index);
    return dm_err_set_field(&ctx->err, pointer, "format", "%s",
                            defect == DM_CIDR_HOST_BITS
                                ? "has bits set past its prefix: write the network's own address"
                                : "must be a network such as 192.0.2.0/24 or 2001:db8::/32");
}

enum dm_result dm_api_key_ranges_text(struct dm_ctx *ctx, const struct dm_list *ranges,
                                      struct dm_str *ret_text)
{
    const struct dm_str *written = ranges->items;
    struct dm_buf text;
    dm_buf_init(&text, ctx->arena, DM_API_KEY_RANGES_CHARS);
    for (size_t i = 0; i < ranges->n; i++) {
        char canonical[DM_CIDR_TEXT];
        struct dm_cidr range;
        enum dm_cidr_defect defect = dm_cidr_parse(written[i], &range);
        if (defect != DM_CIDR_SOUND)
            return refuse_range(ctx, i, defect);
        dm_cidr_format(&range, canonical);
        add_word(&text, dm_str_from(canonical));
    }
    return finish(ctx, &text, ret_text);
}

enum dm_result dm_api_key_words_text(struct dm_ctx *ctx, const struct dm_list *words,
                                     struct dm_str *ret_text)
{
    const struct dm_str *items = words->items;
    struct dm_buf text;
    dm_buf_init(&text, ctx->arena, DM_API_KEY_ROUTES_CHARS);
    for (size_t i = 0; i < words->n; i++)
        add_word(&text, items[i]);
    return finish(ctx, &text, ret_text);
}

enum dm_result dm_api_key_words(struct dm_ctx *ctx, struct dm_str text, struct dm_list *ret_words)
{
    struct dm_str rest = text, word;
    size_t n = 0;
    while (text.n > 0 && dm_str_next(&rest, ' ', &word))
        n++;
    struct dm_str *words = dm_arena_array(ctx->arena, n, sizeof(*words));
    if (words == NULL)
        return dm_ctx_nomem(ctx);
    rest = text;
    for (size_t i = 0; i < n; i++)
        (void)dm_str_next(&rest, ' ', &words[i]);
    *ret_words = (struct dm_list){words, n};
    return DM_OK;
}
