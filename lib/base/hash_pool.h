/*
 * The bulkhead round password hashing: a fixed number of threads and a bounded queue, so that a storm of log-ins cannot take the
 * processor from everything else. A full queue, or a deadline that passes in it, is DM_E_UNAVAILABLE.
 */
#ifndef DM_BASE_HASH_POOL_H
#define DM_BASE_HASH_POOL_H

#include <stdint.h>

#include "base/result.h"

struct dm_hash_pool;

/* NULL when out of memory or threads. Caller frees with dm_hash_pool_free. */
struct dm_hash_pool *dm_hash_pool_new(unsigned n_threads, unsigned queue_max);
/* Ends the threads after the work in hand. No dm_hash_pool_run may be under way. NULL allowed. */
void dm_hash_pool_free(struct dm_hash_pool *pool);
/* Run work(arg) on a thread of the pool and wait for it. Once begun, it is waited for, whatever the deadline. */
DM_MUST_CHECK enum dm_result dm_hash_pool_run(struct dm_hash_pool *pool, void (*work)(void *),
                                              void *arg, int64_t deadline_ms, struct dm_err *err);
unsigned dm_hash_pool_waiting(const struct dm_hash_pool *pool); /* for metrics */

#endif
