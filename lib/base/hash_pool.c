/*
 * The bulkhead round password hashing: a handler hands its work in and waits, a few threads do it
 * in turn. A job lives on the stack of the thread that waits for it.
 */
#include "base/hash_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * A third of the share of this process's other threads. It does not shield the database's and the proxy's: a
 * process is scheduled as a group (autogroup, control groups), in which alone niceness counts. What does is a processor
 * that nobody hashes on; so whoever makes a pool leaves one. SCHED_IDLE was no better for others and halved the log-ins.
 */
#define NICE 5
#define MEAN_OF 8 /* the mean time moves an eighth of the way to each new one */
#define RETRY_AFTER_MAX_S 60

enum job_state { JOB_QUEUED = 1, JOB_RUNNING, JOB_DONE };

struct job {
    const struct dm_hash_work *work;
    enum job_state state;
    pthread_cond_t changed;
    struct job *next;
};

struct lane {
    struct job *first, **last;
    unsigned n;
};

struct dm_hash_pool {
    pthread_mutex_t lock; /* guards the lanes, the counts and every job's state */
    pthread_cond_t handed_in;
    struct lane lanes[DM_HASH_LANES];
    enum dm_hash_lane turn;
    unsigned n_running;
    int64_t mean_us;      /* of a job, 0 before the first */
    atomic_uint n_queued; /* written under the lock, read by metrics without */
    bool stopping;
    struct dm_hash_pool_options options;
    unsigned n_threads;
    pthread_t threads[];
};

/* Under the lock: the first of the lane whose turn it is, or of the other; NULL when nothing waits. */
static struct job *take_first(struct dm_hash_pool *pool)
{
    for (int i = 0; i < DM_HASH_LANES; i++) {
        struct lane *lane = &pool->lanes[pool->turn];
        pool->turn = (pool->turn + 1) % DM_HASH_LANES;
        struct job *job = lane->first;
        if (!job)
            continue;
        lane->first = job->next;
        if (!lane->first)
            lane->last = &lane->first;
        lane->n--;
        atomic_fetch_sub(&pool->n_queued, 1);
        return job;
    }
    return NULL;
}

static void withdraw(struct dm_hash_pool *pool, const struct job *job)
{
    struct lane *lane = &pool->lanes[job->work->lane];
    struct job **at = &lane->first;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (!*at)
        lane->last = at;
    lane->n--;
    atomic_fetch_sub(&pool->n_queued, 1);
}

static void append(struct dm_hash_pool *pool, struct job *job)
{
    struct lane *lane = &pool->lanes[job->work->lane];
    *lane->last = job;
    lane->last = &job->next;
    lane->n++;
    atomic_fetch_add(&pool->n_queued, 1);
    pthread_cond_signal(&pool->handed_in);
}

/* Without the lock, which is taken again. */
static void run(struct dm_hash_pool *pool, const struct job *job)
{
    int64_t began_us = dm_clock_monotonic_us();
    job->work->run(job->work->arg);
    int64_t took_us = dm_clock_monotonic_us() - began_us;
    pthread_mutex_lock(&pool->lock);
    pool->mean_us += pool->mean_us ? (took_us - pool->mean_us) / MEAN_OF : took_us;
}

static void *serve(void *arg)
{
    struct dm_hash_pool *pool = arg;
    /* Linux: of this thread alone. Where it may not be, we go on as we are. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct job *job = take_first(pool);
        if (!job && pool->stopping)
            break;
        if (!job) {
            pthread_cond_wait(&pool->handed_in, &pool->lock);
            continue;
        }
        job->state = JOB_RUNNING;
        pool->n_running++;
        pthread_mutex_unlock(&pool->lock);
        run(pool, job);
        pool->n_running--;
        job->state = JOB_DONE;
        pthread_cond_signal(&job->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* The program takes its signals in one place: threads made here must not receive any. */
static int start_thread(pthread_t *thread, struct dm_hash_pool *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(thread, NULL, serve, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct dm_hash_pool *dm_hash_pool_new(const struct dm_hash_pool_options *options)
{
    struct dm_hash_pool *pool =
        calloc(1, sizeof(*pool) + options->threads * sizeof(pool->threads[0]));
    if (!pool)
        return NULL;
    if (pthread_mutex_init(&pool->lock, NULL) != 0)
        goto fail_memory;
    if (pthread_cond_init(&pool->handed_in, NULL) != 0)
        goto fail_lock;
    for (int i = 0; i < DM_HASH_LANES; i++)
        pool->lanes[i].last = &pool->lanes[i].first;
    pool->options = *options;
    atomic_init(&pool->n_queued, 0);
    for (; pool->n_threads < options->threads; pool->n_threads++) {
        if (start_thread(&pool->threads[pool->n_threads], pool) != 0) {
            dm_hash_pool_free(pool);
            return NULL;
        }
    }
    return pool;

fail_lock:
    pthread_mutex_destroy(&pool->lock);
fail_memory:
    free(pool);
    return NULL;
}

void dm_hash_pool_free(struct dm_hash_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->handed_in);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->handed_in);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* On the monotonic clock: a step of the wall clock must not stretch a wait. */
static struct timespec after_ms(int ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* Under the lock: true when the job was done, false when its time passed in the queue. */
static bool wait_for(struct dm_hash_pool *pool, struct job *job, int wait_ms)
{
    struct timespec until = after_ms(wait_ms);
    while (job->state == JOB_QUEUED) {
        if (pthread_cond_clockwait(&job->changed, &pool->lock, CLOCK_MONOTONIC, &until) != 0 &&
            job->state == JOB_QUEUED) {
            withdraw(pool, job);
            return false;
        }
    }
    while (job->state != JOB_DONE)
        pthread_cond_wait(&job->changed, &pool->lock);
    return true;
}

/* Under the lock: when a job handed in now would begin. The lanes take turns, so the other one holds
 * it up by no more jobs than wait in its own. */
static int64_t turn_in_ms(const struct dm_hash_pool *pool, enum dm_hash_lane lane)
{
    unsigned own = pool->lanes[lane].n;
    unsigned others = atomic_load(&pool->n_queued) - own;
    unsigned before = own + (others <= own ? others : own + 1) + pool->n_running;
    if (before < pool->n_threads)
        return 0;
    return (int64_t)(before + 1 - pool->n_threads) * pool->mean_us / pool->n_threads / 1000;
}

/* Under the lock. */
static enum dm_result refuse(const struct dm_hash_pool *pool, enum dm_hash_lane lane,
                             struct dm_err *err, const char *why)
{
    int64_t seconds = turn_in_ms(pool, lane) / 1000 + 1;
    enum dm_result result = dm_err_set(err, DM_E_UNAVAILABLE, "password hashing: %s", why);
    if (err)
        err->retry_after_s = (int)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S);
    return result;
}

/* Under the lock. */
static enum dm_result queue(struct dm_hash_pool *pool, struct job *job, struct dm_err *err)
{
    const struct dm_hash_work *work = job->work;
    int wait_ms = dm_clock_left_ms(work->deadline_ms);
    if (wait_ms > pool->options.max_wait_ms)
        wait_ms = pool->options.max_wait_ms;
    /* Counted with the running, because a job for an idle thread passes through the queue too. */
    if (pool->lanes[work->lane].n + pool->n_running >= pool->n_threads + pool->options.queue_max)
        return refuse(pool, work->lane, err, "the queue is full");
    if (turn_in_ms(pool, work->lane) > wait_ms)
        return refuse(pool, work->lane, err, "its turn would come too late");
    append(pool, job);
    if (!wait_for(pool, job, wait_ms))
        return refuse(pool, work->lane, err, "its turn came too late");
    return DM_OK;
}

enum dm_result dm_hash_pool_run(struct dm_hash_pool *pool, const struct dm_hash_work *work,
                                struct dm_err *err)
{
    struct job job = {.work = work, .state = JOB_QUEUED};
    if (pthread_cond_init(&job.changed, NULL) != 0)
        return dm_err_set(err, DM_E_NOMEM, "no condition variable for a hashing job");
    pthread_mutex_lock(&pool->lock);
    enum dm_result result = queue(pool, &job, err);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&job.changed);
    return result;
}

unsigned dm_hash_pool_waiting(const struct dm_hash_pool *pool)
{
    return atomic_load(&pool->n_queued);
}
