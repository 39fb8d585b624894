/*
 * The bulkhead round password hashing: a fixed number of threads and a bounded queue, so that a storm of log-ins cannot take the
 * processor from everything else. The threads are nice: whoever else wants the processor has it first. There are two lanes, served in
 * turn, so that a flood in one neither fills nor holds up the other.
 */
#ifndef DM_BASE_HASH_POOL_H
#define DM_BASE_HASH_POOL_H

#include <stdint.h>

#include "base/result.h"

struct dm_hash_pool;

enum dm_hash_lane {
    DM_HASH_LANE_LOGIN, /* strangers who say that they know a password */
    DM_HASH_LANE_OTHER, /* new passwords, and people who are logged in */
    DM_HASH_LANES,
};

struct dm_hash_pool_options {
    unsigned threads;
    unsigned queue_max; /* work waiting in each lane */
    int max_wait_ms;    /* the longest that work may wait for its turn */
};

/* What a caller wants done. */
struct dm_hash_work {
    enum dm_hash_lane lane;
    void (*run)(void *arg);
    void *arg;
    int64_t deadline_ms; /* monotonic: it begins before */
};

/* NULL when out of memory or threads. Caller frees with dm_hash_pool_free. */
struct dm_hash_pool *dm_hash_pool_new(const struct dm_hash_pool_options *options);
/* Ends the threads after the work in hand. No dm_hash_pool_run may be under way. NULL allowed. */
void dm_hash_pool_free(struct dm_hash_pool *pool);
/*
 * Run the work on a thread of the pool and wait for it. Once begun, it is waited for, whatever the deadline. DM_E_UNAVAILABLE, with
 * err->retry_after_s the time that what waits now will take: the lane is full, its turn would come too late, or came too late.
 */
DM_MUST_CHECK enum dm_result dm_hash_pool_run(struct dm_hash_pool *pool,
                                              const struct dm_hash_work *work, struct dm_err *err);
unsigned dm_hash_pool_waiting(const struct dm_hash_pool *pool); /* in both lanes */

#endif
