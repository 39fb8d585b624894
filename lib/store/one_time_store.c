/*
 * One-time tokens in PostgreSQL: under domain/one_time.c, over pg.c. What must be true together (a token's use and what it
 * brings about) is done in the caller's transaction.
 */
#include "store/one_time_store.h"

#define LIVE " used_at IS NULL AND expires_at > now()"

static const struct dm_pg_stmt one_time_add = {
    .name = "one_time_add",
    .sql = "INSERT INTO one_time_token"
           " (token_hash, account_id, purpose, email_key, code_hash, password_hash, first_name,"
           " last_name, new_email, session_id, expires_at, created_by, updated_by)"
           " VALUES ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10::uuid,"
           " now() + make_interval(secs => $11), $2::uuid, $2::uuid)",
    .n_params = 11,
    .rows = DM_PG_NONE,
};

enum dm_result dm_one_time_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                     const struct dm_one_time_row *row, int64_t valid_s)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(row->token_hash), dm_pg_text(row->account_id), dm_pg_text(row->purpose),
        dm_pg_text(row->email_key),  dm_pg_text(row->code_hash),  dm_pg_text(row->password_hash),
        dm_pg_text(row->first_name), dm_pg_text(row->last_name),  dm_pg_text(row->new_email),
        dm_pg_text(row->session_id), dm_pg_int(ctx, valid_s),
    };
    return dm_pg_exec(conn, ctx, &one_time_add, params, NULL);
}

static const struct dm_pg_stmt one_time_account = {
    .name = "one_time_account",
    .sql = "SELECT account_id FROM one_time_token"
           " WHERE token_hash = $1"
           " AND purpose = $2"
           " AND" LIVE,
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_one_time_store_account(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                         struct dm_str purpose, struct dm_str token_hash,
                                         struct dm_str *ret_account_id)
{
    const struct dm_pg_param params[] = {dm_pg_text(token_hash), dm_pg_text(purpose)};
    struct dm_pg_result found;
    enum dm_result result = dm_pg_exec(conn, ctx, &one_time_account, params, &found);
    if (result == DM_OK)
        *ret_account_id = dm_pg_cell(&found, 0, 0);
    return result;
}

static const struct dm_pg_stmt one_time_use = {
    .name = "one_time_use",
    .sql = "UPDATE one_time_token"
           " SET used_at = now(), updated_at = now(), updated_by = account_id"
           " WHERE token_hash = $1"
           " AND purpose = $2"
           " AND" LIVE
           " RETURNING account_id, email_key, password_hash, first_name, last_name, new_email,"
           " session_id",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_one_time_store_use(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                     struct dm_str purpose, struct dm_str token_hash,
                                     struct dm_one_time_row *ret_row)
{
    const struct dm_pg_param params[] = {dm_pg_text(token_hash), dm_pg_text(purpose)};
    struct dm_pg_result used;
    enum dm_result result = dm_pg_exec(conn, ctx, &one_time_use, params, &used);
    if (result == DM_OK)
        *ret_row = (struct dm_one_time_row){
            .token_hash = token_hash,
            .purpose = purpose,
            .account_id = dm_pg_cell(&used, 0, 0),
            .email_key = dm_pg_cell(&used, 0, 1),
            .password_hash = dm_pg_cell(&used, 0, 2),
            .first_name = dm_pg_cell(&used, 0, 3),
            .last_name = dm_pg_cell(&used, 0, 4),
            .new_email = dm_pg_cell(&used, 0, 5),
            .session_id = dm_pg_cell(&used, 0, 6),
        };
    return result;
}

/* In one order, so that two of them never wait for each other in a circle. */
static const struct dm_pg_stmt one_time_lock_accounts = {
    .name = "one_time_lock_accounts",
    .sql = "SELECT id FROM account"
           " WHERE id IN (SELECT account_id FROM one_time_token"
           " WHERE email_key = $1 AND purpose = $2 AND" LIVE ")"
           " ORDER BY id"
           " FOR UPDATE",
    .n_params = 2,
    .rows = DM_PG_MANY,
};

static const struct dm_pg_stmt one_time_try_code = {
    .name = "one_time_try_code",
    .sql = "UPDATE one_time_token"
           " SET code_tries = code_tries + CASE WHEN code_hash = $3 THEN 0 ELSE 1 END,"
           " updated_at = now()"
           " WHERE email_key = $1"
           " AND purpose = $2"
           " AND" LIVE " AND code_hash IS NOT NULL"
           " AND code_tries < $4"
           " RETURNING code_hash = $3, token_hash, account_id",
    .n_params = 4,
    .rows = DM_PG_MANY,
};

enum dm_result dm_one_time_store_try_code(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          const struct dm_one_time_try *one,
                                          struct dm_one_time_row *ret_row)
{
    const struct dm_pg_param params[] = {dm_pg_text(one->email_key), dm_pg_text(one->purpose),
                                         dm_pg_text(one->code_hash),
                                         dm_pg_int(ctx, DM_ONE_TIME_CODE_TRIES)};
    struct dm_pg_result tried;
    enum dm_result result = dm_pg_exec(conn, ctx, &one_time_lock_accounts, params, NULL);
    if (result == DM_OK)
        result = dm_pg_exec(conn, ctx, &one_time_try_code, params, &tried);
    if (result != DM_OK)
        return result;
    *ret_row = (struct dm_one_time_row){0};
    for (size_t i = 0; i < tried.n_rows && ret_row->token_hash.p == NULL; i++) {
        ret_row->account_id = dm_pg_cell(&tried, i, 2);
        if (dm_pg_cell_bool(&tried, i, 0))
            ret_row->token_hash = dm_pg_cell(&tried, i, 1);
    }
    return DM_OK;
}

static const struct dm_pg_stmt one_time_drop = {
    .name = "one_time_drop",
    .sql = "DELETE FROM one_time_token"
           " WHERE account_id = $1::uuid"
           " AND ($2::text IS NULL OR purpose = $2)",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_one_time_store_drop(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                      struct dm_str account_id, struct dm_str purpose)
{
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_text(purpose)};
    return dm_pg_exec(conn, ctx, &one_time_drop, params, NULL);
}

static const struct dm_pg_stmt one_time_sweep = {
    .name = "one_time_sweep",
    /* Not WHERE token_hash IN (SELECT … LIMIT): a plan may run that more than once. */
    .sql = "WITH old AS MATERIALIZED ("
           " SELECT token_hash"
           " FROM one_time_token"
           " WHERE expires_at <= now()"
           " LIMIT $1"
           " FOR UPDATE SKIP LOCKED)"
           " DELETE FROM one_time_token t"
           " USING old"
           " WHERE t.token_hash = old.token_hash",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

enum dm_result dm_one_time_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx, int64_t limit,
                                       int64_t *ret_deleted)
{
    const struct dm_pg_param max = dm_pg_int(ctx, limit);
    struct dm_pg_result deleted;
    enum dm_result result = dm_pg_run(pg, ctx, &one_time_sweep, &max, &deleted);
    if (result == DM_OK)
        *ret_deleted = (int64_t)deleted.affected;
    return result;
}
