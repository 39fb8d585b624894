/* Reads what the table of store/personal_store.c names, page by page within one snapshot, and writes it on. */
#include "domain/export.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "store/audit_store.h"
#include "store/personal_store.h"

#define FORMAT "digitalme.account/1"
#define PAGE_BYTES (256 * 1024)
#define PAGE_BYTES_MAX (64 << 20) /* what a page's rows may come to at the worst */
#define TEXT_BYTES_MAX (32 << 20)

struct export
{
    const struct dm_export_sink *sink;
    struct dm_str account_id;
    struct dm_buf text; /* of one page */
    struct dm_json_writer w;
};

static enum dm_result flush(struct export *export, struct dm_ctx *ctx)
{
    if (dm_buf_failed(&export->text))
        return dm_ctx_nomem(ctx);
    bool taken = export->sink->write(export->sink->arg, dm_buf_str(&export->text), &ctx->err);
    dm_buf_reset(&export->text);
    return taken ? DM_OK : ctx->err.code;
}

static enum dm_result write_page(struct export *export, struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                 const struct dm_personal *table, char after[65], bool *ret_more)
{
    struct dm_list page;
    struct dm_str key = after[0] ? dm_str_from(after) : (struct dm_str){0};
    enum dm_result result =
        dm_personal_store_read(conn, ctx, table, export->account_id, key, &page);
    if (result != DM_OK)
        return result;
    const struct dm_personal_row *rows = page.items;
    for (size_t i = 0; i < page.n; i++)
        dm_json_raw(&export->w, rows[i].json);
    if (page.n > 0)
        snprintf(after, 65, "%.*s", DM_STR_ARG(rows[page.n - 1].key));
    *ret_more = !table->single && page.n == (size_t)table->page_rows;
    return flush(export, ctx);
}

static enum dm_result write_table(struct export *export, struct dm_pg_conn *conn,
                                  struct dm_ctx *ctx, const struct dm_personal *table)
{
    char after[65] = ""; /* the longest key is a SHA-256 in hex */
    bool more = true;
    enum dm_result result = DM_OK;
    dm_json_name(&export->w, table->member);
    if (!table->single)
        dm_json_array_begin(&export->w);
    while (result == DM_OK && more) {
        dm_arena_reset(ctx->arena);
        result = write_page(export, conn, ctx, table, after, &more);
    }
    if (!table->single)
        dm_json_array_end(&export->w);
    else if (after[0] == '\0')
        dm_json_null(&export->w);
    return result;
}

static enum dm_result write_all(struct export *export, struct dm_pg_conn *conn, struct dm_ctx *ctx)
{
    enum dm_result result = DM_OK;
    dm_json_object_begin(&export->w);
    dm_json_name(&export->w, "format");
    dm_json_string(&export->w, DM_STR(FORMAT));
    dm_json_name(&export->w, "exportedAt");
    dm_json_time(&export->w, dm_clock_wall_ms());
    /* From the account downwards: the order for readers is that for erasing from its end. */
    for (size_t i = dm_personal_n_tables; result == DM_OK && i > 0; i--)
        if (dm_personal_tables[i - 1].read != NULL)
            result = write_table(export, conn, ctx, &dm_personal_tables[i - 1]);
    dm_json_object_end(&export->w);
    return result == DM_OK ? flush(export, ctx) : result;
}

static enum dm_result record(const struct dm_domain *domain, struct dm_ctx *ctx,
                             struct dm_str account_id)
{
    const struct dm_audit_event event = {
        .action = "account.export", .entity = "account", .entity_id = account_id};
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin(domain->pg, ctx, &conn);
    return result == DM_OK ? dm_pg_end(conn, ctx, dm_audit_store_add(conn, ctx, &event)) : result;
}

static enum dm_result read_all(const struct dm_domain *domain, struct dm_ctx *ctx,
                               struct export *export)
{
    struct dm_pg_conn *conn;
    enum dm_result result = dm_pg_begin_snapshot(domain->pg, ctx, &conn);
    if (result != DM_OK)
        return result;
    dm_buf_init(&export->text, NULL, TEXT_BYTES_MAX);
    dm_json_writer_init(&export->w, &export->text);
    result = dm_pg_end(conn, ctx, write_all(export, conn, ctx));
    dm_buf_done(&export->text);
    return result;
}

/* Written down before it is given out: what is not written down is not given. */
enum dm_result dm_export(const struct dm_domain *domain, struct dm_ctx *ctx,
                         struct dm_str account_id, const struct dm_export_sink *sink)
{
    enum dm_result result = record(domain, ctx, account_id);
    if (result != DM_OK)
        return result;
    struct dm_ctx page = *ctx;
    page.arena = dm_arena_new(PAGE_BYTES, PAGE_BYTES_MAX);
    if (page.arena == NULL)
        return dm_ctx_nomem(ctx);
    struct export export = {.sink = sink, .account_id = account_id};
    result = read_all(domain, &page, &export);
    ctx->err = page.err;
    dm_arena_free(page.arena);
    return result;
}
