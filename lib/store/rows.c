/* The statements are the stores' own; here is what is done round them. */
#include "store/rows.h"

static enum dm_result read_items(struct dm_ctx *ctx, const struct dm_rows_list *list,
                                 const struct dm_pg_result *rows, size_t n,
                                 struct dm_list *ret_list)
{
    char *items = dm_arena_array(ctx->arena, n, list->item_size);
    if (items == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < n; i++)
        list->read(rows, i, items + i * list->item_size);
    *ret_list = (struct dm_list){items, n};
    return DM_OK;
}

enum dm_result dm_rows_of_owner(struct dm_pg *pg, struct dm_ctx *ctx,
                                const struct dm_rows_list *list, struct dm_str owner_id,
                                struct dm_slice slice, struct dm_list *ret_list, bool *ret_more)
{
    const struct dm_pg_param params[] = {dm_pg_text(owner_id), dm_pg_text(slice.after_id),
                                         dm_pg_int(ctx, slice.limit + 1)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, list->stmt, params, &rows);
    if (r == DM_OK)
        r = read_items(ctx, list, &rows, rows.n_rows, ret_list);
    if (r == DM_OK)
        *ret_more = dm_slice_cut(slice, ret_list);
    return r;
}

enum dm_result dm_rows_of_profile(struct dm_pg *pg, struct dm_ctx *ctx,
                                  const struct dm_rows_list *list, struct dm_owned profile,
                                  struct dm_slice slice, struct dm_list *ret_list, bool *ret_more)
{
    const struct dm_pg_param params[] = {dm_pg_text(profile.id), dm_pg_text(profile.owner_id),
                                         dm_pg_text(slice.after_id),
                                         dm_pg_int(ctx, slice.limit + 1)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, list->stmt, params, &rows);
    if (r == DM_OK && rows.n_rows == 0)
        r = dm_err_set(&ctx->err, DM_E_NOTFOUND, "There is no such profile.");
    if (r != DM_OK)
        return r;
    size_t n = dm_pg_cell(&rows, 0, 0).p != NULL ? rows.n_rows : 0;
    r = read_items(ctx, list, &rows, n, ret_list);
    if (r == DM_OK)
        *ret_more = dm_slice_cut(slice, ret_list);
    return r;
}

enum dm_result dm_rows_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                           const struct dm_rows_new *how, const struct dm_pg_param *params,
                           struct dm_pg_result *ret_rows, bool *ret_new)
{
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, how->add, params, &rows);
    bool added = r == DM_OK && rows.n_rows == 1;
    if (r == DM_OK && !added)
        r = dm_pg_exec(conn, ctx, how->find, params, &rows);
    if (r != DM_OK)
        return r;
    *ret_rows = rows;
    *ret_new = added;
    return DM_OK;
}
