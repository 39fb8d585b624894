/*
 * Accounts in PostgreSQL: under domain/account.c, over pg.c. What must be true together (a token's use and what it
 * brings about) is done in the caller's transaction.
 */
#include "store/account_row.h"

void dm_account_row_read(const struct dm_pg_result *result, size_t column,
                         struct dm_account_row *ret_row)
{
    *ret_row = (struct dm_account_row){
        .id = dm_pg_cell(result, 0, column),
        .email = dm_pg_cell(result, 0, column + 1),
        .password_hash = dm_pg_cell(result, 0, column + 2),
        .first_name = dm_pg_cell(result, 0, column + 3),
        .last_name = dm_pg_cell(result, 0, column + 4),
        .role = dm_pg_cell(result, 0, column + 5),
        .state = dm_pg_cell(result, 0, column + 6),
        .created_at_ms = dm_pg_cell_opt_time(result, 0, column + 7).ms,
        .updated_at_ms = dm_pg_cell_opt_time(result, 0, column + 8).ms,
        .second_step = dm_pg_cell_bool(result, 0, column + 9),
        .registered_from = dm_pg_cell(result, 0, column + 10),
    };
}

static const struct dm_pg_stmt account_by_id = {
    .name = "account_by_id",
    .sql = "SELECT" DM_ACCOUNT_COLUMNS("") " FROM account"
                                           " WHERE id = $1::uuid",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_account_store_by_id(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str id,
                                      struct dm_account_row *ret_row)
{
    struct dm_pg_result found;
    enum dm_result result =
        dm_pg_run(pg, ctx, &account_by_id, (const struct dm_pg_param[]){dm_pg_text(id)}, &found);
    if (result == DM_OK)
        dm_account_row_read(&found, 0, ret_row);
    return result;
}

static const struct dm_pg_stmt account_by_email = {
    .name = "account_by_email",
    .sql = "SELECT" DM_ACCOUNT_COLUMNS("") " FROM account"
                                           " WHERE email_key = $1",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_account_store_by_email(struct dm_pg *pg, struct dm_ctx *ctx,
                                         struct dm_str email_key, struct dm_account_row *ret_row)
{
    struct dm_pg_result found;
    enum dm_result result = dm_pg_run(pg, ctx, &account_by_email,
                                      (const struct dm_pg_param[]){dm_pg_text(email_key)}, &found);
    if (result == DM_OK)
        dm_account_row_read(&found, 0, ret_row);
    return result;
}

enum dm_result dm_account_store_find_by_email(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                              struct dm_str email_key,
                                              struct dm_account_row *ret_row)
{
    struct dm_pg_result found;
    enum dm_result result = dm_pg_exec(conn, ctx, &account_by_email,
                                       (const struct dm_pg_param[]){dm_pg_text(email_key)}, &found);
    if (result == DM_OK)
        dm_account_row_read(&found, 0, ret_row);
    return result;
}

static const struct dm_pg_stmt account_lock_by_id = {
    .name = "account_lock_by_id",
    .sql = "SELECT" DM_ACCOUNT_COLUMNS("") " FROM account"
                                           " WHERE id = $1::uuid"
                                           " FOR UPDATE",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_account_store_lock_by_id(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                           struct dm_str id, struct dm_account_row *ret_row)
{
    struct dm_pg_result found;
    enum dm_result result = dm_pg_exec(conn, ctx, &account_lock_by_id,
                                       (const struct dm_pg_param[]){dm_pg_text(id)}, &found);
    if (result == DM_OK)
        dm_account_row_read(&found, 0, ret_row);
    return result;
}

static const struct dm_pg_stmt account_lock_by_email = {
    .name = "account_lock_by_email",
    .sql = "SELECT" DM_ACCOUNT_COLUMNS("") " FROM account"
                                           " WHERE email_key = $1"
                                           " FOR UPDATE",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_account_store_lock_by_email(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                              struct dm_str email_key,
                                              struct dm_account_row *ret_row)
{
    struct dm_pg_result found;
    enum dm_result result = dm_pg_exec(conn, ctx, &account_lock_by_email,
                                       (const struct dm_pg_param[]){dm_pg_text(email_key)}, &found);
    if (result == DM_OK)
        dm_account_row_read(&found, 0, ret_row);
    return result;
}

static const struct dm_pg_stmt account_add = {
    .name = "account_add",
    .sql = "INSERT INTO account"
           " (id, email, email_key, password_hash, first_name, last_name, registered_from,"
           " created_by, updated_by)"
           " VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $1::uuid, $1::uuid)"
           " ON CONFLICT (email_key) DO NOTHING",
    .n_params = 7,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                    const struct dm_account_new *account, bool *ret_added)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(account->id),
        dm_pg_text(account->email),
        dm_pg_text(account->email_key),
        dm_pg_text(account->password_hash),
        dm_pg_text(account->first_name),
        dm_pg_text(account->last_name),
        dm_pg_text(account->registered_from),
    };
    struct dm_pg_result added;
    enum dm_result result = dm_pg_exec(conn, ctx, &account_add, params, &added);
    if (result == DM_OK)
        *ret_added = added.affected == 1;
    return result;
}

static const struct dm_pg_stmt account_register_again = {
    .name = "account_register_again",
    .sql = "UPDATE account"
           " SET password_hash = $2, first_name = $3, last_name = $4, registered_from = $5,"
           " updated_at = now()"
           " WHERE id = $1::uuid"
           " AND state = 'unconfirmed'",
    .n_params = 5,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_register_again(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                               const struct dm_account_new *account)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(account->id),
        dm_pg_text(account->password_hash),
        dm_pg_text(account->first_name),
        dm_pg_text(account->last_name),
        dm_pg_text(account->registered_from),
    };
    return dm_pg_exec(conn, ctx, &account_register_again, params, NULL);
}

static const struct dm_pg_stmt account_count_mail = {
    .name = "account_count_mail",
    .sql = "UPDATE account"
           " SET mail_count = CASE WHEN mail_window_at <= now() - make_interval(secs => $3)"
           " THEN 1 ELSE mail_count + 1 END,"
           " mail_window_at = CASE WHEN mail_window_at <= now() - make_interval(secs => $3)"
           " THEN now() ELSE mail_window_at END"
           " WHERE id = $1::uuid"
           " AND (mail_count < $2 OR mail_window_at <= now() - make_interval(secs => $3))",
    .n_params = 3,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_count_mail(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                           struct dm_str id, int64_t max, int64_t window_s,
                                           bool *ret_allowed)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_int(ctx, max),
                                         dm_pg_int(ctx, window_s)};
    struct dm_pg_result counted;
    enum dm_result result = dm_pg_exec(conn, ctx, &account_count_mail, params, &counted);
    if (result == DM_OK)
        *ret_allowed = counted.affected == 1;
    return result;
}

static const struct dm_pg_stmt account_confirm = {
    .name = "account_confirm",
    .sql = "UPDATE account"
           " SET state = 'active', email_confirmed_at = now(), password_hash = $2,"
           " first_name = coalesce($3, first_name), last_name = coalesce($4, last_name),"
           " registered_from = NULL, updated_at = now(), updated_by = id"
           " WHERE id = $1::uuid"
           " AND state = 'unconfirmed'"
           " RETURNING id",
    .n_params = 4,
    .rows = DM_PG_ONE,
};

enum dm_result dm_account_store_confirm(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                        const struct dm_account_confirmed *confirmed)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(confirmed->id),
        dm_pg_text(confirmed->password_hash),
        dm_pg_text(confirmed->first_name),
        dm_pg_text(confirmed->last_name),
    };
    return dm_pg_exec(conn, ctx, &account_confirm, params, NULL);
}

static const struct dm_pg_stmt account_sweep = {
    .name = "account_sweep",
    /* Not WHERE id IN (SELECT … LIMIT): a plan may run that more than once. */
    .sql = "WITH old AS MATERIALIZED ("
           " SELECT id"
           " FROM account"
           " WHERE state = 'unconfirmed'"
           " AND updated_at < now() - make_interval(secs => $1)"
           " AND NOT EXISTS (SELECT FROM one_time_token t"
           " WHERE t.account_id = account.id AND t.expires_at > now())"
           " ORDER BY updated_at"
           " LIMIT $2"
           " FOR UPDATE SKIP LOCKED)"
           " DELETE FROM account a"
           " USING old"
           " WHERE a.id = old.id",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_sweep(struct dm_pg_conn *conn, struct dm_ctx *ctx, int64_t keep_s,
                                      int64_t limit, int64_t *ret_deleted)
{
    const struct dm_pg_param params[] = {dm_pg_int(ctx, keep_s), dm_pg_int(ctx, limit)};
    struct dm_pg_result deleted;
    enum dm_result result = dm_pg_exec(conn, ctx, &account_sweep, params, &deleted);
    if (result == DM_OK)
        *ret_deleted = (int64_t)deleted.affected;
    return result;
}

static const struct dm_pg_stmt account_set_password = {
    .name = "account_set_password",
    .sql = "UPDATE account"
           " SET password_hash = $3, updated_at = now(), updated_by = id"
           " WHERE id = $1::uuid"
           " AND state = 'active'"
           " AND ($2::text IS NULL OR password_hash = $2)"
           " RETURNING id",
    .n_params = 3,
    .rows = DM_PG_ONE,
};

enum dm_result dm_account_store_set_password(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                             struct dm_str id, struct dm_str old_hash,
                                             struct dm_str new_hash)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_text(old_hash),
                                         dm_pg_text(new_hash)};
    return dm_pg_exec(conn, ctx, &account_set_password, params, NULL);
}

static const struct dm_pg_stmt account_set_email = {
    .name = "account_set_email",
    .sql = "UPDATE account"
           " SET email = $2, email_key = $3, email_confirmed_at = now(), updated_at = now(),"
           " updated_by = id"
           " WHERE id = $1::uuid",
    .n_params = 3,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_set_email(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          struct dm_str id, struct dm_str email,
                                          struct dm_str email_key)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_text(email), dm_pg_text(email_key)};
    return dm_pg_exec(conn, ctx, &account_set_email, params, NULL);
}

static const struct dm_pg_stmt account_drop_unconfirmed = {
    .name = "account_drop_unconfirmed",
    .sql = "DELETE FROM account"
           " WHERE email_key = $1"
           " AND state = 'unconfirmed'",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_drop_unconfirmed(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                 struct dm_str email_key, bool *ret_dropped)
{
    const struct dm_pg_param key = dm_pg_text(email_key);
    struct dm_pg_result dropped;
    enum dm_result result = dm_pg_exec(conn, ctx, &account_drop_unconfirmed, &key, &dropped);
    if (result == DM_OK)
        *ret_dropped = dropped.affected == 1;
    return result;
}

static const struct dm_pg_stmt account_set_names = {
    .name = "account_set_names",
    .sql = "UPDATE account"
           " SET first_name = $2, last_name = $3, updated_at = now(), updated_by = id"
           " WHERE id = $1::uuid"
           " AND state = 'active'"
           " RETURNING" DM_ACCOUNT_COLUMNS(""),
    .n_params = 3,
    .rows = DM_PG_ONE,
};

enum dm_result dm_account_store_set_names(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          struct dm_str id, struct dm_str first_name,
                                          struct dm_str last_name, struct dm_account_row *ret_row)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_text(first_name),
                                         dm_pg_text(last_name)};
    struct dm_pg_result updated;
    enum dm_result result = dm_pg_exec(conn, ctx, &account_set_names, params, &updated);
    if (result == DM_OK)
        dm_account_row_read(&updated, 0, ret_row);
    return result;
}

static const struct dm_pg_stmt account_rehash = {
    .name = "account_rehash",
    /* Log-ins that wait for their second step go on: it is the same password. */
    .sql = "WITH rehashed AS ("
           " UPDATE account"
           " SET password_hash = $3"
           " WHERE id = $1::uuid"
           " AND password_hash = $2"
           " RETURNING id)"
           " UPDATE mfa_challenge c"
           " SET password_hash = $3"
           " FROM rehashed"
           " WHERE c.account_id = rehashed.id"
           " AND c.password_hash = $2",
    .n_params = 3,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_rehash(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str id,
                                       struct dm_str old_hash, struct dm_str new_hash)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_text(old_hash),
                                         dm_pg_text(new_hash)};
    struct dm_pg_result updated;
    return dm_pg_run(pg, ctx, &account_rehash, params, &updated);
}
