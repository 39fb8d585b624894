/* The statements on api_key and api_key_use. Whoever changes a key locks its row first, and counts its version up. */
#include "store/api_key_store.h"

#include "store/rows.h"
#include "store/session_store.h"

#define KEY_COLUMNS                                                                                \
    " k.id, k.account_id, k.name, k.scopes, k.routes, k.ranges, k.expires_at,"                     \
    " CASE WHEN k.previous_until > now() THEN k.previous_until END,"                               \
    " k.version, k.revoked_at, k.revoke_reason,"                                                   \
    " k.created_at, k.updated_at, k.created_by, k.updated_by"
/* Behind KEY_COLUMNS; what has just been added has no use yet. */
#define USE_COLUMNS ", u.last_used_at, coalesce(u.requests, 0)"
#define WITH_USE " LEFT JOIN api_key_use u ON u.key_id = k.id"
#define NO_USE ", NULL::timestamptz, 0"

/* In the order of KEY_COLUMNS and USE_COLUMNS. */
static void read_key(const struct dm_pg_result *rows, size_t row, void *ret_row)
{
    *(struct dm_api_key_row *)ret_row = (struct dm_api_key_row){
        .id = dm_pg_cell(rows, row, 0),
        .account_id = dm_pg_cell(rows, row, 1),
        .values =
            {
                .name = dm_pg_cell(rows, row, 2),
                .scopes = dm_pg_cell(rows, row, 3),
                .routes = dm_pg_cell(rows, row, 4),
                .ranges = dm_pg_cell(rows, row, 5),
                .expires_at_ms = dm_pg_cell_opt_time(rows, row, 6).ms,
            },
        .previous_until = dm_pg_cell_opt_time(rows, row, 7),
        .version = dm_pg_cell_int(rows, row, 8),
        .revoked_at = dm_pg_cell_opt_time(rows, row, 9),
        .revoke_reason = dm_pg_cell(rows, row, 10),
        .created_at_ms = dm_pg_cell_opt_time(rows, row, 11).ms,
        .updated_at_ms = dm_pg_cell_opt_time(rows, row, 12).ms,
        .created_by = dm_pg_cell(rows, row, 13),
        .updated_by = dm_pg_cell(rows, row, 14),
        .last_used_at = dm_pg_cell_opt_time(rows, row, 15),
        .requests = dm_pg_cell_int(rows, row, 16),
    };
}

static const struct dm_pg_stmt lock_account_stmt = {
    .name = "api_key_lock_account",
    .sql = "SELECT role"
           " FROM account"
           " WHERE id = $1"
           " AND state = 'active'"
           " FOR UPDATE",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

/* A statement of its own: it must see what was committed while the lock was waited for. */
static const struct dm_pg_stmt count_keys_stmt = {
    .name = "api_key_count_of_account",
    .sql = "SELECT count(*)"
           " FROM api_key"
           " WHERE account_id = $1"
           " AND revoked_at IS NULL"
           " AND expires_at > now()",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_api_key_store_lock_account(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                             struct dm_str account_id, struct dm_str *ret_role,
                                             int64_t *ret_keys)
{
    const struct dm_pg_param params[] = {dm_pg_text(account_id)};
    struct dm_pg_result locked, counted;
    enum dm_result r = dm_pg_exec(conn, ctx, &lock_account_stmt, params, &locked);
    if (r == DM_OK)
        r = dm_pg_exec(conn, ctx, &count_keys_stmt, params, &counted);
    if (r != DM_OK)
        return r;
    *ret_role = dm_pg_cell(&locked, 0, 0);
    *ret_keys = dm_pg_cell_int(&counted, 0, 0);
    return DM_OK;
}

static const struct dm_pg_stmt add_stmt = {
    .name = "api_key_add",
    .sql = "WITH k AS ("
           " INSERT INTO api_key"
           " (account_id, id, created_by, updated_by, name, scopes, routes, ranges, expires_at,"
           " secret_hash)"
           " VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9)"
           " ON CONFLICT (id) DO NOTHING"
           " RETURNING *"
           "), use AS ("
           " INSERT INTO api_key_use (key_id, created_by, updated_by)"
           " SELECT id, created_by, created_by FROM k)"
           " SELECT" KEY_COLUMNS NO_USE " FROM k",
    .n_params = 9,
    .rows = DM_PG_MANY,
};

static const struct dm_pg_stmt find_stmt = {
    .name = "api_key_of_owner",
    .sql = "SELECT" KEY_COLUMNS USE_COLUMNS " FROM api_key k" WITH_USE " WHERE k.account_id = $1"
           " AND k.id = $2"
           " AND k.revoked_at IS NULL",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

static const struct dm_rows_new add = {.add = &add_stmt, .find = &find_stmt};

enum dm_result dm_api_key_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                    struct dm_owned key, const struct dm_api_key_values *values,
                                    struct dm_str secret_hash, struct dm_api_key_row *ret_row,
                                    bool *ret_new)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(key.owner_id),   dm_pg_text(key.id),
        dm_pg_text(ctx->actor_id),  dm_pg_text(values->name),
        dm_pg_text(values->scopes), dm_pg_text(values->routes),
        dm_pg_text(values->ranges), dm_pg_time(ctx, values->expires_at_ms),
        dm_pg_text(secret_hash),
    };
    struct dm_pg_result rows;
    enum dm_result r = dm_rows_add(conn, ctx, &add, params, &rows, ret_new);
    if (r == DM_OK)
        read_key(&rows, 0, ret_row);
    return r;
}

static const struct dm_pg_stmt list_stmt = {
    .name = "api_key_list",
    .sql = "SELECT" KEY_COLUMNS USE_COLUMNS " FROM api_key k" WITH_USE " WHERE k.account_id = $1"
           " AND k.revoked_at IS NULL"
           " AND ($2::uuid IS NULL OR k.id > $2)"
           " ORDER BY k.id"
           " LIMIT $3",
    .n_params = 3,
    .rows = DM_PG_MANY,
};

static const struct dm_rows_list list = {
    .stmt = &list_stmt, .item_size = sizeof(struct dm_api_key_row), .read = read_key};

enum dm_result dm_api_key_store_list(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str account_id,
                                     struct dm_slice slice, struct dm_list *ret_list,
                                     bool *ret_more)
{
    return dm_rows_of_owner(pg, ctx, &list, account_id, slice, ret_list, ret_more);
}

/* $1, the owner, is NULL: everyone's. */
static const struct dm_pg_stmt list_all_stmt = {
    .name = "api_key_list_all",
    .sql = "SELECT" KEY_COLUMNS USE_COLUMNS " FROM api_key k" WITH_USE " WHERE $1::uuid IS NULL"
           " AND ($2::uuid IS NULL OR k.id > $2)"
           " ORDER BY k.id"
           " LIMIT $3",
    .n_params = 3,
    .rows = DM_PG_MANY,
};

static const struct dm_rows_list list_all = {
    .stmt = &list_all_stmt, .item_size = sizeof(struct dm_api_key_row), .read = read_key};

enum dm_result dm_api_key_store_list_all(struct dm_pg *pg, struct dm_ctx *ctx,
                                         struct dm_slice slice, struct dm_list *ret_list,
                                         bool *ret_more)
{
    return dm_rows_of_owner(pg, ctx, &list_all, (struct dm_str){NULL, 0}, slice, ret_list,
                            ret_more);
}

enum dm_result dm_api_key_store_get(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_owned key,
                                    struct dm_api_key_row *ret_row)
{
    const struct dm_pg_param params[] = {dm_pg_text(key.owner_id), dm_pg_text(key.id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &find_stmt, params, &rows);
    if (r == DM_OK)
        read_key(&rows, 0, ret_row);
    return r;
}

static const struct dm_pg_stmt lock_stmt = {
    .name = "api_key_lock",
    .sql = "SELECT version"
           " FROM api_key"
           " WHERE id = $2"
           " AND ($1::uuid IS NULL OR account_id = $1)"
           " AND revoked_at IS NULL"
           " FOR UPDATE",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

/* The row as it stands is ours until the transaction ends. */
static enum dm_result lock(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_owned key,
                           struct dm_opt_int version)
{
    const struct dm_pg_param params[] = {dm_pg_text(key.owner_id), dm_pg_text(key.id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &lock_stmt, params, &rows);
    if (r == DM_OK && version.set && version.v != dm_pg_cell_int(&rows, 0, 0))
        return dm_err_set(&ctx->err, DM_E_STALE, "The key has changed since it was read.");
    return r;
}

/* Behind an UPDATE … SET, which begins with what every change sets; $1 is the key, $2 who changes it. */
#define CHANGE                                                                                     \
    "WITH k AS ("                                                                                  \
    " UPDATE api_key"                                                                              \
    " SET version = version + 1, updated_at = now(), updated_by = $2,"
#define TELL_CHANGED ", pg_notify('" DM_SESSION_CHANNEL "', '')"
#define CHANGED                                                                                    \
    " WHERE id = $1"                                                                               \
    " RETURNING *)"                                                                                \
    " SELECT" KEY_COLUMNS USE_COLUMNS TELL_CHANGED " FROM k" WITH_USE

static enum dm_result change(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                             const struct dm_pg_stmt *stmt, const struct dm_pg_param *params,
                             struct dm_api_key_row *ret_row)
{
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, stmt, params, &rows);
    if (r == DM_OK)
        read_key(&rows, 0, ret_row);
    return r;
}

static const struct dm_pg_stmt update_stmt = {
    .name = "api_key_update",
    .sql = CHANGE " name = $3, scopes = $4, routes = $5, ranges = $6, expires_at = $7" CHANGED,
    .n_params = 7,
    .rows = DM_PG_ONE,
};

enum dm_result dm_api_key_store_update(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                       struct dm_owned key, struct dm_opt_int version,
                                       const struct dm_api_key_values *values,
                                       struct dm_api_key_row *ret_row)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(key.id),
        dm_pg_text(ctx->actor_id),
        dm_pg_text(values->name),
        dm_pg_text(values->scopes),
        dm_pg_text(values->routes),
        dm_pg_text(values->ranges),
        dm_pg_time(ctx, values->expires_at_ms),
    };
    enum dm_result r = lock(conn, ctx, key, version);
    return r == DM_OK ? change(conn, ctx, &update_stmt, params, ret_row) : r;
}

static const struct dm_pg_stmt roll_stmt = {
    .name = "api_key_roll",
    .sql = CHANGE " previous_hash = secret_hash,"
                  " previous_until = now() + make_interval(secs => $4),"
                  " secret_hash = $3" CHANGED,
    .n_params = 4,
    .rows = DM_PG_ONE,
};

enum dm_result dm_api_key_store_roll(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                     struct dm_owned key, struct dm_str secret_hash,
                                     int64_t overlap_s, struct dm_api_key_row *ret_row)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(key.id),
        dm_pg_text(ctx->actor_id),
        dm_pg_text(secret_hash),
        dm_pg_int(ctx, overlap_s),
    };
    enum dm_result r = lock(conn, ctx, key, (struct dm_opt_int){0});
    return r == DM_OK ? change(conn, ctx, &roll_stmt, params, ret_row) : r;
}

static const char *end_name(enum dm_api_key_end reason)
{
    static const char *const names[] = {
        [DM_API_KEY_END_OWNER] = "owner",
        [DM_API_KEY_END_ADMIN] = "admin",
        [DM_API_KEY_END_LEAK] = "leak",
    };
    return names[reason];
}

static const struct dm_pg_stmt revoke_stmt = {
    .name = "api_key_revoke",
    .sql = CHANGE " revoked_at = now(), revoke_reason = $3" CHANGED,
    .n_params = 3,
    .rows = DM_PG_ONE,
};

enum dm_result dm_api_key_store_revoke(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                       struct dm_owned key, struct dm_opt_int version,
                                       enum dm_api_key_end reason, struct dm_api_key_row *ret_row)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(key.id),
        dm_pg_text(ctx->actor_id),
        dm_pg_text(dm_str_from(end_name(reason))),
    };
    enum dm_result r = lock(conn, ctx, key, version);
    return r == DM_OK ? change(conn, ctx, &revoke_stmt, params, ret_row) : r;
}

/* The first cell of each row. */
static enum dm_result read_texts(struct dm_ctx *ctx, const struct dm_pg_result *rows,
                                 struct dm_list *ret_texts)
{
    struct dm_str *texts = dm_arena_array(ctx->arena, rows->n_rows, sizeof(*texts));
    if (texts == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < rows->n_rows; i++)
        texts[i] = dm_pg_cell(rows, i, 0);
    *ret_texts = (struct dm_list){texts, rows->n_rows};
    return DM_OK;
}

static const struct dm_pg_stmt renew_all_stmt = {
    .name = "api_key_renew_all",
    .sql = "WITH k AS ("
           " UPDATE api_key"
           " SET version = version + 1, updated_at = now(), updated_by = $2"
           " WHERE account_id = $1"
           " AND revoked_at IS NULL"
           " RETURNING id, version)"
           " SELECT id || '.' || (version - 1)" TELL_CHANGED " FROM k",
    .n_params = 2,
    .rows = DM_PG_MANY,
};

enum dm_result dm_api_key_store_renew_all(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          struct dm_str account_id, struct dm_list *ret_marks)
{
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_text(ctx->actor_id)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &renew_all_stmt, params, &rows);
    if (r != DM_OK)
        return r;
    return read_texts(ctx, &rows, ret_marks);
}

static const struct dm_pg_stmt changed_stmt = {
    .name = "api_key_changed",
    .sql = "SELECT id"
           " FROM api_key"
           " WHERE version > 1"
           " AND updated_at > now() - make_interval(secs => $1)"
           " ORDER BY updated_at DESC"
           " LIMIT $2",
    .n_params = 2,
    .rows = DM_PG_MANY,
};

enum dm_result dm_api_key_store_changed(struct dm_pg *pg, struct dm_ctx *ctx, int64_t within_s,
                                        int64_t limit, struct dm_list *ret_ids)
{
    const struct dm_pg_param params[] = {dm_pg_int(ctx, within_s), dm_pg_int(ctx, limit)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_run(pg, ctx, &changed_stmt, params, &rows);
    return r == DM_OK ? read_texts(ctx, &rows, ret_ids) : r;
}

/* Of a key k whose owner is a. */
#define STANDS                                                                                     \
    " k.revoked_at IS NULL"                                                                        \
    " AND k.expires_at > now()"                                                                    \
    " AND a.state = 'active'"

static const struct dm_pg_stmt grant_stmt = {
    .name = "api_key_grant",
    .sql = "SELECT k.account_id, a.role, k.secret_hash,"
           " CASE WHEN k.previous_until > now() THEN k.previous_hash END, k.previous_until,"
           " k.scopes, k.routes, k.ranges, k.expires_at, k.version,"
           " floor(extract(epoch FROM now() - u.last_used_at) * 1000)::bigint"
           " FROM api_key k"
           " JOIN account a ON a.id = k.account_id"
           " LEFT JOIN api_key_use u ON u.key_id = k.id"
           " WHERE k.id = $1"
           " AND" STANDS,
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_api_key_store_grant(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str id,
                                      struct dm_api_key_grant *ret_grant)
{
    struct dm_pg_result rows;
    enum dm_result r =
        dm_pg_run(pg, ctx, &grant_stmt, (const struct dm_pg_param[]){dm_pg_text(id)}, &rows);
    if (r != DM_OK)
        return r;
    struct dm_opt_int idle = dm_pg_cell_opt_int(&rows, 0, 10);
    *ret_grant = (struct dm_api_key_grant){
        .account_id = dm_pg_cell(&rows, 0, 0),
        .role = dm_pg_cell(&rows, 0, 1),
        .secret_hash = dm_pg_cell(&rows, 0, 2),
        .previous_hash = dm_pg_cell(&rows, 0, 3),
        .previous_until = dm_pg_cell_opt_time(&rows, 0, 4),
        .scopes = dm_pg_cell(&rows, 0, 5),
        .routes = dm_pg_cell(&rows, 0, 6),
        .ranges = dm_pg_cell(&rows, 0, 7),
        .expires_at_ms = dm_pg_cell_opt_time(&rows, 0, 8).ms,
        .version = dm_pg_cell_int(&rows, 0, 9),
        .idle_ms = idle.set ? idle.v : INT64_MAX,
    };
    return DM_OK;
}

static const struct dm_pg_stmt alive_stmt = {
    .name = "api_key_alive",
    .sql = "SELECT EXISTS ("
           " SELECT 1"
           " FROM api_key k"
           " JOIN account a ON a.id = k.account_id"
           " WHERE k.id = split_part($1, '.', 1)::uuid"
           " AND k.version = split_part($1, '.', 2)::bigint"
           " AND" STANDS ")",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_api_key_store_alive(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str mark,
                                      bool *ret_alive)
{
    struct dm_pg_result rows;
    enum dm_result r =
        dm_pg_run(pg, ctx, &alive_stmt, (const struct dm_pg_param[]){dm_pg_text(mark)}, &rows);
    if (r == DM_OK)
        *ret_alive = dm_pg_cell_bool(&rows, 0, 0);
    return r;
}

static const struct dm_pg_stmt count_stmt = {
    .name = "api_key_count",
    .sql = "UPDATE api_key_use"
           " SET requests = requests + $2, last_used_at = now(), updated_at = now()"
           " WHERE key_id = $1",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_api_key_store_count(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str id,
                                      int64_t requests)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_int(ctx, requests)};
    return dm_pg_run(pg, ctx, &count_stmt, params, NULL);
}

static const struct dm_pg_stmt owner_stmt = {
    .name = "api_key_owner",
    .sql = "SELECT a.email, a.first_name"
           " FROM api_key k"
           " JOIN account a ON a.id = k.account_id"
           " WHERE k.id = $1"
           " AND $2 IN (k.secret_hash, k.previous_hash)"
           " AND k.revoked_at IS NULL",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_api_key_store_owner(struct dm_pg_conn *conn, struct dm_ctx *ctx, struct dm_str id,
                                      struct dm_str secret_hash, struct dm_api_key_owner *ret_owner)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_text(secret_hash)};
    struct dm_pg_result rows;
    enum dm_result r = dm_pg_exec(conn, ctx, &owner_stmt, params, &rows);
    if (r == DM_OK)
        *ret_owner = (struct dm_api_key_owner){dm_pg_cell(&rows, 0, 0), dm_pg_cell(&rows, 0, 1)};
    return r;
}

static const struct dm_pg_stmt sweep_stmt = {
    .name = "api_key_sweep",
    /* Not WHERE id IN (SELECT … LIMIT): a plan may run that more than once. */
    .sql = "WITH old AS MATERIALIZED ("
           " SELECT id"
           " FROM api_key"
           " WHERE least(revoked_at, expires_at) < now() - make_interval(secs => $1)"
           " LIMIT $2"
           " FOR UPDATE SKIP LOCKED)"
           " DELETE FROM api_key k"
           " USING old"
           " WHERE k.id = old.id",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_api_key_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx, int64_t keep_s,
                                      int64_t limit, int64_t *ret_deleted)
{
    const struct dm_pg_param params[] = {dm_pg_int(ctx, keep_s), dm_pg_int(ctx, limit)};
    struct dm_pg_result deleted;
    enum dm_result r = dm_pg_run(pg, ctx, &sweep_stmt, params, &deleted);
    if (r == DM_OK)
        *ret_deleted = (int64_t)deleted.affected;
    return r;
}
