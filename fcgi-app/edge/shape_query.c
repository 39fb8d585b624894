/*
 * Query strings in: the same checks as for a body, on members that are plain scalars. Pointers are
 * those of an object with the same members: "/limit".
 */
#include "base/format.h"
#include "base/utf8.h"
#include "edge/shape_internal.h"

static void decode_bool(struct dm_decoder *d, struct dm_str text, struct dm_opt_bool *ret)
{
    if (dm_str_eq_c(text, "true"))
        *ret = (struct dm_opt_bool){true, true};
    else if (dm_str_eq_c(text, "false"))
        *ret = (struct dm_opt_bool){true, false};
    else
        dm_decoder_violate(d, "type", "must be true or false");
}

static bool is_integer(struct dm_str text)
{
    size_t i = text.n > 0 && text.p[0] == '-' ? 1 : 0;
    size_t first = i;
    while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9')
        i++;
    return i > first && i == text.n;
}

static void decode_int(struct dm_decoder *d, const struct dm_field *field, struct dm_str text,
                       struct dm_opt_int *ret)
{
    int64_t v;
    if (!is_integer(text))
        dm_decoder_violate(d, "type", "must be an integer");
    else if (dm_str_to_int(text, INT64_MIN, INT64_MAX, &v))
        dm_check_int(d, field, v, ret);
    else
        dm_decoder_violate(d, "out_of_range", "must be an integer of 64 bits");
}

static void decode_num(struct dm_decoder *d, const struct dm_field *field, struct dm_str text,
                       struct dm_opt_num *ret)
{
    double v;
    if (dm_str_to_num(text, &v))
        dm_check_num(d, field, v, ret);
    else
        dm_decoder_violate(d, "type", "must be a number");
}

static void decode_value(struct dm_decoder *d, const struct dm_field *field, struct dm_str text,
                         void *at)
{
    switch (field->kind) {
    case DM_STRING:
        dm_check_string(d, field, text, at);
        break;
    case DM_INTEGER:
        decode_int(d, field, text, at);
        break;
    case DM_NUMBER:
        decode_num(d, field, text, at);
        break;
    case DM_BOOLEAN:
        decode_bool(d, text, at);
        break;
    case DM_TIME:
        dm_check_time(d, text, at);
        break;
    case DM_OBJECT:
    case DM_ARRAY:
    case DM_JSON_OBJECT:
    case DM_JSON_ARRAY:
        /* No query string can hold these. */
        dm_decoder_violate(d, "unknown", "is not a parameter of this request");
        break;
    }
}

/* One "name=value". seen: by field. */
static void decode_part(struct dm_decoder *d, const struct dm_shape *shape, struct dm_str part,
                        bool *seen, void *base)
{
    struct dm_str value = part;
    struct dm_str name = {NULL, 0};
    if (!dm_str_next(&value, '=', &name))
        return;
    if (value.p == NULL)
        value = DM_STR("");
    struct dm_arena *arena = d->ctx->arena;
    bool decoded = dm_format_url_decode(arena, name, &name) && dm_utf8_valid(name);
    size_t mark = dm_decoder_down(d, decoded ? name : DM_STR(""));
    const struct dm_field *field = decoded ? dm_shape_field(shape, name) : NULL;
    if (field == NULL)
        dm_decoder_violate(d, "unknown", "is not a parameter of this request");
    else if (seen[field - shape->fields])
        dm_decoder_violate(d, "duplicate", "must be given once");
    else if (!dm_format_url_decode(arena, value, &value) || !dm_utf8_valid(value))
        dm_decoder_violate(d, "format", "must be percent-encoded UTF-8");
    else
        decode_value(d, field, value, dm_field_at(field, base));
    if (field != NULL)
        seen[field - shape->fields] = true;
    dm_decoder_up(d, mark);
}

static void decode_unsaid(struct dm_decoder *d, const struct dm_field *field, void *base)
{
    size_t mark = dm_decoder_down(d, dm_str_from(field->name));
    if (field->required)
        dm_decoder_violate(d, "required", "must be given");
    else if (field->initial != NULL && !dm_shape_initial(d, field, base))
        d->out_of_memory = true; /* its syntax was checked at the start */
    dm_decoder_up(d, mark);
}

enum dm_result dm_shape_decode_query(const struct dm_shape *shape, struct dm_ctx *ctx,
                                     struct dm_str query, void **ret_value,
                                     struct dm_violation **ret_violations)
{
    struct dm_decoder d;
    dm_decoder_init(&d, ctx);
    void *value = dm_decoder_alloc(&d, 1, shape->size);
    bool *seen = dm_decoder_alloc(&d, shape->n_fields, sizeof(*seen));
    if (value == NULL || seen == NULL)
        return dm_ctx_nomem(ctx);
    struct dm_str part;
    while (!d.out_of_memory && dm_str_next(&query, '&', &part))
        if (part.n > 0)
            decode_part(&d, shape, part, seen, value);
    for (size_t i = 0; i < shape->n_fields && !d.out_of_memory; i++)
        if (!seen[i])
            decode_unsaid(&d, &shape->fields[i], value);
    enum dm_result result = dm_decoder_result(&d, ret_violations);
    if (result == DM_OK)
        *ret_value = value;
    return result;
}
