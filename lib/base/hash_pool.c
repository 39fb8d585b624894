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
#include <time.h>

#include "base/clock.h"

enum job_state { JOB_QUEUED = 1, JOB_RUNNING, JOB_DONE };

struct job {
    void (*work)(void *);
    void *arg;
    enum job_state state;
    pthread_cond_t changed;
    struct job *next;
};

struct dm_hash_pool {
    pthread_mutex_t lock; /* guards the queue, the counts and every job's state */
    pthread_cond_t handed_in;
    struct job *first, **last;
    unsigned n_running;
    unsigned queue_max;
    atomic_uint n_queued; /* written under the lock, read by metrics without */
    bool stopping;
    unsigned n_threads;
    pthread_t threads[];
};

static struct job *take_first(struct dm_hash_pool *pool)
{
    struct job *job = pool->first;
    pool->first = job->next;
    if (!pool->first)
        pool->last = &pool->first;
    atomic_fetch_sub(&pool->n_queued, 1);
    return job;
}

static void withdraw(struct dm_hash_pool *pool, const struct job *job)
{
    struct job **at = &pool->first;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (!*at)
        pool->last = at;
    atomic_fetch_sub(&pool->n_queued, 1);
}

static void *serve(void *arg)
{
    struct dm_hash_pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->first && !pool->stopping)
            pthread_cond_wait(&pool->handed_in, &pool->lock);
        if (!pool->first)
            break;
        struct job *job = take_first(pool);
        job->state = JOB_RUNNING;
        pool->n_running++;
        pthread_mutex_unlock(&pool->lock);
        job->work(job->arg);
        pthread_mutex_lock(&pool->lock);
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

struct dm_hash_pool *dm_hash_pool_new(unsigned n_threads, unsigned queue_max)
{
    struct dm_hash_pool *pool = calloc(1, sizeof(*pool) + n_threads * sizeof(pool->threads[0]));
    if (!pool)
        return NULL;
    if (pthread_mutex_init(&pool->lock, NULL) != 0)
        goto fail_memory;
    if (pthread_cond_init(&pool->handed_in, NULL) != 0)
        goto fail_lock;
    pool->last = &pool->first;
    pool->queue_max = queue_max;
    atomic_init(&pool->n_queued, 0);
    for (; pool->n_threads < n_threads; pool->n_threads++) {
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

/* Under the lock: true when the job was done, false when its deadline passed in the queue. */
static bool wait_for(struct dm_hash_pool *pool, struct job *job, int64_t deadline_ms)
{
    struct timespec until = after_ms(dm_clock_left_ms(deadline_ms));
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

static enum dm_result refuse(struct dm_err *err, const char *why)
{
    enum dm_result r = dm_err_set(err, DM_E_UNAVAILABLE, "password hashing: %s", why);
    if (err)
        err->retry_after_s = 1;
    return r;
}

enum dm_result dm_hash_pool_run(struct dm_hash_pool *pool, void (*work)(void *), void *arg,
                                int64_t deadline_ms, struct dm_err *err)
{
    struct job job = {.work = work, .arg = arg, .state = JOB_QUEUED};
    if (pthread_cond_init(&job.changed, NULL) != 0)
        return dm_err_set(err, DM_E_NOMEM, "no condition variable for a hashing job");
    enum dm_result r = DM_OK;
    pthread_mutex_lock(&pool->lock);
    /* Counted with the running, because a job for an idle thread passes through the queue too. */
    if (atomic_load(&pool->n_queued) + pool->n_running >= pool->n_threads + pool->queue_max) {
        r = refuse(err, "the queue is full");
    } else {
        *pool->last = &job;
        pool->last = &job.next;
        atomic_fetch_add(&pool->n_queued, 1);
        pthread_cond_signal(&pool->handed_in);
        if (!wait_for(pool, &job, deadline_ms))
            r = refuse(err, "the deadline passed in the queue");
    }
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&job.changed);
    return r;
}

unsigned dm_hash_pool_waiting(const struct dm_hash_pool *pool)
{
    return atomic_load(&pool->n_queued);
}
