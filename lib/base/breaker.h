/*
 * Circuit breaker: after failures in a row an outside resource is not asked for a while, and callers are told at once. Then one
 * probe at a time is let through (half-open); its success closes the breaker. Thread-safe, lock-free.
 */
#ifndef DM_BASE_BREAKER_H
#define DM_BASE_BREAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum dm_breaker_state { DM_BREAKER_CLOSED = 0, DM_BREAKER_HALF_OPEN, DM_BREAKER_OPEN };

struct dm_breaker {
    int failures_to_open; /* in a row */
    int64_t open_ms;      /* how long it stays open */
    atomic_int failures;
    atomic_llong open_until_ms; /* monotonic; 0 when closed */
    atomic_bool probing;
};

void dm_breaker_init(struct dm_breaker *breaker, int failures_to_open, int64_t open_ms);
/* May the caller try? When true, it must report with one of the next two. */
bool dm_breaker_allow(struct dm_breaker *breaker);
void dm_breaker_success(struct dm_breaker *breaker);
void dm_breaker_failure(struct dm_breaker *breaker);
enum dm_breaker_state dm_breaker_state(const struct dm_breaker *breaker);
int dm_breaker_retry_after_s(const struct dm_breaker *breaker); /* at least 1 */

#endif
