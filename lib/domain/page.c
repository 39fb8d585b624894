/* Read once at the API's start; the policy's hashes are made of what was read, so that file and policy cannot drift apart. */
#include "domain/page.h"

#include <string.h>

#include "base/file.h"
#include "domain/mail_template.h"

#define PAGE_BYTES_MAX (256 * 1024)
#define HASH_TEXT 45 /* base64 of a SHA-256, and NUL */

/* What stands between <name> and </name>; absent unless there is exactly one of each. */
static struct dm_str element(struct dm_str html, const char *name)
{
    char open[16], close[16];
    int n_open = snprintf(open, sizeof(open), "<%s>", name);
    int n_close = snprintf(close, sizeof(close), "</%s>", name);
    const char *from = memmem(html.p, html.n, open, (size_t)n_open);
    const char *to = memmem(html.p, html.n, close, (size_t)n_close);
    if (from == NULL || to == NULL || from > to)
        return (struct dm_str){0};
    struct dm_str content = {from + n_open, (size_t)(to - from - n_open)};
    struct dm_str rest = {to + n_close, (size_t)(html.p + html.n - to - n_close)};
    if (memmem(rest.p, rest.n, open, (size_t)n_open) != NULL ||
        memmem(content.p, content.n, open, (size_t)n_open) != NULL)
        return (struct dm_str){0};
    return content;
}

static void hash_of(struct dm_str content, char ret_text[HASH_TEXT])
{
    uint8_t digest[DM_SHA256_BYTES];
    dm_secret_sha256(content, digest);
    dm_base64_encode(digest, sizeof(digest), ret_text);
}

/* The site's name goes into the markup; the script, which comes last, is left as it is. */
static struct dm_str filled(struct dm_arena *arena, const struct dm_settings *settings,
                            struct dm_str text, size_t markup)
{
    const struct dm_mail_placeholder name = {"site_name", dm_str_from(settings->site_name)};
    struct dm_buf out;
    dm_buf_init(&out, arena, 2 * PAGE_BYTES_MAX);
    dm_mail_template_fill(&out, dm_str_slice(text, 0, markup), &name, 1, true);
    dm_buf_add(&out, dm_str_slice(text, markup, text.n));
    return dm_buf_failed(&out) ? (struct dm_str){0} : dm_buf_str(&out);
}

static enum dm_result fill(const struct dm_settings *settings, const char *path, struct dm_str text,
                           struct dm_err *err, struct dm_page *page)
{
    struct dm_str script = element(text, "script"), style = element(text, "style");
    char script_hash[HASH_TEXT], style_hash[HASH_TEXT];
    if (script.p == NULL || style.p == NULL || style.p > script.p)
        return dm_err_set(err, DM_E_INVALID, "%s: needs one <style>, and one <script> after it",
                          path);
    page->html = filled(page->arena, settings, text, (size_t)(script.p - text.p));
    if (page->html.p == NULL)
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    hash_of(element(page->html, "script"), script_hash);
    hash_of(element(page->html, "style"), style_hash);
    page->policy = dm_arena_printf(page->arena,
                                   "default-src 'none'; script-src 'sha256-%s'; "
                                   "style-src 'sha256-%s'; connect-src 'self'; base-uri 'none'; "
                                   "form-action 'none'; frame-ancestors 'none'",
                                   script_hash, style_hash);
    return page->policy.p != NULL ? DM_OK : dm_err_set(err, DM_E_NOMEM, "out of memory");
}

enum dm_result dm_page_load(const struct dm_settings *settings, struct dm_err *err,
                            struct dm_page **ret_page)
{
    char path[1100];
    struct dm_str text = {0};
    struct dm_arena *arena = dm_arena_new(64 * 1024, 8 * PAGE_BYTES_MAX);
    struct dm_page *page = arena ? dm_arena_alloc(arena, sizeof(*page)) : NULL;
    if (page == NULL) {
        dm_arena_free(arena);
        return dm_err_set(err, DM_E_NOMEM, "out of memory");
    }
    page->arena = arena;
    snprintf(path, sizeof(path), "%s/page/account.html", settings->data_dir);
    enum dm_result result = dm_file_read(path, PAGE_BYTES_MAX, arena, err, &text);
    if (result == DM_OK)
        result = fill(settings, path, text, err, page);
    if (result != DM_OK) {
        dm_arena_free(arena);
        return result;
    }
    *ret_page = page;
    return DM_OK;
}

void dm_page_free(struct dm_page *page)
{
    if (page != NULL)
        dm_arena_free(page->arena);
}
