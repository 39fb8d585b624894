/*
 * The outbox's statements: domain functions add a job in their transaction, the worker takes and
 * ends it. job.attempts and the row's lock together say who runs a job: the count is committed
 * before the run, the lock held during it.
 */
#include "store/job_store.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"

#define REASON_POINTS_MAX 256 /* of job.last_error */

enum dm_result dm_job_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                const struct dm_job_new *job)
{
    static const struct dm_pg_stmt insert = {
        .name = "job_add",
        .sql = "WITH added AS ("
               "    INSERT INTO job (id, kind, payload, max_attempts, created_by, updated_by, "
               "account_id)"
               "    VALUES ($1, $2, $3, $4, $5, $5, $6))"
               " SELECT pg_notify('" DM_JOB_CHANNEL "', '')",
        .n_params = 6,
        .rows = DM_PG_ONE,
    };
    struct dm_str id = dm_id_new(ctx->arena);
    if (!id.p)
        return dm_ctx_nomem(ctx);
    const struct dm_pg_param params[] = {
        dm_pg_text(id),
        dm_pg_text(dm_str_from(job->kind)),
        dm_pg_text(job->payload),
        dm_pg_int(ctx, job->max_attempts),
        dm_pg_text(ctx->actor_id),
        dm_pg_text(job->account_id),
    };
    return dm_pg_exec(conn, ctx, &insert, params, NULL);
}

/* What counting a try found. */
struct counted {
    struct dm_str id;
    int64_t attempt;
    bool dead; /* its tries were all used, the last by a worker that did not live to say so */
};

/*
 * Count a try of the job that is due longest. FOR NO KEY UPDATE goes past jobs that run, whose lock
 * is FOR UPDATE, but not past those that job_next is looking at.
 */
static enum dm_result count_try(struct dm_pg *pg, struct dm_ctx *ctx,
                                const struct dm_job_take *take, struct counted *ret_counted)
{
    static const struct dm_pg_stmt update = {
        .name = "job_count_try",
        .sql = "UPDATE job"
               "   SET attempts = least(attempts + 1, max_attempts),"
               "       state = CASE WHEN attempts < max_attempts THEN 'waiting' ELSE 'dead' END,"
               "       last_error = CASE WHEN attempts < max_attempts THEN last_error"
               "                         ELSE 'the worker ended during the last try' END,"
               "       run_at = now() + least($2, (0.8 + 0.4 * random()) * least($2, $1 * power(2, "
               "attempts)))"
               "                        * interval '1 second',"
               "       updated_at = now()"
               " WHERE id = (SELECT id"
               "               FROM job"
               "              WHERE state = 'waiting'"
               "                AND run_at <= now()"
               "              ORDER BY run_at, id"
               "              LIMIT 1"
               "                FOR NO KEY UPDATE SKIP LOCKED)"
               " RETURNING id, attempts, state = 'dead'",
        .n_params = 2,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_num(ctx, (double)take->backoff_s),
        dm_pg_num(ctx, (double)take->backoff_max_s),
    };
    struct dm_pg_result result;
    enum dm_result r = dm_pg_run(pg, ctx, &update, params, &result);
    if (r != DM_OK)
        return r;
    *ret_counted = (struct counted){
        .id = dm_pg_cell(&result, 0, 0),
        .attempt = dm_pg_cell_int(&result, 0, 1),
        .dead = dm_pg_cell_bool(&result, 0, 2),
    };
    return DM_OK;
}

static enum dm_result lock_job(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                               const struct counted *counted, struct dm_job *ret_job)
{
    static const struct dm_pg_stmt lock = {
        .name = "job_lock",
        .sql = "SELECT id, kind, payload, attempts, max_attempts"
               "  FROM job"
               " WHERE id = $1"
               "   AND attempts = $2"
               "   AND state = 'waiting'"
               "   FOR UPDATE SKIP LOCKED",
        .n_params = 2,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_text(counted->id),
        dm_pg_int(ctx, counted->attempt),
    };
    struct dm_pg_result result;
    enum dm_result r = dm_pg_exec(conn, ctx, &lock, params, &result);
    if (r != DM_OK)
        return r;
    *ret_job = (struct dm_job){
        .id = dm_pg_cell(&result, 0, 0),
        .kind = dm_pg_cell(&result, 0, 1),
        .payload = dm_pg_cell(&result, 0, 2),
        .attempt = dm_pg_cell_int(&result, 0, 3),
        .max_attempts = dm_pg_cell_int(&result, 0, 4),
    };
    return DM_OK;
}

/* Is the counted try still the job's latest, so that nobody else can be running it? */
static enum dm_result check_mine(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                 const struct counted *counted)
{
    static const struct dm_pg_stmt select = {
        .name = "job_mine",
        .sql = "SELECT 1"
               "  FROM job"
               " WHERE id = $1"
               "   AND attempts = $2"
               "   AND state = 'waiting'",
        .n_params = 2,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {
        dm_pg_text(counted->id),
        dm_pg_int(ctx, counted->attempt),
    };
    return dm_pg_exec(conn, ctx, &select, params, NULL);
}

/* DM_E_NOTFOUND: another worker has counted a later try, which can happen when this one stood still
 * for the whole back-off. */
static enum dm_result lock_counted(struct dm_pg *pg, struct dm_ctx *ctx,
                                   const struct counted *counted, struct dm_pg_conn **ret_conn,
                                   struct dm_job *ret_job)
{
    struct dm_pg_conn *conn = NULL;
    enum dm_result r = dm_pg_begin(pg, ctx, &conn);
    if (r != DM_OK)
        return r;
    r = lock_job(conn, ctx, counted, ret_job);
    /* Somebody who only looks (job_next) may hold it for a moment, which must not cost the job a
     * try. */
    while (r == DM_E_NOTFOUND) {
        r = check_mine(conn, ctx, counted);
        if (r == DM_OK)
            r = lock_job(conn, ctx, counted, ret_job);
        else
            break;
    }
    if (r != DM_OK) {
        dm_pg_rollback(conn, ctx);
        return r;
    }
    *ret_conn = conn;
    return DM_OK;
}

enum dm_result dm_job_store_take(struct dm_pg *pg, struct dm_ctx *ctx,
                                 const struct dm_job_take *take, struct dm_pg_conn **ret_conn,
                                 struct dm_job *ret_job)
{
    for (;;) {
        struct counted counted;
        enum dm_result r = count_try(pg, ctx, take, &counted);
        if (r != DM_OK)
            return r;
        if (counted.dead)
            continue;
        r = lock_counted(pg, ctx, &counted, ret_conn, ret_job);
        if (r != DM_E_NOTFOUND)
            return r;
    }
}

enum dm_result dm_job_store_done(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                 const struct dm_job *job)
{
    static const struct dm_pg_stmt update = {
        .name = "job_done",
        .sql = "UPDATE job"
               "   SET state = 'done',"
               "       payload = '{}',"
               "       last_error = NULL,"
               "       updated_at = clock_timestamp()"
               " WHERE id = $1",
        .n_params = 1,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {dm_pg_text(job->id)};
    return dm_pg_end(conn, ctx, dm_pg_exec(conn, ctx, &update, params, NULL));
}

/* What the column takes: a reason that cannot be stored must not keep the job from ending. */
static struct dm_pg_param storable(struct dm_str reason)
{
    if (!dm_utf8_valid(reason) || (reason.n > 0 && memchr(reason.p, '\0', reason.n)))
        return dm_pg_text(DM_STR("the reason was not readable text"));
    return dm_pg_text(dm_utf8_clip(reason, REASON_POINTS_MAX));
}

enum dm_result dm_job_store_failed(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                   const struct dm_job *job, struct dm_str reason, bool *ret_dead)
{
    static const struct dm_pg_stmt update = {
        .name = "job_failed",
        .sql = "UPDATE job"
               "   SET state = CASE WHEN attempts < max_attempts THEN 'waiting' ELSE 'dead' END,"
               "       last_error = $2,"
               "       updated_at = clock_timestamp()"
               " WHERE id = $1"
               " RETURNING state = 'dead'",
        .n_params = 2,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {dm_pg_text(job->id), storable(reason)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_end(conn, ctx, dm_pg_exec(conn, ctx, &update, params, &result));
    if (r == DM_OK && ret_dead)
        *ret_dead = dm_pg_cell_bool(&result, 0, 0);
    return r;
}

enum dm_result dm_job_store_dead(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                 const struct dm_job *job, struct dm_str reason)
{
    static const struct dm_pg_stmt update = {
        .name = "job_dead",
        .sql = "UPDATE job"
               "   SET state = 'dead',"
               "       last_error = $2,"
               "       updated_at = clock_timestamp()"
               " WHERE id = $1",
        .n_params = 2,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {dm_pg_text(job->id), storable(reason)};
    return dm_pg_end(conn, ctx, dm_pg_exec(conn, ctx, &update, params, NULL));
}

enum dm_result dm_job_store_next_ms(struct dm_pg *pg, struct dm_ctx *ctx, int64_t max_ms,
                                    int64_t *ret_ms)
{
    /* Jobs that run are left out: one that takes longer than its back-off would look due for ever.
     */
    static const struct dm_pg_stmt select = {
        .name = "job_next",
        .sql =
            "SELECT least($1, greatest(0, ceil(1000 * extract(epoch FROM run_at - now()))))::bigint"
            "  FROM job"
            " WHERE state = 'waiting'"
            " ORDER BY run_at, id"
            " LIMIT 1"
            "   FOR KEY SHARE SKIP LOCKED",
        .n_params = 1,
        .rows = DM_PG_ONE,
    };
    const struct dm_pg_param params[] = {dm_pg_int(ctx, max_ms)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_run(pg, ctx, &select, params, &result);
    if (r == DM_OK)
        *ret_ms = dm_pg_cell_int(&result, 0, 0);
    else if (r == DM_E_NOTFOUND)
        *ret_ms = max_ms;
    return r == DM_E_NOTFOUND ? DM_OK : r;
}

enum dm_result dm_job_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx, int64_t keep_s,
                                  int64_t limit, int64_t *ret_deleted)
{
    static const struct dm_pg_stmt delete = {
        .name = "job_sweep",
        /* Not WHERE id IN (SELECT … LIMIT): a plan may run that more than once. */
        .sql = "WITH old AS MATERIALIZED ("
               "    SELECT id"
               "      FROM job"
               "     WHERE state = 'done'"
               "       AND updated_at < now() - $1 * interval '1 second'"
               "     ORDER BY updated_at"
               "     LIMIT $2"
               "       FOR UPDATE SKIP LOCKED)"
               " DELETE FROM job"
               "  USING old"
               "  WHERE job.id = old.id",
        .n_params = 2,
        .rows = DM_PG_NONE,
    };
    const struct dm_pg_param params[] = {dm_pg_int(ctx, keep_s), dm_pg_int(ctx, limit)};
    struct dm_pg_result result;
    enum dm_result r = dm_pg_run(pg, ctx, &delete, params, &result);
    if (r == DM_OK)
        *ret_deleted = (int64_t)result.affected;
    return r;
}
