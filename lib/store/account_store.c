/*
 * Accounts and one-time tokens in PostgreSQL: under domain/account.c, over pg.c. What must be true
 * together (a token's use and what it brings about) is done in the caller's transaction.
 */
#include "store/account_store.h"

#define ACCOUNT_COLUMNS                                                                            \
    " id, email, password_hash, first_name, last_name, role, state,"                               \
    " created_at, updated_at, second_step_at IS NOT NULL"

static void row_read(const struct dm_pg_result *result, struct dm_account_row *ret_row)
{
    *ret_row = (struct dm_account_row){
        .id = dm_pg_cell(result, 0, 0),
        .email = dm_pg_cell(result, 0, 1),
        .password_hash = dm_pg_cell(result, 0, 2),
        .first_name = dm_pg_cell(result, 0, 3),
        .last_name = dm_pg_cell(result, 0, 4),
        .role = dm_pg_cell(result, 0, 5),
        .state = dm_pg_cell(result, 0, 6),
        .created_at_ms = dm_pg_cell_opt_time(result, 0, 7).ms,
        .updated_at_ms = dm_pg_cell_opt_time(result, 0, 8).ms,
        .second_step = dm_pg_cell_bool(result, 0, 9),
    };
}

static const struct dm_pg_stmt account_by_id = {
    .name = "account_by_id",
    .sql = "SELECT" ACCOUNT_COLUMNS " FROM account"
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
        row_read(&found, ret_row);
    return result;
}

static const struct dm_pg_stmt account_by_email = {
    .name = "account_by_email",
    .sql = "SELECT" ACCOUNT_COLUMNS " FROM account"
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
        row_read(&found, ret_row);
    return result;
}

static const struct dm_pg_stmt account_lock_by_email = {
    .name = "account_lock_by_email",
    .sql = "SELECT" ACCOUNT_COLUMNS " FROM account"
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
        row_read(&found, ret_row);
    return result;
}

static const struct dm_pg_stmt account_lock_by_id = {
    .name = "account_lock_by_id",
    .sql = "SELECT" ACCOUNT_COLUMNS " FROM account"
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
        row_read(&found, ret_row);
    return result;
}

static const struct dm_pg_stmt account_add = {
    .name = "account_add",
    .sql = "INSERT INTO account"
           " (id, email, email_key, password_hash, first_name, last_name, created_by, updated_by)"
           " VALUES ($1::uuid, $2, $3, $4, $5, $6, $1::uuid, $1::uuid)"
           " ON CONFLICT (email_key) DO NOTHING",
    .n_params = 6,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                    const struct dm_account_new *account, bool *ret_added)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(account->id),         dm_pg_text(account->email),
        dm_pg_text(account->email_key),  dm_pg_text(account->password_hash),
        dm_pg_text(account->first_name), dm_pg_text(account->last_name),
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
           " SET password_hash = $2, first_name = $3, last_name = $4, updated_at = now()"
           " WHERE id = $1::uuid"
           " AND state = 'unconfirmed'",
    .n_params = 4,
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
    };
    struct dm_pg_result updated;
    return dm_pg_exec(conn, ctx, &account_register_again, params, &updated);
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

static const struct dm_pg_stmt one_time_token_add = {
    .name = "one_time_token_add",
    .sql = "INSERT INTO one_time_token"
           " (token_hash, account_id, purpose, password_hash, first_name, last_name, expires_at,"
           " created_by, updated_by)"
           " VALUES ($1, $2::uuid, $3, $4, $5, $6, now() + make_interval(secs => $7),"
           " $2::uuid, $2::uuid)",
    .n_params = 7,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_add_token(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          const struct dm_one_time_token *token)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(token->token_hash),           dm_pg_text(token->account_id),
        dm_pg_text(dm_str_from(token->purpose)), dm_pg_text(token->password_hash),
        dm_pg_text(token->first_name),           dm_pg_text(token->last_name),
        dm_pg_int(ctx, token->valid_s),
    };
    struct dm_pg_result added;
    return dm_pg_exec(conn, ctx, &one_time_token_add, params, &added);
}

/* The account is locked before its tokens, as registration does: two transactions never wait for
 * each other in a circle. */
static const struct dm_pg_stmt one_time_token_confirm = {
    .name = "one_time_token_confirm",
    .sql = "UPDATE account a"
           " SET state = 'active', email_confirmed_at = now(), password_hash = t.password_hash,"
           " first_name = coalesce(t.first_name, a.first_name),"
           " last_name = coalesce(t.last_name, a.last_name),"
           " updated_at = now(), updated_by = a.id"
           " FROM one_time_token t"
           " WHERE t.token_hash = $1"
           " AND t.purpose = 'confirm_email'"
           " AND t.used_at IS NULL"
           " AND t.expires_at > now()"
           " AND a.id = t.account_id"
           " AND a.state = 'unconfirmed'"
           " RETURNING a.id",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

static const struct dm_pg_stmt one_time_token_use = {
    .name = "one_time_token_use",
    .sql = "UPDATE one_time_token"
           " SET used_at = now(), updated_at = now(), updated_by = account_id"
           " WHERE token_hash = $1"
           " AND used_at IS NULL",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt one_time_token_drop_others = {
    .name = "one_time_token_drop_others",
    .sql = "DELETE FROM one_time_token"
           " WHERE account_id = $1::uuid"
           " AND purpose = 'confirm_email'"
           " AND token_hash <> $2",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_account_store_confirm(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                        struct dm_str token_hash, struct dm_str *ret_account_id)
{
    const struct dm_pg_param hash = dm_pg_text(token_hash);
    struct dm_pg_result confirmed, used;
    enum dm_result result = dm_pg_exec(conn, ctx, &one_time_token_confirm, &hash, &confirmed);
    if (result != DM_OK)
        return result;
    result = dm_pg_exec(conn, ctx, &one_time_token_use, &hash, &used);
    if (result != DM_OK)
        return result;

    struct dm_str account_id = dm_pg_cell(&confirmed, 0, 0);
    result = dm_pg_exec(conn, ctx, &one_time_token_drop_others,
                        (const struct dm_pg_param[]){dm_pg_text(account_id), hash}, &used);
    if (result == DM_OK)
        *ret_account_id = account_id;
    return result;
}

static const struct dm_pg_stmt one_time_token_sweep = {
    .name = "one_time_token_sweep",
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

enum dm_result dm_account_store_sweep_tokens(struct dm_pg *pg, struct dm_ctx *ctx, int64_t limit,
                                             int64_t *ret_deleted)
{
    const struct dm_pg_param max = dm_pg_int(ctx, limit);
    struct dm_pg_result deleted;
    enum dm_result result = dm_pg_run(pg, ctx, &one_time_token_sweep, &max, &deleted);
    if (result == DM_OK)
        *ret_deleted = (int64_t)deleted.affected;
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
