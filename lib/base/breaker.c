/*
 * The breaker round each outside resource: a caller asks before it tries and reports afterwards.
 * All state is in three atomics, so asking costs a load while the resource is well.
 */
#include "base/breaker.h"

#include "base/clock.h"

void dm_breaker_init(struct dm_breaker *breaker, int failures_to_open, int64_t open_ms)
{
    breaker->failures_to_open = failures_to_open;
    breaker->open_ms = open_ms;
    atomic_init(&breaker->failures, 0);
    atomic_init(&breaker->open_until_ms, 0);
    atomic_init(&breaker->probing, false);
}

bool dm_breaker_allow(struct dm_breaker *breaker)
{
    int64_t until = atomic_load(&breaker->open_until_ms);
    if (until == 0)
        return true;
    if (dm_clock_monotonic_ms() < until)
        return false;
    bool expected = false;
    if (!atomic_compare_exchange_strong(&breaker->probing, &expected, true))
        return false;
    /* Another probe may have ended between the load and the exchange: what it found counts. */
    until = atomic_load(&breaker->open_until_ms);
    if (until != 0 && dm_clock_monotonic_ms() >= until)
        return true;
    atomic_store(&breaker->probing, false);
    return until == 0;
}

void dm_breaker_success(struct dm_breaker *breaker)
{
    /* The usual case writes nothing, so that threads do not fight over the cache line. */
    if (atomic_load(&breaker->failures) != 0)
        atomic_store(&breaker->failures, 0);
    if (atomic_load(&breaker->open_until_ms) == 0)
        return;
    atomic_store(&breaker->open_until_ms, 0);
    atomic_store(&breaker->probing, false);
}

void dm_breaker_failure(struct dm_breaker *breaker)
{
    /*
     * Once open, every failure opens it again, whatever the count: a success that was under way may have set that back, and a
     * probe that went by uncounted would never be another's.
     */
    if (atomic_load(&breaker->open_until_ms) == 0 &&
        atomic_load(&breaker->failures) < breaker->failures_to_open &&
        atomic_fetch_add(&breaker->failures, 1) + 1 < breaker->failures_to_open)
        return;
    atomic_store(&breaker->open_until_ms, dm_clock_monotonic_ms() + breaker->open_ms);
    /* Last: whoever takes the probe's place must see the new time. */
    atomic_store(&breaker->probing, false);
}

enum dm_breaker_state dm_breaker_state(const struct dm_breaker *breaker)
{
    int64_t until = atomic_load(&breaker->open_until_ms);
    if (until == 0)
        return DM_BREAKER_CLOSED;
    return dm_clock_monotonic_ms() < until ? DM_BREAKER_OPEN : DM_BREAKER_HALF_OPEN;
}

int dm_breaker_retry_after_s(const struct dm_breaker *breaker)
{
    int left_ms = dm_clock_left_ms(atomic_load(&breaker->open_until_ms));
    return left_ms <= 1000 ? 1 : left_ms / 1000 + (left_ms % 1000 != 0);
}
