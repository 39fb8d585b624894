/*
 * Sessions in PostgreSQL: under domain/session.c and domain/gate.c, over pg.c. Rotation is a
 * compare-and-set in one UPDATE: under READ COMMITTED a second one waits for the first and then
 * sees that the presented token is no longer the good one.
 */
#include "store/session_store.h"

#include "store/account_row.h"

#include "store/rows.h"

const char *dm_session_end_name(enum dm_session_end reason)
{
    static const char *const names[] = {
        [DM_SESSION_END_LOGOUT] = "logout",     [DM_SESSION_END_LOGOUT_ALL] = "logout_all",
        [DM_SESSION_END_REUSE] = "reuse",       [DM_SESSION_END_ENDED] = "ended",
        [DM_SESSION_END_PASSWORD] = "password", [DM_SESSION_END_RESET] = "reset",
        [DM_SESSION_END_ROLE] = "role",         [DM_SESSION_END_DISABLED] = "disabled",
        [DM_SESSION_END_ERASED] = "erased",     [DM_SESSION_END_MFA] = "mfa",
        [DM_SESSION_END_EMAIL] = "email",
    };
    return names[reason];
}

static const struct dm_pg_stmt session_alive = {
    .name = "session_alive",
    .sql = "SELECT EXISTS ("
           " SELECT 1"
           " FROM session s"
           " JOIN account a ON a.id = s.account_id"
           " WHERE s.id = $1::uuid"
           " AND s.ended_at IS NULL"
           " AND s.idle_expires_at > now()"
           " AND a.state = 'active')",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_session_store_alive(struct dm_pg *pg, struct dm_ctx *ctx,
                                      struct dm_str session_id, bool *ret_alive)
{
    struct dm_pg_result found;
    enum dm_result result = dm_pg_run(pg, ctx, &session_alive,
                                      (const struct dm_pg_param[]){dm_pg_text(session_id)}, &found);
    if (result == DM_OK)
        *ret_alive = dm_pg_cell_bool(&found, 0, 0);
    return result;
}

/* The lock on the account makes whoever disables it or changes its password wait, and then see this
 * session. */
static const struct dm_pg_stmt session_add = {
    .name = "session_add",
    .sql = "INSERT INTO session"
           " (id, account_id, family_hash, refresh_hash, idle_expires_at, absolute_expires_at,"
           " user_agent, address, device_id, mfa_at, created_by, updated_by)"
           " SELECT $1::uuid, a.id, $4, $5,"
           " now() + make_interval(secs => least($6::bigint, $7::bigint)),"
           " now() + make_interval(secs => $7::bigint),"
           " $8, $9, $10::uuid, CASE WHEN $11::boolean THEN now() END, a.id, a.id"
           " FROM account a"
           " WHERE a.id = $2::uuid"
           " AND a.state = 'active'"
           " AND ($3::text IS NULL OR a.password_hash = $3)"
           " AND (a.second_step_at IS NULL OR $11::boolean)"
           " FOR SHARE OF a"
           " RETURNING idle_expires_at",
    .n_params = 11,
    .rows = DM_PG_ONE,
};

enum dm_result dm_session_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                    const struct dm_session_new *session,
                                    int64_t *ret_idle_expires_at_ms)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(session->id),
        dm_pg_text(session->account_id),
        dm_pg_text(session->password_hash),
        dm_pg_text(session->family_hash),
        dm_pg_text(session->refresh_hash),
        dm_pg_int(ctx, session->idle_s),
        dm_pg_int(ctx, session->absolute_s),
        dm_pg_text(session->user_agent),
        dm_pg_text(session->address),
        dm_pg_text(session->device_id),
        dm_pg_bool(session->second_step),
    };
    struct dm_pg_result added;
    enum dm_result result = dm_pg_exec(conn, ctx, &session_add, params, &added);
    if (result == DM_OK)
        *ret_idle_expires_at_ms = dm_pg_cell_opt_time(&added, 0, 0).ms;
    return result;
}

static const struct dm_pg_stmt session_sweep = {
    .name = "session_sweep",
    /* Not WHERE id IN (SELECT … LIMIT): a plan may run that more than once. Each order is an index's, so that
     * no plan reads the table when there is nothing to do. */
    .sql = "WITH expired AS MATERIALIZED ("
           " SELECT id"
           " FROM session"
           " WHERE absolute_expires_at < now() - make_interval(secs => $1)"
           " ORDER BY absolute_expires_at"
           " LIMIT $2"
           " FOR UPDATE SKIP LOCKED),"
           " ended AS MATERIALIZED ("
           " SELECT id"
           " FROM session"
           " WHERE ended_at < now() - make_interval(secs => $1)"
           " ORDER BY ended_at"
           " LIMIT $2"
           " FOR UPDATE SKIP LOCKED)"
           " DELETE FROM session s"
           " USING (SELECT id FROM expired UNION SELECT id FROM ended LIMIT $2) old"
           " WHERE s.id = old.id",
    .n_params = 2,
    .rows = DM_PG_NONE,
};

enum dm_result dm_session_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx, int64_t keep_s,
                                      int64_t limit, int64_t *ret_deleted)
{
    const struct dm_pg_param params[] = {dm_pg_int(ctx, keep_s), dm_pg_int(ctx, limit)};
    struct dm_pg_result deleted;
    enum dm_result result = dm_pg_run(pg, ctx, &session_sweep, params, &deleted);
    if (result == DM_OK)
        *ret_deleted = (int64_t)deleted.affected;
    return result;
}

#define SESSION_COLUMNS                                                                            \
    DM_ACCOUNT_COLUMNS("a.")                                                                       \
    ", s.id, s.refresh_hash,"                                                                      \
    " (s.ended_at IS NULL AND s.idle_expires_at > now() AND a.state = 'active'),"                  \
    " s.idle_expires_at,"                                                                          \
    " coalesce(greatest(0, floor(extract(epoch FROM now() - "                                      \
    "s.rotated_at) * 1000)), -1)::bigint,"                                                         \
    " s.mfa_at IS NOT NULL"

static void row_read(const struct dm_pg_result *result, struct dm_session_row *ret_row)
{
    const size_t own = DM_ACCOUNT_N_COLUMNS;
    *ret_row = (struct dm_session_row){
        .id = dm_pg_cell(result, 0, own),
        .refresh_hash = dm_pg_cell(result, 0, own + 1),
        .usable = dm_pg_cell_bool(result, 0, own + 2),
        .idle_expires_at_ms = dm_pg_cell_opt_time(result, 0, own + 3).ms,
        .rotated_ago_ms = dm_pg_cell_int(result, 0, own + 4),
        .second_step = dm_pg_cell_bool(result, 0, own + 5),
    };
    dm_account_row_read(result, 0, &ret_row->account);
}

static const struct dm_pg_stmt session_rotate = {
    .name = "session_rotate",
    .sql = "UPDATE session s"
           " SET refresh_hash = $3, rotated_at = now(), last_used_at = now(),"
           " idle_expires_at = least(now() + make_interval(secs => $4), s.absolute_expires_at),"
           " updated_at = now(), updated_by = s.account_id"
           " FROM account a"
           " WHERE s.family_hash = $1"
           " AND s.refresh_hash = $2"
           " AND s.ended_at IS NULL"
           " AND s.idle_expires_at > now()"
           " AND a.id = s.account_id"
           " AND a.state = 'active'"
           " RETURNING" SESSION_COLUMNS,
    .n_params = 4,
    .rows = DM_PG_ONE,
};

enum dm_result dm_session_store_rotate(struct dm_pg *pg, struct dm_ctx *ctx,
                                       const struct dm_session_rotation *rotation,
                                       struct dm_session_row *ret_row)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(rotation->family_hash),
        dm_pg_text(rotation->presented_hash),
        dm_pg_text(rotation->next_hash),
        dm_pg_int(ctx, rotation->idle_s),
    };
    struct dm_pg_result rotated;
    enum dm_result result = dm_pg_run(pg, ctx, &session_rotate, params, &rotated);
    if (result == DM_OK)
        row_read(&rotated, ret_row);
    return result;
}

static const struct dm_pg_stmt session_lock = {
    .name = "session_lock",
    .sql = "SELECT" SESSION_COLUMNS " FROM session s"
           " JOIN account a ON a.id = s.account_id"
           " WHERE s.family_hash = $1"
           " FOR UPDATE OF s",
    .n_params = 1,
    .rows = DM_PG_ONE,
};

enum dm_result dm_session_store_lock(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                     struct dm_str family_hash, struct dm_session_row *ret_row)
{
    struct dm_pg_result found;
    enum dm_result result = dm_pg_exec(
        conn, ctx, &session_lock, (const struct dm_pg_param[]){dm_pg_text(family_hash)}, &found);
    if (result == DM_OK)
        row_read(&found, ret_row);
    return result;
}

static const struct dm_pg_stmt session_list = {
    .name = "session_list",
    .sql = "SELECT s.id, coalesce(d.name, 'An unknown program'), s.user_agent, s.address,"
           " s.created_at, s.last_used_at, s.idle_expires_at"
           " FROM session s"
           " LEFT JOIN device d ON d.id = s.device_id"
           " WHERE s.account_id = $1::uuid"
           " AND ($2::uuid IS NULL OR s.id > $2::uuid)"
           " AND s.ended_at IS NULL"
           " AND s.idle_expires_at > now()"
           " ORDER BY s.id"
           " LIMIT $3",
    .n_params = 3,
    .rows = DM_PG_MANY,
};

static void item_read(const struct dm_pg_result *rows, size_t row, void *ret_item)
{
    *(struct dm_session_item *)ret_item = (struct dm_session_item){
        .id = dm_pg_cell(rows, row, 0),
        .device = dm_pg_cell(rows, row, 1),
        .user_agent = dm_pg_cell(rows, row, 2),
        .address = dm_pg_cell(rows, row, 3),
        .created_at = dm_pg_cell_opt_time(rows, row, 4),
        .last_used_at = dm_pg_cell_opt_time(rows, row, 5),
        .expires_at = dm_pg_cell_opt_time(rows, row, 6),
    };
}

static const struct dm_rows_list list = {
    .stmt = &session_list, .item_size = sizeof(struct dm_session_item), .read = item_read};

enum dm_result dm_session_store_list(struct dm_pg *pg, struct dm_ctx *ctx, struct dm_str account_id,
                                     struct dm_slice slice, struct dm_list *ret_list,
                                     bool *ret_more)
{
    return dm_rows_of_owner(pg, ctx, &list, account_id, slice, ret_list, ret_more);
}

static enum dm_result read_ids(struct dm_ctx *ctx, const struct dm_pg_result *rows,
                               struct dm_list *ret_ids)
{
    struct dm_str *ids = dm_arena_array(ctx->arena, rows->n_rows, sizeof(*ids));
    if (ids == NULL)
        return dm_ctx_nomem(ctx);
    for (size_t i = 0; i < rows->n_rows; i++)
        ids[i] = dm_pg_cell(rows, i, 0);
    *ret_ids = (struct dm_list){ids, rows->n_rows};
    return DM_OK;
}

/* Whoever ends a session tells every instance when the transaction commits, so that none goes on
 * believing what Redis says of it. */
#define TELL_ENDED                                                                                 \
    " SELECT id, pg_notify('" DM_SESSION_CHANNEL "', '')"                                          \
    " FROM ended"

static const struct dm_pg_stmt session_end = {
    .name = "session_end",
    .sql = "WITH ended AS ("
           " UPDATE session"
           " SET ended_at = now(), end_reason = $3, updated_at = now(), updated_by = $4::uuid"
           " WHERE id = $1::uuid"
           " AND account_id = $2::uuid"
           " AND ended_at IS NULL"
           " RETURNING id)" TELL_ENDED,
    .n_params = 4,
    .rows = DM_PG_ONE,
};

enum dm_result dm_session_store_end(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                    struct dm_str session_id, struct dm_str account_id,
                                    enum dm_session_end reason)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(session_id),
        dm_pg_text(account_id),
        dm_pg_text(dm_str_from(dm_session_end_name(reason))),
        dm_pg_text(ctx->actor_id),
    };
    struct dm_pg_result ended;
    return dm_pg_exec(conn, ctx, &session_end, params, &ended);
}

static const struct dm_pg_stmt session_end_all = {
    .name = "session_end_all",
    .sql = "WITH ended AS ("
           " UPDATE session"
           " SET ended_at = now(), end_reason = $3, updated_at = now(), updated_by = $4::uuid"
           " WHERE account_id = $1::uuid"
           " AND ($2::uuid IS NULL OR id <> $2::uuid)"
           " AND ended_at IS NULL"
           " RETURNING id)" TELL_ENDED,
    .n_params = 4,
    .rows = DM_PG_MANY,
};

enum dm_result dm_session_store_end_all(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                        struct dm_str account_id, struct dm_str except_id,
                                        enum dm_session_end reason, struct dm_list *ret_ids)
{
    const struct dm_pg_param params[] = {
        dm_pg_text(account_id),
        dm_pg_text(except_id),
        dm_pg_text(dm_str_from(dm_session_end_name(reason))),
        dm_pg_text(ctx->actor_id),
    };
    struct dm_pg_result ended;
    enum dm_result result = dm_pg_exec(conn, ctx, &session_end_all, params, &ended);
    return result == DM_OK ? read_ids(ctx, &ended, ret_ids) : result;
}

static const struct dm_pg_stmt session_ended = {
    .name = "session_ended",
    .sql = "SELECT id"
           " FROM session"
           " WHERE ended_at > now() - make_interval(secs => $1)"
           " ORDER BY ended_at DESC"
           " LIMIT $2",
    .n_params = 2,
    .rows = DM_PG_MANY,
};

enum dm_result dm_session_store_ended(struct dm_pg *pg, struct dm_ctx *ctx, int64_t within_s,
                                      int64_t limit, struct dm_list *ret_ids)
{
    const struct dm_pg_param params[] = {dm_pg_int(ctx, within_s), dm_pg_int(ctx, limit)};
    struct dm_pg_result ended;
    enum dm_result result = dm_pg_run(pg, ctx, &session_ended, params, &ended);
    return result == DM_OK ? read_ids(ctx, &ended, ret_ids) : result;
}
