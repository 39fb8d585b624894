/* The statements on sealed columns: a name for a column cannot be a parameter, so each column has its own three. */
#include "store/sealed_store.h"

static const struct dm_pg_stmt second_factor_stale = {
    .name = "sealed_second_factor_stale",
    .sql = "SELECT id, secret"
           " FROM second_factor"
           " WHERE split_part(secret, '.', 2) <> $1"
           " AND ($2::uuid IS NULL OR id > $2::uuid)"
           " ORDER BY id"
           " LIMIT $3",
    .n_params = 3,
    .rows = DM_PG_MANY,
};

static const struct dm_pg_stmt second_factor_replace = {
    .name = "sealed_second_factor_replace",
    .sql = "UPDATE second_factor"
           " SET secret = $3, updated_at = now()"
           " WHERE id = $1::uuid"
           " AND secret = $2",
    .n_params = 3,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt second_factor_census = {
    .name = "sealed_second_factor_census",
    .sql = "SELECT split_part(secret, '.', 2), count(*)"
           " FROM second_factor"
           " GROUP BY 1"
           " ORDER BY 1",
    .n_params = 0,
    .rows = DM_PG_MANY,
};

const struct dm_sealed_column dm_sealed_columns[DM_SEALED_COLUMNS] = {
    {"second_factor", "secret", &second_factor_stale, &second_factor_replace,
     &second_factor_census},
};

enum dm_result dm_sealed_store_stale(struct dm_pg *pg, struct dm_ctx *ctx,
                                     const struct dm_sealed_column *column, const char *key_id,
                                     struct dm_str after_id, int64_t limit,
                                     struct dm_list *ret_values)
{
    const struct dm_pg_param params[] = {dm_pg_text(dm_str_from(key_id)), dm_pg_text(after_id),
                                         dm_pg_int(ctx, limit)};
    struct dm_pg_result found;
    enum dm_result result = dm_pg_run(pg, ctx, column->stale, params, &found);
    if (result != DM_OK)
        return result;
    struct dm_sealed_value *values = dm_arena_array(ctx->arena, found.n_rows, sizeof(*values));
    if (values == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < found.n_rows; i++)
        values[i] = (struct dm_sealed_value){dm_pg_cell(&found, i, 0), dm_pg_cell(&found, i, 1)};
    *ret_values = (struct dm_list){values, found.n_rows};
    return DM_OK;
}

enum dm_result dm_sealed_store_replace(struct dm_pg *pg, struct dm_ctx *ctx,
                                       const struct dm_sealed_column *column,
                                       const struct dm_sealed_value *old, struct dm_str sealed,
                                       bool *ret_replaced)
{
    const struct dm_pg_param params[] = {dm_pg_text(old->row_id), dm_pg_text(old->sealed),
                                         dm_pg_text(sealed)};
    struct dm_pg_result replaced;
    enum dm_result result = dm_pg_run(pg, ctx, column->replace, params, &replaced);
    if (result == DM_OK)
        *ret_replaced = replaced.affected == 1;
    return result;
}

enum dm_result dm_sealed_store_census(struct dm_pg *pg, struct dm_ctx *ctx,
                                      const struct dm_sealed_column *column,
                                      struct dm_list *ret_counts)
{
    struct dm_pg_result found;
    enum dm_result result = dm_pg_run(pg, ctx, column->census, NULL, &found);
    if (result != DM_OK)
        return result;
    struct dm_sealed_count *counts = dm_arena_array(ctx->arena, found.n_rows, sizeof(*counts));
    if (counts == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < found.n_rows; i++)
        counts[i] =
            (struct dm_sealed_count){dm_pg_cell(&found, i, 0), dm_pg_cell_int(&found, i, 1)};
    *ret_counts = (struct dm_list){counts, found.n_rows};
    return DM_OK;
}
