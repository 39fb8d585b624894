/* The loop of a worker's thread: take, run, say how it ended; nothing due: sleep until something
 * may be. */
#include "worker/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "domain/account.h"
#include "domain/job.h"
#include "domain/second_step.h"
#include "domain/startup.h"
#include "store/api_key_store.h"
#include "store/device_store.h"
#include "store/guard_store.h"
#include "store/idempotency_store.h"
#include "store/one_time_store.h"
#include "store/session_store.h"

#define ARENA_BLOCK_BYTES (64 * 1024)
#define ARENA_MAX_BYTES (16 * 1024 * 1024)
#define STATEMENT_MS 10000
#define SWEEP_EVERY_MS (10 * 60 * 1000)
#define SWEEP_ROWS 1000
#define JOB_KEEP_S (7 * 86400)
#define API_KEY_KEEP_S (90 * 86400) /* how long one that is over may still be looked up */
#define SESSION_KEEP_S (30 * 86400) /* how long the owner may still see a session that is over */
#define RETRY_AFTER_FAULT_MS 1000

struct dm_worker {
    struct dm_worker_options options;
    int stop_fd; /* readable once the end has come */
    atomic_bool stopping;
    unsigned n_threads;
    struct worker_thread {
        struct dm_worker *worker;
        pthread_t thread;
        struct dm_pg_listener *listener;
        const struct dm_domain *domain; /* of this turn */
        bool sweeps;
        int64_t next_sweep_ms; /* monotonic */
        bool database_down;    /* said so in the log already */
    } threads[];
};

/* How long the database may have for a thing that is not a job. */
static void begin(struct dm_ctx *ctx, struct dm_arena *arena, int64_t ms)
{
    dm_arena_reset(arena);
    *ctx = (struct dm_ctx){.arena = arena, .deadline_ms = dm_clock_monotonic_ms() + ms};
    dm_trace_start(&ctx->trace, (struct dm_str){0});
}

static void log_outcome(struct dm_worker *worker, const struct dm_ctx *ctx,
                        const struct dm_job *job, enum dm_result result, bool dead,
                        int64_t started_us)
{
    bool good = result == DM_OK;
    dm_log(worker->options.log,
           good   ? DM_INFO
           : dead ? DM_ERROR
                  : DM_WARN,
           &ctx->trace,
           good   ? "job done"
           : dead ? "job dead"
                  : "job failed",
           DM_ATTR("job.id", job->id), DM_ATTR("job.kind", job->kind),
           DM_ATTR("job.attempt", job->attempt),
           DM_ATTR("job.duration", (double)(dm_clock_monotonic_us() - started_us) / 1e6),
           DM_ATTR("error.type", good ? (struct dm_str){0} : dm_str_from(dm_result_name(result))),
           DM_ATTR("error.message", good ? (struct dm_str){0} : dm_str_from(ctx->err.detail)));
}

/* Run a job that is ours and tell the outbox how it ended. */
static void run_job(const struct worker_thread *self, struct dm_ctx *ctx, struct dm_pg_conn *conn,
                    const struct dm_job *job)
{
    struct dm_worker *worker = self->worker;
    int64_t started_us = dm_clock_monotonic_us();
    const struct dm_settings *settings = self->domain->settings;
    ctx->deadline_ms = dm_clock_monotonic_ms() + settings->worker_job_timeout_s * 1000;
    enum dm_result result = dm_job_run(self->domain, ctx, job);
    struct dm_str reason = dm_arena_str(ctx->arena, dm_str_from(ctx->err.detail));

    ctx->deadline_ms = dm_clock_monotonic_ms() + STATEMENT_MS;
    struct dm_err outcome = ctx->err;
    bool dead = result == DM_E_INVALID;
    enum dm_result told = result == DM_OK ? dm_job_store_done(conn, ctx, job)
                          : dead          ? dm_job_store_dead(conn, ctx, job, reason)
                                          : dm_job_store_failed(conn, ctx, job, reason, &dead);
    if (told != DM_OK)
        dm_log(worker->options.log, DM_ERROR, &ctx->trace, "job outcome not stored: will run again",
               DM_ATTR("job.id", job->id), DM_ATTR("error.message", ctx->err.detail));
    ctx->err = outcome;
    log_outcome(worker, ctx, job, result, dead, started_us);
}

/* What is past its time, a row a table; at most SWEEP_ROWS at once. */
static enum dm_result sweep_keys(const struct dm_domain *domain, struct dm_ctx *ctx, int64_t *ret_n)
{
    return dm_idempotency_store_sweep(domain->pg, ctx, SWEEP_ROWS, ret_n);
}

static enum dm_result sweep_jobs(const struct dm_domain *domain, struct dm_ctx *ctx, int64_t *ret_n)
{
    return dm_job_store_sweep(domain->pg, ctx, JOB_KEEP_S, SWEEP_ROWS, ret_n);
}

static enum dm_result sweep_tokens(const struct dm_domain *domain, struct dm_ctx *ctx,
                                   int64_t *ret_n)
{
    return dm_one_time_store_sweep(domain->pg, ctx, SWEEP_ROWS, ret_n);
}

static enum dm_result sweep_accounts(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     int64_t *ret_n)
{
    return dm_account_sweep(domain, ctx, SWEEP_ROWS, ret_n);
}

static enum dm_result sweep_sessions(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     int64_t *ret_n)
{
    return dm_session_store_sweep(domain->pg, ctx, SESSION_KEEP_S, SWEEP_ROWS, ret_n);
}

static enum dm_result sweep_api_keys(const struct dm_domain *domain, struct dm_ctx *ctx,
                                     int64_t *ret_n)
{
    return dm_api_key_store_sweep(domain->pg, ctx, API_KEY_KEEP_S, SWEEP_ROWS, ret_n);
}

static enum dm_result sweep_devices(const struct dm_domain *domain, struct dm_ctx *ctx,
                                    int64_t *ret_n)
{
    return dm_device_store_sweep(domain->pg, ctx, domain->settings->device_keep_s, SWEEP_ROWS,
                                 ret_n);
}

static enum dm_result sweep_guard(const struct dm_domain *domain, struct dm_ctx *ctx,
                                  int64_t *ret_n)
{
    const struct dm_settings *settings = domain->settings;
    return dm_guard_store_sweep(domain->pg, ctx, settings->lockout_keep_s,
                                settings->lockout_failures_max, SWEEP_ROWS, ret_n);
}

static enum dm_result sweep_second_steps(const struct dm_domain *domain, struct dm_ctx *ctx,
                                         int64_t *ret_n)
{
    return dm_second_factor_store_sweep(domain->pg, ctx, DM_SECOND_FACTOR_PENDING_S, SWEEP_ROWS,
                                        ret_n);
}

static const struct {
    const char *what;
    enum dm_result (*run)(const struct dm_domain *domain, struct dm_ctx *ctx, int64_t *ret_n);
} sweeps[] = {
    {"idempotency_key", sweep_keys},     {"job", sweep_jobs},
    {"one_time_token", sweep_tokens},    {"session", sweep_sessions},
    {"device", sweep_devices},           {"login_guard", sweep_guard},
    {"second_step", sweep_second_steps}, {"account", sweep_accounts},
    {"api_key", sweep_api_keys},
};

static void sweep(struct worker_thread *self, struct dm_ctx *ctx)
{
    struct dm_log *log = self->worker->options.log;
    bool more = false;
    for (size_t i = 0; i < sizeof(sweeps) / sizeof(sweeps[0]); i++) {
        int64_t n = 0;
        if (sweeps[i].run(self->domain, ctx, &n) != DM_OK)
            dm_log(log, DM_WARN, &ctx->trace, "sweep failed", DM_ATTR("sweep.what", sweeps[i].what),
                   DM_ATTR("error.message", ctx->err.detail));
        else if (n > 0)
            dm_log(log, DM_INFO, &ctx->trace, "swept", DM_ATTR("sweep.what", sweeps[i].what),
                   DM_ATTR("sweep.rows", n));
        /* A full batch means that there is more: soon again. */
        more = more || n >= SWEEP_ROWS;
    }
    self->next_sweep_ms = dm_clock_monotonic_ms() + (more ? 0 : SWEEP_EVERY_MS);
}

static void tell_database(struct worker_thread *self, const struct dm_ctx *ctx, bool down)
{
    if (down == self->database_down)
        return;
    self->database_down = down;
    if (down)
        dm_log(self->worker->options.log, DM_WARN, &ctx->trace, "database unavailable",
               DM_ATTR("error.message", ctx->err.detail));
    else
        dm_log(self->worker->options.log, DM_INFO, &ctx->trace, "database available again",
               DM_ATTR("worker.thread", (int64_t)(self - self->worker->threads)));
}

/* Nothing is due: wait for a notification, for the next job's time, or for the end. */
static void wait_for_work(struct worker_thread *self, struct dm_ctx *ctx, enum dm_result taken)
{
    struct dm_worker *worker = self->worker;
    const struct dm_domain *domain = self->domain;
    int64_t wait_ms = domain->settings->worker_poll_s * 1000;
    if (taken == DM_E_NOTFOUND) {
        if (dm_job_store_next_ms(domain->pg, ctx, wait_ms, &wait_ms) != DM_OK)
            wait_ms = RETRY_AFTER_FAULT_MS;
    } else {
        wait_ms = RETRY_AFTER_FAULT_MS;
    }
    /* However it ends, the caller looks again; without a database the call itself keeps the pace.
     */
    struct dm_err err = {0};
    if (dm_pg_listener_wait(self->listener, (int)wait_ms, worker->stop_fd, &err) == DM_E_INTERNAL)
        dm_log(worker->options.log, DM_ERROR, &ctx->trace, "cannot listen",
               DM_ATTR("error.message", err.detail));
}

/* One job, or one wait for one, with the newest settings. */
static void take_turn(struct worker_thread *self, struct dm_arena *arena)
{
    struct dm_ctx ctx;
    begin(&ctx, arena, STATEMENT_MS);
    self->domain = dm_live_take(self->worker->options.live);
    if (self->sweeps && dm_clock_monotonic_ms() >= self->next_sweep_ms)
        sweep(self, &ctx);
    const struct dm_job_take take = {
        .backoff_s = self->domain->settings->worker_backoff_s,
        .backoff_max_s = self->domain->settings->worker_backoff_max_s,
    };
    struct dm_pg_conn *conn;
    struct dm_job job;
    enum dm_result result = dm_job_store_take(self->domain->pg, &ctx, &take, &conn, &job);
    tell_database(self, &ctx, result != DM_OK && result != DM_E_NOTFOUND);
    if (result == DM_OK)
        run_job(self, &ctx, conn, &job);
    else
        wait_for_work(self, &ctx, result);
    dm_live_give(self->worker->options.live, self->domain);
}

static void *thread_main(void *arg)
{
    struct worker_thread *self = arg;
    struct dm_arena *arena = dm_arena_new(ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    while (arena && !atomic_load(&self->worker->stopping))
        take_turn(self, arena);
    dm_arena_free(arena);
    return NULL;
}

static bool start_thread(struct dm_worker *worker, const struct dm_pg_options *pg_options)
{
    struct worker_thread *self = &worker->threads[worker->n_threads];
    self->worker = worker;
    self->sweeps = worker->n_threads == 0;
    self->listener = dm_pg_listener_open(pg_options, DM_JOB_CHANNEL);
    if (!self->listener)
        return false;
    if (pthread_create(&self->thread, NULL, thread_main, self) != 0) {
        dm_pg_listener_close(self->listener);
        return false;
    }
    worker->n_threads++;
    return true;
}

struct dm_worker *dm_worker_new(const struct dm_worker_options *options)
{
    const struct dm_settings *settings = options->domain->settings;
    unsigned wanted = (unsigned)settings->worker_threads;
    struct dm_worker *worker = calloc(1, sizeof(*worker) + wanted * sizeof(struct worker_thread));
    if (!worker)
        return NULL;
    worker->options = *options;
    worker->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct dm_pg_options pg_options = dm_startup_pg_options(settings, "digitalme-worker listener");
    bool good = worker->stop_fd >= 0;
    while (good && worker->n_threads < wanted)
        good = start_thread(worker, &pg_options);
    if (good)
        return worker;
    dm_worker_free(worker);
    return NULL;
}

void dm_worker_free(struct dm_worker *worker)
{
    if (!worker)
        return;
    atomic_store(&worker->stopping, true);
    if (worker->stop_fd >= 0)
        (void)eventfd_write(worker->stop_fd, 1);
    for (unsigned i = 0; i < worker->n_threads; i++) {
        pthread_join(worker->threads[i].thread, NULL);
        dm_pg_listener_close(worker->threads[i].listener);
    }
    if (worker->stop_fd >= 0)
        close(worker->stop_fd);
    free(worker);
}
