/* The breaker opens after failures in a row, lets one probe through, and closes at its success. */
#include "base/breaker.h"

#include <pthread.h>
#include <sched.h>

#include "unit/base/base_suites.h"
#include "unit/unit.h"

#define LONG_MS (60 * 1000)

static void await_half_open(struct dm_breaker *breaker)
{
    while (dm_breaker_state(breaker) == DM_BREAKER_OPEN)
        sched_yield();
}

static void test_opens_after_failures_in_a_row(void)
{
    struct dm_breaker breaker;
    dm_breaker_init(&breaker, 3, LONG_MS);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(dm_breaker_allow(&breaker));
        dm_breaker_failure(&breaker);
    }
    CU_ASSERT_EQUAL(dm_breaker_state(&breaker), DM_BREAKER_CLOSED);
    CU_ASSERT_TRUE(dm_breaker_allow(&breaker));
    dm_breaker_failure(&breaker);
    CU_ASSERT_EQUAL(dm_breaker_state(&breaker), DM_BREAKER_OPEN);
    CU_ASSERT_FALSE(dm_breaker_allow(&breaker));
}

static void test_a_success_between_starts_the_count_anew(void)
{
    struct dm_breaker breaker;
    dm_breaker_init(&breaker, 2, LONG_MS);
    dm_breaker_failure(&breaker);
    dm_breaker_success(&breaker);
    dm_breaker_failure(&breaker);
    CU_ASSERT_EQUAL(dm_breaker_state(&breaker), DM_BREAKER_CLOSED);
}

static void test_half_open_lets_one_probe_through(void)
{
    struct dm_breaker breaker;
    dm_breaker_init(&breaker, 1, 1);
    dm_breaker_failure(&breaker);
    await_half_open(&breaker);
    CU_ASSERT_EQUAL(dm_breaker_state(&breaker), DM_BREAKER_HALF_OPEN);
    CU_ASSERT_TRUE(dm_breaker_allow(&breaker));
    CU_ASSERT_FALSE(dm_breaker_allow(&breaker));
    dm_breaker_success(&breaker);
    CU_ASSERT_EQUAL(dm_breaker_state(&breaker), DM_BREAKER_CLOSED);
    CU_ASSERT_TRUE(dm_breaker_allow(&breaker));
    CU_ASSERT_TRUE(dm_breaker_allow(&breaker));
}

static void test_one_failed_probe_opens_again(void)
{
    struct dm_breaker breaker;
    dm_breaker_init(&breaker, 5, 1);
    for (int i = 0; i < 5; i++)
        dm_breaker_failure(&breaker);
    await_half_open(&breaker);
    CU_ASSERT_TRUE(dm_breaker_allow(&breaker));
    breaker.open_ms = LONG_MS;
    dm_breaker_failure(&breaker);
    CU_ASSERT_EQUAL(dm_breaker_state(&breaker), DM_BREAKER_OPEN);
    CU_ASSERT_FALSE(dm_breaker_allow(&breaker));
}

/* A caller that was let in before the breaker opened may set the count back just as it opens. */
static void test_a_failed_probe_opens_again_although_the_count_was_set_back(void)
{
    struct dm_breaker breaker;
    dm_breaker_init(&breaker, 5, 1);
    for (int i = 0; i < 5; i++)
        dm_breaker_failure(&breaker);
    atomic_store(&breaker.failures, 0);
    for (int i = 0; i < 3; i++) {
        await_half_open(&breaker);
        CU_ASSERT_TRUE(dm_breaker_allow(&breaker));
        dm_breaker_failure(&breaker);
    }
    await_half_open(&breaker);
    CU_ASSERT_TRUE(dm_breaker_allow(&breaker));
    dm_breaker_success(&breaker);
    CU_ASSERT_EQUAL(dm_breaker_state(&breaker), DM_BREAKER_CLOSED);
}

static void test_retry_after_rounds_up_and_is_at_least_one(void)
{
    struct dm_breaker breaker;
    dm_breaker_init(&breaker, 1, 2500);
    CU_ASSERT_EQUAL(dm_breaker_retry_after_s(&breaker), 1);
    dm_breaker_failure(&breaker);
    CU_ASSERT_EQUAL(dm_breaker_retry_after_s(&breaker), 3);
}

/* How many probes were out at once, at most. */
struct storm {
    struct dm_breaker breaker;
    atomic_int probes;
    atomic_int most;
};

static void *storm_thread(void *arg)
{
    struct storm *storm = arg;
    for (int i = 0; i < 2000; i++) {
        if (!dm_breaker_allow(&storm->breaker))
            continue;
        int now = atomic_fetch_add(&storm->probes, 1) + 1;
        if (now > atomic_load(&storm->most))
            atomic_store(&storm->most, now);
        atomic_fetch_sub(&storm->probes, 1);
        dm_breaker_failure(&storm->breaker);
    }
    return NULL;
}

static void test_threads_never_probe_together(void)
{
    struct storm storm = {.probes = 0};
    pthread_t threads[4];
    dm_breaker_init(&storm.breaker, 1, 0);
    dm_breaker_failure(&storm.breaker);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, storm_thread, &storm), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&storm.most), 1);
}

static CU_TestInfo tests[] = {
    {"opens after failures in a row", test_opens_after_failures_in_a_row},
    {"a success between starts the count anew", test_a_success_between_starts_the_count_anew},
    {"half-open lets one probe through", test_half_open_lets_one_probe_through},
    {"one failed probe opens again", test_one_failed_probe_opens_again},
    {"a failed probe opens again although the count was set back",
     test_a_failed_probe_opens_again_although_the_count_was_set_back},
    {"retry-after rounds up and is at least one", test_retry_after_rounds_up_and_is_at_least_one},
    {"threads never probe together", test_threads_never_probe_together},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_breaker_suite(void)
{
    return tests;
}
