/*
 * A bounded set of things (connections) lent to one thread at a time: the bulkhead of every outside resource. Waiting is bounded
 * by the deadline and by max_wait_ms, whichever is sooner; then DM_E_UNAVAILABLE. Last returned is first lent.
 */
#ifndef DM_BASE_POOL_H
#define DM_BASE_POOL_H

#include <stdint.h>

#include "base/result.h"

struct dm_pool;

/* items: n pointers, copied; the things themselves stay the caller's. NULL when out of memory. */
struct dm_pool *dm_pool_new(void *const *items, unsigned n, int64_t max_wait_ms);
void dm_pool_free(struct dm_pool *pool); /* all items must be back; NULL allowed */
DM_MUST_CHECK enum dm_result dm_pool_take(struct dm_pool *pool, int64_t deadline_ms,
                                          struct dm_err *err, void **ret_item);
void dm_pool_give(struct dm_pool *pool, void *item);
unsigned dm_pool_in_use(const struct dm_pool *pool); /* for metrics */

#endif
