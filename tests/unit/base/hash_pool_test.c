/* The hashing pool runs work on its own threads, bounds its queue, and lets go of what waits too
 * long but never of what runs. */
#include "base/hash_pool.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

static int64_t in_ms(int64_t ms)
{
    return dm_clock_monotonic_ms() + ms;
}

/* Work that stands still until it is released. */
struct gate {
    struct dm_hash_pool *pool;
    sem_t begun, release;
    int64_t deadline_ms;
    enum dm_result result;
};

static void stand(void *arg)
{
    struct gate *gate = arg;
    sem_post(&gate->begun);
    while (sem_wait(&gate->release) != 0)
        ;
}

static void *run_stand(void *arg)
{
    struct gate *gate = arg;
    gate->result = dm_hash_pool_run(gate->pool, stand, gate, gate->deadline_ms, NULL);
    return NULL;
}

static void open_gate(struct gate *gate, struct dm_hash_pool *pool, int64_t deadline_ms)
{
    gate->pool = pool;
    gate->deadline_ms = deadline_ms;
    gate->result = DM_E_INTERNAL;
    sem_init(&gate->begun, 0, 0);
    sem_init(&gate->release, 0, 0);
}

static void close_gate(struct gate *gate)
{
    sem_destroy(&gate->begun);
    sem_destroy(&gate->release);
}

static void note_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
}

static void count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void test_work_is_done_on_another_thread(void)
{
    pthread_t thread = pthread_self();
    struct dm_hash_pool *pool = dm_hash_pool_new(1, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    CU_ASSERT_EQUAL(dm_hash_pool_run(pool, note_thread, &thread, in_ms(60000), NULL), DM_OK);
    CU_ASSERT_FALSE(pthread_equal(thread, pthread_self()));
    dm_hash_pool_free(pool);
}

static void test_a_full_queue_refuses_at_once(void)
{
    struct gate running, queued;
    pthread_t first, second;
    struct dm_err err = {.retry_after_s = 0};
    atomic_int done = 0;
    struct dm_hash_pool *pool = dm_hash_pool_new(1, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    open_gate(&running, pool, in_ms(60000));
    open_gate(&queued, pool, in_ms(60000));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&first, NULL, run_stand, &running), 0);
    sem_wait(&running.begun);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&second, NULL, run_stand, &queued), 0);
    while (dm_hash_pool_waiting(pool) == 0)
        sched_yield();

    CU_ASSERT_EQUAL(dm_hash_pool_run(pool, count, &done, in_ms(60000), &err), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(err.retry_after_s, 1);
    CU_ASSERT_EQUAL(done, 0);

    sem_post(&running.release);
    sem_post(&queued.release);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    CU_ASSERT_EQUAL(running.result, DM_OK);
    CU_ASSERT_EQUAL(queued.result, DM_OK);
    CU_ASSERT_EQUAL(dm_hash_pool_waiting(pool), 0);
    close_gate(&running);
    close_gate(&queued);
    dm_hash_pool_free(pool);
}

static void test_a_deadline_in_the_queue_withdraws_the_work(void)
{
    struct gate running;
    pthread_t thread;
    atomic_int done = 0;
    struct dm_hash_pool *pool = dm_hash_pool_new(1, 4);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    open_gate(&running, pool, in_ms(60000));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run_stand, &running), 0);
    sem_wait(&running.begun);

    CU_ASSERT_EQUAL(dm_hash_pool_run(pool, count, &done, in_ms(10), NULL), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(dm_hash_pool_waiting(pool), 0);

    sem_post(&running.release);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(dm_hash_pool_run(pool, count, &done, in_ms(60000), NULL), DM_OK);
    CU_ASSERT_EQUAL(done, 1);
    close_gate(&running);
    dm_hash_pool_free(pool);
}

static void test_begun_work_is_waited_for_past_the_deadline(void)
{
    struct gate gate;
    pthread_t thread;
    struct dm_hash_pool *pool = dm_hash_pool_new(1, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    open_gate(&gate, pool, in_ms(20));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run_stand, &gate), 0);
    sem_wait(&gate.begun);
    while (dm_clock_left_ms(gate.deadline_ms) > 0)
        sched_yield();
    sem_post(&gate.release);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(gate.result, DM_OK);
    close_gate(&gate);
    dm_hash_pool_free(pool);
}

struct storm {
    struct dm_hash_pool *pool;
    atomic_int done, refused, accepted;
};

static void *storm_thread(void *arg)
{
    struct storm *storm = arg;
    for (int i = 0; i < 500; i++) {
        if (dm_hash_pool_run(storm->pool, count, &storm->done, in_ms(i % 3), NULL) == DM_OK)
            atomic_fetch_add(&storm->accepted, 1);
        else
            atomic_fetch_add(&storm->refused, 1);
    }
    return NULL;
}

static void test_a_storm_does_exactly_what_it_accepts(void)
{
    struct storm storm = {.pool = dm_hash_pool_new(2, 2)};
    pthread_t threads[8];
    CU_ASSERT_PTR_NOT_NULL_FATAL(storm.pool);
    for (int i = 0; i < 8; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, storm_thread, &storm), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(storm.done, storm.accepted);
    CU_ASSERT_EQUAL(storm.accepted + storm.refused, 8 * 500);
    dm_hash_pool_free(storm.pool);
}

static CU_TestInfo tests[] = {
    {"work is done on another thread", test_work_is_done_on_another_thread},
    {"a full queue refuses at once", test_a_full_queue_refuses_at_once},
    {"a deadline in the queue withdraws the work", test_a_deadline_in_the_queue_withdraws_the_work},
    {"begun work is waited for past the deadline", test_begun_work_is_waited_for_past_the_deadline},
    {"a storm does exactly what it accepts", test_a_storm_does_exactly_what_it_accepts},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_hash_pool_suite(void)
{
    return tests;
}
