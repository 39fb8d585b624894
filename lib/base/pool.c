/*
 * The bulkhead of connections: what a store asks for before it talks to PostgreSQL or Redis. A
 * stack under one lock, so that the connection used last, warm and known to work, goes out first.
 */
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

struct dm_pool {
    pthread_mutex_t lock; /* guards items and n_free: both change together */
    pthread_cond_t given;
    int64_t max_wait_ms;
    unsigned n;
    unsigned n_free;
    atomic_uint in_use; /* read by metrics without the lock */
    void *items[];      /* the first n_free are at home */
};

struct dm_pool *dm_pool_new(void *const *items, unsigned n, int64_t max_wait_ms)
{
    struct dm_pool *pool = calloc(1, sizeof(*pool) + n * sizeof(pool->items[0]));
    if (!pool)
        return NULL;
    if (pthread_mutex_init(&pool->lock, NULL) != 0)
        goto fail_memory;
    if (pthread_cond_init(&pool->given, NULL) != 0)
        goto fail_lock;
    pool->max_wait_ms = max_wait_ms;
    pool->n = n;
    pool->n_free = n;
    atomic_init(&pool->in_use, 0);
    for (unsigned i = 0; i < n; i++)
        pool->items[i] = items[i];
    return pool;

fail_lock:
    pthread_mutex_destroy(&pool->lock);
fail_memory:
    free(pool);
    return NULL;
}

void dm_pool_free(struct dm_pool *pool)
{
    if (!pool)
        return;
    assert(pool->n_free == pool->n);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* On the monotonic clock: a step of the wall clock must not stretch a wait. */
static struct timespec after_ms(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

enum dm_result dm_pool_take(struct dm_pool *pool, int64_t deadline_ms, struct dm_err *err,
                            void **ret_item)
{
    void *item = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->n_free == 0) {
        int64_t wait_ms = dm_clock_left_ms(deadline_ms);
        if (wait_ms > pool->max_wait_ms)
            wait_ms = pool->max_wait_ms;
        struct timespec until = after_ms(wait_ms);
        while (pool->n_free == 0 &&
               pthread_cond_clockwait(&pool->given, &pool->lock, CLOCK_MONOTONIC, &until) == 0)
            ;
    }
    if (pool->n_free > 0) {
        item = pool->items[--pool->n_free];
        atomic_store(&pool->in_use, pool->n - pool->n_free);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!item) {
        enum dm_result r =
            dm_err_set(err, DM_E_UNAVAILABLE, "all %u of the pool are in use", pool->n);
        if (err)
            err->retry_after_s = 1;
        return r;
    }
    *ret_item = item;
    return DM_OK;
}

void dm_pool_give(struct dm_pool *pool, void *item)
{
    pthread_mutex_lock(&pool->lock);
    assert(pool->n_free < pool->n);
    pool->items[pool->n_free++] = item;
    atomic_store(&pool->in_use, pool->n - pool->n_free);
    pthread_mutex_unlock(&pool->lock);
    /* After the unlock: whoever wakes would else run straight into the lock. */
    pthread_cond_signal(&pool->given);
}

unsigned dm_pool_in_use(const struct dm_pool *pool)
{
    return atomic_load(&pool->in_use);
}
