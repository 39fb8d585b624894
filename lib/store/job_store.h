/*
 * The outbox: jobs written in the transaction that causes them, run by the worker at least once and never twice at a time. Taking a job counts the try
 * and moves run_at to the next one, in a transaction of its own; running it holds the row's lock. So a worker that is
 * killed loses the lock at once and the job comes up again by itself, and a job that kills its worker still runs out of tries.
 */
#ifndef DM_STORE_JOB_STORE_H
#define DM_STORE_JOB_STORE_H

#include "store/pg.h"

#define DM_JOB_CHANNEL "digitalme_job" /* NOTIFY on commit of a new job */

struct dm_job_new {
    const char *kind; /* a row of the worker's table: "mail" */
    struct dm_str
        payload; /* JSON object; wiped when the job is done, for it may hold one-time tokens */
    int64_t max_attempts;
    struct dm_str
        account_id; /* whom it is about, so that erasing an account finds it; may be absent */
};

struct dm_job {
    struct dm_str id, kind, payload;
    int64_t attempt; /* 1 for the first */
    int64_t max_attempts;
};

/* Within the causing transaction. */
DM_MUST_CHECK enum dm_result dm_job_store_add(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                              const struct dm_job_new *job);

struct dm_job_take {
    int64_t backoff_s,
        backoff_max_s; /* next try after backoff_s * 2^(attempt-1), with jitter ±20 %, at most backoff_max_s */
};
/*
 * Take the job that is due longest: on DM_OK *ret_conn holds its lock in an open transaction and the caller must call exactly one of
 * done, failed, dead. DM_E_NOTFOUND: none is due. A job whose last try never ended is made dead on the way.
 */
DM_MUST_CHECK enum dm_result dm_job_store_take(struct dm_pg *pg, struct dm_ctx *ctx,
                                               const struct dm_job_take *take,
                                               struct dm_pg_conn **ret_conn,
                                               struct dm_job *ret_job);
/*
 * Each ends the transaction and gives the connection back. reason: for the operator, no secrets; cut to 256 characters. A dead job keeps its
 * payload, so that an operator can have it run again; one-time tokens in it end by their own time.
 */
DM_MUST_CHECK enum dm_result dm_job_store_done(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                               const struct dm_job *job);
/* Dead when this was the last attempt, else to be tried again at run_at. *ret_dead may be NULL. */
DM_MUST_CHECK enum dm_result dm_job_store_failed(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                                 const struct dm_job *job, struct dm_str reason,
                                                 bool *ret_dead);
DM_MUST_CHECK enum dm_result dm_job_store_dead(struct dm_pg_conn *conn, struct dm_ctx *ctx,
                                               const struct dm_job *job, struct dm_str reason);
/* Milliseconds until the next waiting job is due, at most max_ms; 0 when one is due now. */
DM_MUST_CHECK enum dm_result dm_job_store_next_ms(struct dm_pg *pg, struct dm_ctx *ctx,
                                                  int64_t max_ms, int64_t *ret_ms);
/* Delete jobs done more than keep_s ago, at most limit rows; dead ones stay. */
DM_MUST_CHECK enum dm_result dm_job_store_sweep(struct dm_pg *pg, struct dm_ctx *ctx,
                                                int64_t keep_s, int64_t limit,
                                                int64_t *ret_deleted);

#endif
