/*
 * The log-in guard's rows in PostgreSQL, under domain/guard.c, which has the rules. Locking a row
 * writes it, too, so that a key that was never seen costs what a known one costs.
 */
#include "store/guard_store.h"

static const struct dm_pg_stmt guard_lock = {
    .name = "guard_lock",
    .sql = "INSERT INTO login_guard AS g (key)"
           " VALUES ($1)"
           " ON CONFLICT (key) DO UPDATE SET updated_at = now()"
           " RETURNING failures, failures_in_row, window_at, retry_at, locked_until,"
           " clock_timestamp()",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_guard_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str key,
                                   struct dm_guard_row *ret_row)
{
    struct dm_pg_result found;
    enum dm_result result =
        dm_pg_exec(conn, ctx, &guard_lock, (const struct dm_pg_param[]){dm_pg_text(key)}, &found);
    if (result != DM_OK)
        return result;
    *ret_row = (struct dm_guard_row){
        .failures = dm_pg_cell_int(&found, 0, 0),
        .failures_in_row = dm_pg_cell_int(&found, 0, 1),
        .window_at_ms = dm_pg_cell_opt_time(&found, 0, 2).ms,
        .retry_at_ms = dm_pg_cell_opt_time(&found, 0, 3).ms,
        .locked_until_ms = dm_pg_cell_opt_time(&found, 0, 4).ms,
        .now_ms = dm_pg_cell_opt_time(&found, 0, 5).ms,
    };
    return DM_OK;
}

static const struct dm_pg_stmt guard_save = {
    .name = "guard_save",
    .sql = "UPDATE login_guard"
           " SET failures = $2, failures_in_row = $3, window_at = $4, retry_at = $5,"
           " locked_until = $6, updated_at = now()"
           " WHERE key = $1",
    .n_params = 6,
    .rows = DM_PG_NONE,
};

enum dm_result dm_guard_store_save(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str key,
                                   const struct dm_guard_row *row)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(key),
        dm_pg_int(ctx, row->failures),
        dm_pg_int(ctx, row->failures_in_row),
        dm_pg_time(ctx, row->window_at_ms),
        dm_pg_time(ctx, row->retry_at_ms),
        dm_pg_time(ctx, row->locked_until_ms),
    };
    return dm_pg_exec(conn, ctx, &guard_save, params, NULL);
}

static const struct dm_pg_stmt guard_clear = {
    .name = "guard_clear",
    .sql = "DELETE FROM login_guard"
           " WHERE key = $1"
           " OR key IN ("
           " SELECT 'd:' || d.id"
           " FROM account a"
           " JOIN device d ON d.account_id = a.id"
           " WHERE a.email_key = $2)",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_guard_store_clear(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str key,
                                    struct dm_str email_key)
{
    const struct dm_pg_param params[] = {dm_pg_text(key), dm_pg_text(email_key)};
    return dm_pg_exec(conn, ctx, &guard_clear, params, NULL);
}

static const struct dm_pg_stmt guard_is_locked = {
    .name = "guard_is_locked",
    .sql = "SELECT 1 FROM login_guard"
           " WHERE key = $1"
           " AND (locked_until > now() OR failures_in_row >= $2)",
    .n_params = 2,
    .rows = DM_PG_MANY,
};

enum dm_result dm_guard_store_is_locked(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str key,
                                        int64_t max_in_row, bool *ret_locked)
{
    const struct dm_pg_param params[] = {dm_pg_text(key), dm_pg_int(ctx, max_in_row)};
    struct dm_pg_result found;
    enum dm_result result = dm_pg_run(pg, ctx, &guard_is_locked, params, &found);
    if (result == DM_OK)
        *ret_locked = found.n_rows > 0;
    return result;
}

static const struct dm_pg_stmt guard_sweep = {
    .name = "guard_sweep",
    /* Not WHERE key IN (SELECT … LIMIT): a plan may run that more than once. The index is on
     * created_at, so that touching a row leaves it alone. */
    .sql = "WITH old AS MATERIALIZED ("
           " SELECT key"
           " FROM login_guard"
           " WHERE created_at < now() - make_interval(secs => $1)"
           " AND updated_at < now() - make_interval(secs => $1)"
           " AND failures_in_row < $2"
           " LIMIT $3"
           " FOR UPDATE SKIP LOCKED)"
           " DELETE FROM login_guard g"
           " USING old"
           " WHERE g.key = old.key",
    .n_params = 3,
    .rows = DM_PG_NONE,
};

enum dm_result dm_guard_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx, int64_t keep_s,
                                    int64_t max_in_row, int64_t limit, int64_t *ret_deleted)
{
    const struct dm_pg_param params[] = {dm_pg_int(ctx, keep_s), dm_pg_int(ctx, max_in_row),
                                         dm_pg_int(ctx, limit)};
    struct dm_pg_result deleted;
    enum dm_result result = dm_pg_run(pg, ctx, &guard_sweep, params, &deleted);
    if (result == DM_OK)
        *ret_deleted = (int64_t)deleted.affected;
    return result;
}
