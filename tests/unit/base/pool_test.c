/* The pool lends each thing to one thread at a time, waits within bounds, and prefers what came
 * back last. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

static int64_t far(void)
{
    return dm_clock_monotonic_ms() + 60 * 1000;
}

static void test_lends_what_came_back_last(void)
{
    int a, b;
    void *items[] = {&a, &b};
    void *one = NULL, *two = NULL, *again = NULL;
    struct dm_pool *pool = dm_pool_new(items, 2, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    CU_ASSERT_EQUAL(dm_pool_take(pool, far(), NULL, &one), DM_OK);
    CU_ASSERT_EQUAL(dm_pool_take(pool, far(), NULL, &two), DM_OK);
    CU_ASSERT_PTR_NOT_EQUAL(one, two);
    CU_ASSERT_EQUAL(dm_pool_in_use(pool), 2);
    dm_pool_give(pool, two);
    dm_pool_give(pool, one);
    CU_ASSERT_EQUAL(dm_pool_in_use(pool), 0);
    CU_ASSERT_EQUAL(dm_pool_take(pool, far(), NULL, &again), DM_OK);
    CU_ASSERT_PTR_EQUAL(again, one);
    dm_pool_give(pool, again);
    dm_pool_free(pool);
}

static void test_an_empty_pool_refuses_after_max_wait(void)
{
    int a;
    void *items[] = {&a};
    void *one = NULL, *untouched = &items;
    struct dm_err err = {.retry_after_s = 0};
    struct dm_pool *pool = dm_pool_new(items, 1, 20);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    CU_ASSERT_EQUAL(dm_pool_take(pool, far(), NULL, &one), DM_OK);
    int64_t start = dm_clock_monotonic_ms();
    CU_ASSERT_EQUAL(dm_pool_take(pool, far(), &err, &untouched), DM_E_UNAVAILABLE);
    CU_ASSERT_TRUE(dm_clock_monotonic_ms() - start >= 19);
    CU_ASSERT_EQUAL(err.retry_after_s, 1);
    CU_ASSERT_PTR_EQUAL(untouched, &items);
    dm_pool_give(pool, one);
    dm_pool_free(pool);
}

static void test_a_passed_deadline_does_not_wait(void)
{
    int a;
    void *items[] = {&a};
    void *one = NULL, *two = NULL;
    struct dm_pool *pool = dm_pool_new(items, 1, 60 * 1000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    CU_ASSERT_EQUAL(dm_pool_take(pool, 0, NULL, &one), DM_OK);
    int64_t start = dm_clock_monotonic_ms();
    CU_ASSERT_EQUAL(dm_pool_take(pool, start - 1, NULL, &two), DM_E_UNAVAILABLE);
    CU_ASSERT_TRUE(dm_clock_monotonic_ms() - start < 30 * 1000);
    dm_pool_give(pool, one);
    dm_pool_free(pool);
}

struct giver {
    struct dm_pool *pool;
    void *item;
};

static void *give_back(void *arg)
{
    struct giver *giver = arg;
    dm_pool_give(giver->pool, giver->item);
    return NULL;
}

static void test_a_waiting_thread_gets_what_comes_back(void)
{
    int a;
    void *items[] = {&a};
    void *one = NULL, *two = NULL;
    pthread_t thread;
    struct dm_pool *pool = dm_pool_new(items, 1, 60 * 1000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    CU_ASSERT_EQUAL(dm_pool_take(pool, far(), NULL, &one), DM_OK);
    struct giver giver = {pool, one};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, give_back, &giver), 0);
    CU_ASSERT_EQUAL(dm_pool_take(pool, far(), NULL, &two), DM_OK);
    CU_ASSERT_PTR_EQUAL(two, &a);
    pthread_join(thread, NULL);
    dm_pool_give(pool, two);
    dm_pool_free(pool);
}

#define STORM_TAKES 3000

/* Each item counts its users in plain memory, so a thread sanitizer sees any shared use as well. */
static void *storm_thread(void *arg)
{
    struct dm_pool *pool = arg;
    for (int i = 0; i < STORM_TAKES; i++) {
        void *item;
        if (dm_pool_take(pool, far(), NULL, &item) != DM_OK)
            return arg;
        ++*(int *)item;
        dm_pool_give(pool, item);
    }
    return NULL;
}

static void test_threads_never_share_an_item(void)
{
    int counts[2] = {0, 0};
    void *items[] = {&counts[0], &counts[1]};
    pthread_t threads[4];
    struct dm_pool *pool = dm_pool_new(items, 2, 60 * 1000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, storm_thread, pool), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        CU_ASSERT_PTR_NULL(failed);
    }
    CU_ASSERT_EQUAL(counts[0] + counts[1], 4 * STORM_TAKES);
    CU_ASSERT_EQUAL(dm_pool_in_use(pool), 0);
    dm_pool_free(pool);
}

static CU_TestInfo tests[] = {
    {"lends what came back last", test_lends_what_came_back_last},
    {"an empty pool refuses after max_wait", test_an_empty_pool_refuses_after_max_wait},
    {"a passed deadline does not wait", test_a_passed_deadline_does_not_wait},
    {"a waiting thread gets what comes back", test_a_waiting_thread_gets_what_comes_back},
    {"threads never share an item", test_threads_never_share_an_item},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_pool_suite(void)
{
    return tests;
}
