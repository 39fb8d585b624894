/*
 * Second factors in PostgreSQL: under domain/mfa.c and domain/second_step.c, over pg.c. That a code counts once is decided here, by
 * one UPDATE each that only the first of any number of callers can do.
 */
#include "store/second_factor_store.h"

#define ACCOUNT_COLUMNS                                                                            \
    " a.id, a.email, a.first_name, a.last_name, a.role, a.state = 'active', a.second_step_at,"     \
    " a.created_at, a.updated_at"

static const struct dm_pg_stmt state_stmt = {
    .name = "second_factor_state",
    .sql = "SELECT a.second_step_at, a.role,"
           " (SELECT count(*) FROM recovery_code c WHERE c.account_id = a.id AND c.used_at IS NULL)"
           " FROM account a"
           " WHERE a.id = $1::uuid",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_second_factor_store_state(struct dm_pg *pg, struct dm_ctx *ctx,
                                            struct dm_str account_id,
                                            struct dm_second_factor_state *ret_state)
{
    const struct dm_pg_param id = dm_pg_text(account_id);
    struct dm_pg_result found;
    enum dm_result result = dm_pg_run(pg, ctx, &state_stmt, &id, &found);
    if (result == DM_OK)
        *ret_state = (struct dm_second_factor_state){
            .since = dm_pg_cell_opt_time(&found, 0, 0),
            .role = dm_pg_cell(&found, 0, 1),
            .codes_left = dm_pg_cell_int(&found, 0, 2),
        };
    return result;
}

static enum dm_result lock(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                           const struct dm_pg_stmt *stmt, struct dm_str key,
                           struct dm_second_factor_account *ret_account)
{
    const struct dm_pg_param param = dm_pg_text(key);
    struct dm_pg_result found;
    enum dm_result result = dm_pg_exec(conn, ctx, stmt, &param, &found);
    if (result == DM_OK)
        *ret_account = (struct dm_second_factor_account){
            .id = dm_pg_cell(&found, 0, 0),
            .email = dm_pg_cell(&found, 0, 1),
            .first_name = dm_pg_cell(&found, 0, 2),
            .last_name = dm_pg_cell(&found, 0, 3),
            .role = dm_pg_cell(&found, 0, 4),
            .active = dm_pg_cell_bool(&found, 0, 5),
            .second_step_at = dm_pg_cell_opt_time(&found, 0, 6),
            .created_at_ms = dm_pg_cell_opt_time(&found, 0, 7).ms,
            .updated_at_ms = dm_pg_cell_opt_time(&found, 0, 8).ms,
        };
    return result;
}

static const struct dm_pg_stmt lock_stmt = {
    .name = "second_factor_lock",
    .sql = "SELECT" ACCOUNT_COLUMNS " FROM account a"
           " WHERE a.id = $1::uuid"
           " FOR UPDATE",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_second_factor_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                           struct dm_str account_id,
                                           struct dm_second_factor_account *ret_account)
{
    return lock(conn, ctx, &lock_stmt, account_id, ret_account);
}

static const struct dm_pg_stmt lock_by_email_stmt = {
    .name = "second_factor_lock_by_email",
    .sql = "SELECT" ACCOUNT_COLUMNS " FROM account a"
           " WHERE a.email_key = $1"
           " FOR UPDATE",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_second_factor_store_lock_by_email(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                    struct dm_str email_key,
                                                    struct dm_second_factor_account *ret_account)
{
    return lock(conn, ctx, &lock_by_email_stmt, email_key, ret_account);
}

/* The account and not the challenge: whoever takes both takes the account first. */
static const struct dm_pg_stmt lock_by_token_stmt = {
    .name = "second_factor_lock_by_token",
    .sql = "SELECT" ACCOUNT_COLUMNS " FROM mfa_challenge c"
           " JOIN account a ON a.id = c.account_id"
           " WHERE c.token_hash = $1"
           " FOR UPDATE OF a",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_second_factor_store_lock_by_token(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                    struct dm_str token_hash,
                                                    struct dm_second_factor_account *ret_account)
{
    return lock(conn, ctx, &lock_by_token_stmt, token_hash, ret_account);
}

static const struct dm_pg_stmt put_stmt = {
    .name = "second_factor_put",
    .sql = "INSERT INTO second_factor AS f (id, account_id, kind, secret, created_by, updated_by)"
           " VALUES ($1::uuid, $2::uuid, 'totp', $3, $2::uuid, $2::uuid)"
           " ON CONFLICT (account_id) WHERE kind = 'totp'"
           " DO UPDATE SET id = excluded.id, secret = excluded.secret, last_step = 0, failures = 0,"
           " locked_until = NULL, created_at = now(), updated_at = now()"
           " WHERE f.confirmed_at IS NULL",
    .n_params = 3,
    .rows = DM_PG_NONE,
};

enum dm_result dm_second_factor_store_put(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          const struct dm_second_factor_new *factor)
{
    const struct dm_pg_param params[] = {dm_pg_text(factor->id), dm_pg_text(factor->account_id),
                                         dm_pg_text(factor->secret)};
    struct dm_pg_result put;
    enum dm_result result = dm_pg_exec(conn, ctx, &put_stmt, params, &put);
    if (result == DM_OK && put.affected == 0)
        return dm_err_set(&ctx->err, DM_E_CONFLICT, "a second factor is on already");
    return result;
}

static const struct dm_pg_stmt get_stmt = {
    .name = "second_factor_get",
    .sql = "SELECT id, secret, confirmed_at IS NOT NULL,"
           " created_at > now() - make_interval(secs => $2),"
           " coalesce(locked_until > now(), false), last_step"
           " FROM second_factor"
           " WHERE account_id = $1::uuid"
           " AND kind = 'totp'",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_second_factor_store_get(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          struct dm_str account_id, int64_t pending_s,
                                          struct dm_second_factor *ret_factor)
{
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_int(ctx, pending_s)};
    struct dm_pg_result found;
    enum dm_result result = dm_pg_exec(conn, ctx, &get_stmt, params, &found);
    if (result == DM_OK)
        *ret_factor = (struct dm_second_factor){
            .id = dm_pg_cell(&found, 0, 0),
            .secret = dm_pg_cell(&found, 0, 1),
            .confirmed = dm_pg_cell_bool(&found, 0, 2),
            .fresh = dm_pg_cell_bool(&found, 0, 3),
            .locked = dm_pg_cell_bool(&found, 0, 4),
            .last_step = dm_pg_cell_int(&found, 0, 5),
        };
    return result;
}

static const struct dm_pg_stmt step_stmt = {
    .name = "second_factor_step",
    .sql = "UPDATE second_factor"
           " SET last_step = $2, failures = 0, locked_until = NULL, updated_at = now(),"
           " updated_by = account_id"
           " WHERE id = $1::uuid"
           " AND last_step < $2",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_second_factor_store_step(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                           struct dm_str id, int64_t step, bool *ret_newer)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_int(ctx, step)};
    struct dm_pg_result set;
    enum dm_result result = dm_pg_exec(conn, ctx, &step_stmt, params, &set);
    if (result == DM_OK)
        *ret_newer = set.affected == 1;
    return result;
}

static const struct dm_pg_stmt fail_stmt = {
    .name = "second_factor_fail",
    .sql = "UPDATE second_factor"
           " SET failures = failures + 1,"
           " locked_until = CASE"
           " WHEN failures + 1 >= $4::integer THEN 'infinity'::timestamptz"
           " WHEN (failures + 1) % $2::integer = 0 THEN now() + make_interval(secs => $3)"
           " ELSE locked_until END,"
           " updated_at = now()"
           " WHERE id = $1::uuid"
           " RETURNING coalesce(locked_until > now(), false)",
    .n_params = 4,
    .rows = DM_PG_ONE,
};

enum dm_result dm_second_factor_store_fail(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                           struct dm_str id,
                                           const struct dm_second_factor_guard *guard,
                                           bool *ret_locked)
{
    const struct dm_pg_param params[] = {dm_pg_text(id), dm_pg_int(ctx, guard->lock_after),
                                         dm_pg_int(ctx, guard->lock_s),
                                         dm_pg_int(ctx, guard->failures_max)};
    struct dm_pg_result failed;
    enum dm_result result = dm_pg_exec(conn, ctx, &fail_stmt, params, &failed);
    if (result == DM_OK)
        *ret_locked = dm_pg_cell_bool(&failed, 0, 0);
    return result;
}

static const struct dm_pg_stmt forgive_stmt = {
    .name = "second_factor_forgive",
    .sql = "UPDATE second_factor"
           " SET failures = 0, locked_until = NULL, updated_at = now(), updated_by = account_id"
           " WHERE account_id = $1::uuid"
           " AND failures > 0",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

enum dm_result dm_second_factor_store_forgive(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                              struct dm_str account_id)
{
    const struct dm_pg_param id = dm_pg_text(account_id);
    return dm_pg_exec(conn, ctx, &forgive_stmt, &id, NULL);
}

static const struct dm_pg_stmt confirm_stmt = {
    .name = "second_factor_confirm",
    .sql = "UPDATE second_factor"
           " SET confirmed_at = now(), updated_at = now(), updated_by = account_id"
           " WHERE id = $1::uuid"
           " AND confirmed_at IS NULL",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt account_on_stmt = {
    .name = "second_factor_account_on",
    .sql = "UPDATE account"
           " SET second_step_at = now(), updated_at = now(), updated_by = $1::uuid"
           " WHERE id = $1::uuid",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt session_did_stmt = {
    .name = "second_factor_session_did",
    .sql = "UPDATE session"
           " SET mfa_at = now(), updated_at = now(), updated_by = account_id"
           " WHERE id = $2::uuid"
           " AND account_id = $1::uuid",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_second_factor_store_turn_on(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                              struct dm_str account_id, struct dm_str factor_id,
                                              struct dm_str session_id)
{
    const struct dm_pg_param factor = dm_pg_text(factor_id);
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_text(session_id)};
    enum dm_result result = dm_pg_exec(conn, ctx, &confirm_stmt, &factor, NULL);
    if (result == DM_OK)
        result = dm_pg_exec(conn, ctx, &account_on_stmt, params, NULL);
    return result == DM_OK ? dm_pg_exec(conn, ctx, &session_did_stmt, params, NULL) : result;
}

static const struct dm_pg_stmt account_off_stmt = {
    .name = "second_factor_account_off",
    .sql = "UPDATE account"
           " SET second_step_at = NULL, updated_at = now(), updated_by = $2::uuid"
           " WHERE id = $1::uuid",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt drop_factors_stmt = {
    .name = "second_factor_drop",
    .sql = "DELETE FROM second_factor WHERE account_id = $1::uuid",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt drop_codes_stmt = {
    .name = "recovery_code_drop",
    .sql = "DELETE FROM recovery_code WHERE account_id = $1::uuid",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt drop_challenges_stmt = {
    .name = "mfa_challenge_drop",
    .sql = "DELETE FROM mfa_challenge WHERE account_id = $1::uuid",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt sessions_did_not_stmt = {
    .name = "second_factor_sessions_did_not",
    .sql = "UPDATE session"
           " SET mfa_at = NULL, updated_at = now()"
           " WHERE account_id = $1::uuid"
           " AND mfa_at IS NOT NULL",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

enum dm_result dm_second_factor_store_turn_off(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                               struct dm_str account_id)
{
    static const struct dm_pg_stmt *const drops[] = {&drop_factors_stmt, &drop_codes_stmt,
                                                     &drop_challenges_stmt, &sessions_did_not_stmt};
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_text(ctx->actor_id)};
    enum dm_result result = dm_pg_exec(conn, ctx, &account_off_stmt, params, NULL);
    for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]) && result == DM_OK; i++)
        result = dm_pg_exec(conn, ctx, drops[i], params, NULL);
    return result;
}

static const struct dm_pg_stmt add_code_stmt = {
    .name = "recovery_code_add",
    .sql = "INSERT INTO recovery_code (account_id, code_hash, created_by, updated_by)"
           " VALUES ($1::uuid, $2, $1::uuid, $1::uuid)",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_second_factor_store_put_codes(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                struct dm_str account_id,
                                                const struct dm_str *hashes, size_t n)
{
    const struct dm_pg_param id = dm_pg_text(account_id);
    enum dm_result result = dm_pg_exec(conn, ctx, &drop_codes_stmt, &id, NULL);
    for (size_t i = 0; i < n && result == DM_OK; i++)
        result = dm_pg_exec(conn, ctx, &add_code_stmt,
                            (const struct dm_pg_param[]){id, dm_pg_text(hashes[i])}, NULL);
    return result;
}

static const struct dm_pg_stmt use_code_stmt = {
    .name = "recovery_code_use",
    .sql = "UPDATE recovery_code"
           " SET used_at = now(), updated_at = now(), updated_by = account_id"
           " WHERE account_id = $1::uuid"
           " AND code_hash = $2"
           " AND used_at IS NULL"
           " RETURNING (SELECT count(*) - 1 FROM recovery_code c"
           " WHERE c.account_id = $1::uuid AND c.used_at IS NULL)",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_second_factor_store_use_code(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                               struct dm_str account_id, struct dm_str hash,
                                               int64_t *ret_left)
{
    const struct dm_pg_param params[] = {dm_pg_text(account_id), dm_pg_text(hash)};
    struct dm_pg_result used;
    enum dm_result result = dm_pg_exec(conn, ctx, &use_code_stmt, params, &used);
    if (result == DM_OK)
        *ret_left = dm_pg_cell_int(&used, 0, 0);
    return result;
}

static const struct dm_pg_stmt challenge_add_stmt = {
    .name = "mfa_challenge_add",
    .sql = "INSERT INTO mfa_challenge"
           " (token_hash, account_id, password_hash, expires_at, device_id, created_by, updated_by)"
           " SELECT $1, a.id, $3, now() + make_interval(secs => $4), $5::uuid, a.id, a.id"
           " FROM account a"
           " WHERE a.id = $2::uuid"
           " AND a.state = 'active'"
           " AND a.second_step_at IS NOT NULL"
           " AND a.password_hash = $3"
           " FOR SHARE OF a"
           " RETURNING expires_at",
    .n_params = 5,
    .rows = DM_PG_ONE,
};

enum dm_result dm_mfa_challenge_store_add(struct dm_pg *pg, struct dm_ctx *ctx,
                                          const struct dm_mfa_challenge_new *challenge,
                                          int64_t *ret_expires_at_ms)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(challenge->token_hash), dm_pg_text(challenge->account_id),
        dm_pg_text(challenge->password_hash), dm_pg_int(ctx, challenge->valid_s),
        dm_pg_text(challenge->device_id)};
    struct dm_pg_result added;
    enum dm_result result = dm_pg_run(pg, ctx, &challenge_add_stmt, params, &added);
    if (result == DM_OK)
        *ret_expires_at_ms = dm_pg_cell_opt_time(&added, 0, 0).ms;
    return result;
}

static const struct dm_pg_stmt challenge_try_stmt = {
    .name = "mfa_challenge_try",
    .sql = "UPDATE mfa_challenge c"
           " SET tries = tries + 1, updated_at = now()"
           " FROM account a"
           " WHERE c.token_hash = $1"
           " AND c.tries < $2"
           " AND c.used_at IS NULL"
           " AND c.expires_at > now()"
           " AND a.id = c.account_id"
           " AND a.state = 'active'"
           " AND a.password_hash = c.password_hash"
           " RETURNING c.password_hash, c.device_id",
    .n_params = 2,
    .rows = DM_PG_ONE,
};

enum dm_result dm_mfa_challenge_store_try(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          struct dm_str token_hash, int64_t tries_max,
                                          struct dm_mfa_challenge *ret_challenge)
{
    const struct dm_pg_param params[] = {dm_pg_text(token_hash), dm_pg_int(ctx, tries_max)};
    struct dm_pg_result tried;
    enum dm_result result = dm_pg_exec(conn, ctx, &challenge_try_stmt, params, &tried);
    if (result == DM_OK)
        *ret_challenge =
            (struct dm_mfa_challenge){dm_pg_cell(&tried, 0, 0), dm_pg_cell(&tried, 0, 1)};
    return result;
}

static const struct dm_pg_stmt challenge_use_stmt = {
    .name = "mfa_challenge_use",
    .sql = "UPDATE mfa_challenge"
           " SET used_at = now(), updated_at = now(), updated_by = account_id"
           " WHERE token_hash = $1",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

enum dm_result dm_mfa_challenge_store_use(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                          struct dm_str token_hash)
{
    const struct dm_pg_param hash = dm_pg_text(token_hash);
    return dm_pg_exec(conn, ctx, &challenge_use_stmt, &hash, NULL);
}

static const struct dm_pg_stmt challenge_sweep_stmt = {
    .name = "mfa_challenge_sweep",
    /* Not WHERE token_hash IN (SELECT … LIMIT): a plan may run that more than once. */
    .sql = "WITH old AS MATERIALIZED ("
           " SELECT token_hash"
           " FROM mfa_challenge"
           " WHERE expires_at <= now()"
           " LIMIT $1"
           " FOR UPDATE SKIP LOCKED)"
           " DELETE FROM mfa_challenge c"
           " USING old"
           " WHERE c.token_hash = old.token_hash",
    .n_params = 1,
    .rows = DM_PG_NONE,
};

static const struct dm_pg_stmt pending_sweep_stmt = {
    .name = "second_factor_sweep",
    .sql = "WITH old AS MATERIALIZED ("
           " SELECT id"
           " FROM second_factor"
           " WHERE confirmed_at IS NULL"
           " AND created_at <= now() - make_interval(secs => $1)"
           " LIMIT $2"
           " FOR UPDATE SKIP LOCKED)"
           " DELETE FROM second_factor f"
           " USING old"
           " WHERE f.id = old.id",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_second_factor_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx, int64_t pending_s,
                                            int64_t limit, int64_t *ret_deleted)
{
    const struct dm_pg_param max = dm_pg_int(ctx, limit);
    const struct dm_pg_param params[] = {dm_pg_int(ctx, pending_s), max};
    struct dm_pg_result challenges, factors;
    enum dm_result result = dm_pg_run(pg, ctx, &challenge_sweep_stmt, &max, &challenges);
    if (result == DM_OK)
        result = dm_pg_run(pg, ctx, &pending_sweep_stmt, params, &factors);
    if (result == DM_OK)
        *ret_deleted = (int64_t)(challenges.affected + factors.affected);
    return result;
}
