/* The hashing pool runs work on its own threads, bounds its queue, and lets go of what waits too
 * long but never of what runs. */
#include "base/hash_pool.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/base/base_suites.h"
#include "unit/unit.h"

static int64_t in_ms(int64_t ms)
{
    return dm_clock_monotonic_ms() + ms;
}

static struct dm_hash_pool *pool_new(unsigned threads, unsigned queue_max)
{
    struct dm_hash_pool *pool = dm_hash_pool_new(&(struct dm_hash_pool_options){
        .threads = threads, .queue_max = queue_max, .max_wait_ms = 60000});
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    return pool;
}

/* In the lane of log-ins. */
static enum dm_result pool_run(struct dm_hash_pool *pool, void (*run)(void *), void *arg,
                               int64_t deadline_ms)
{
    const struct dm_hash_work work = {.run = run, .arg = arg, .deadline_ms = deadline_ms};
    return dm_hash_pool_run(pool, &work, NULL);
}

/* Work that stands still until it is released. */
struct gate {
    struct dm_hash_pool *pool;
    enum dm_hash_lane lane;
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
    const struct dm_hash_work work = {
        .lane = gate->lane, .run = stand, .arg = gate, .deadline_ms = gate->deadline_ms};
    gate->result = dm_hash_pool_run(gate->pool, &work, NULL);
    return NULL;
}

static void open_gate(struct gate *gate, struct dm_hash_pool *pool, int64_t deadline_ms)
{
    gate->pool = pool;
    gate->lane = DM_HASH_LANE_LOGIN;
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
    struct dm_hash_pool *pool = pool_new(1, 0);
    CU_ASSERT_EQUAL(pool_run(pool, note_thread, &thread, in_ms(60000)), DM_OK);
    CU_ASSERT_FALSE(pthread_equal(thread, pthread_self()));
    dm_hash_pool_free(pool);
}

static void test_a_full_queue_refuses_at_once(void)
{
    struct gate running, queued;
    pthread_t first, second;
    struct dm_err err = {.retry_after_s = 0};
    atomic_int done = 0;
    struct dm_hash_pool *pool = pool_new(1, 1);
    const struct dm_hash_work one_more = {.run = count, .arg = &done, .deadline_ms = in_ms(60000)};
    open_gate(&running, pool, in_ms(60000));
    open_gate(&queued, pool, in_ms(60000));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&first, NULL, run_stand, &running), 0);
    sem_wait(&running.begun);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&second, NULL, run_stand, &queued), 0);
    while (dm_hash_pool_waiting(pool) == 0)
        sched_yield();

    CU_ASSERT_EQUAL(dm_hash_pool_run(pool, &one_more, &err), DM_E_UNAVAILABLE);
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
    struct dm_hash_pool *pool = pool_new(1, 4);
    open_gate(&running, pool, in_ms(60000));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run_stand, &running), 0);
    sem_wait(&running.begun);

    CU_ASSERT_EQUAL(pool_run(pool, count, &done, in_ms(10)), DM_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(dm_hash_pool_waiting(pool), 0);

    sem_post(&running.release);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(pool_run(pool, count, &done, in_ms(60000)), DM_OK);
    CU_ASSERT_EQUAL(done, 1);
    close_gate(&running);
    dm_hash_pool_free(pool);
}

static void test_begun_work_is_waited_for_past_the_deadline(void)
{
    struct gate gate;
    pthread_t thread;
    struct dm_hash_pool *pool = pool_new(1, 0);
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

/* Waits until n jobs are in the queue. */
static void await_queued(struct dm_hash_pool *pool, unsigned n)
{
    while (dm_hash_pool_waiting(pool) < n)
        sched_yield();
}

/* A job that writes down when it came. */
struct turn {
    struct dm_hash_pool *pool;
    enum dm_hash_lane lane;
    atomic_int *clock;
    int came;
};

static void take_turn(void *arg)
{
    struct turn *turn = arg;
    turn->came = atomic_fetch_add(turn->clock, 1);
}

static void *run_turn(void *arg)
{
    struct turn *turn = arg;
    const struct dm_hash_work work = {
        .lane = turn->lane, .run = take_turn, .arg = turn, .deadline_ms = in_ms(60000)};
    CU_ASSERT_EQUAL(dm_hash_pool_run(turn->pool, &work, NULL), DM_OK);
    return NULL;
}

#define FLOOD 6

static void test_a_flood_in_one_lane_holds_up_the_other_by_one(void)
{
    struct gate running;
    pthread_t gate_thread, threads[FLOOD + 1];
    atomic_int clock = 0;
    struct turn turns[FLOOD + 1];
    struct dm_hash_pool *pool = pool_new(1, FLOOD);
    open_gate(&running, pool, in_ms(60000));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&gate_thread, NULL, run_stand, &running), 0);
    sem_wait(&running.begun);
    /* The lane of log-ins is full when the other one's only job comes. */
    for (unsigned i = 0; i <= FLOOD; i++) {
        turns[i] = (struct turn){.pool = pool,
                                 .lane = i < FLOOD ? DM_HASH_LANE_LOGIN : DM_HASH_LANE_OTHER,
                                 .clock = &clock};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, run_turn, &turns[i]), 0);
        await_queued(pool, i + 1);
    }
    CU_ASSERT_EQUAL(pool_run(pool, count, &clock, in_ms(60000)), DM_E_UNAVAILABLE);
    sem_post(&running.release);
    pthread_join(gate_thread, NULL);
    for (int i = 0; i <= FLOOD; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_TRUE(turns[FLOOD].came <= 1);
    /* Within a lane the order is that of coming. */
    for (int i = 1; i < FLOOD; i++)
        CU_ASSERT_TRUE(turns[i - 1].came < turns[i].came);
    close_gate(&running);
    dm_hash_pool_free(pool);
}

#define JOB_MS 300

static void take_a_while(void *arg)
{
    (void)arg;
    usleep(JOB_MS * 1000);
}

static void test_a_refusal_tells_how_long_what_waits_will_take(void)
{
    struct gate running;
    pthread_t gate_thread, threads[FLOOD];
    struct turn turns[FLOOD];
    atomic_int clock = 0;
    struct dm_err err = {0};
    struct dm_hash_pool *pool = pool_new(1, FLOOD);
    /* The one that makes the time of a job known. */
    CU_ASSERT_EQUAL(pool_run(pool, take_a_while, NULL, in_ms(60000)), DM_OK);
    open_gate(&running, pool, in_ms(60000));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&gate_thread, NULL, run_stand, &running), 0);
    sem_wait(&running.begun);

    const struct dm_hash_work soon = {
        .run = count, .arg = &clock, .deadline_ms = in_ms(JOB_MS / 2)};
    CU_ASSERT_EQUAL(dm_hash_pool_run(pool, &soon, &err), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "would come too late"));
    CU_ASSERT_EQUAL(err.retry_after_s, 1);

    for (unsigned i = 0; i < FLOOD; i++) {
        turns[i] = (struct turn){.pool = pool, .clock = &clock};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, run_turn, &turns[i]), 0);
        await_queued(pool, i + 1);
    }
    const struct dm_hash_work one_more = {.run = count, .arg = &clock, .deadline_ms = in_ms(60000)};
    CU_ASSERT_EQUAL(dm_hash_pool_run(pool, &one_more, &err), DM_E_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.detail, "full"));
    /* Six wait, one runs and one of the other lane might come between: the time of eight, or more where the machine is slow. */
    CU_ASSERT_TRUE(err.retry_after_s >= 1 + 7 * JOB_MS / 1000);
    CU_ASSERT_TRUE(err.retry_after_s <= 60);

    sem_post(&running.release);
    pthread_join(gate_thread, NULL);
    for (int i = 0; i < FLOOD; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(clock, FLOOD);
    close_gate(&running);
    dm_hash_pool_free(pool);
}

static void note_priority(void *arg)
{
    *(int *)arg = getpriority(PRIO_PROCESS, (id_t)gettid());
}

static void test_the_threads_step_back_and_their_callers_do_not(void)
{
    int priority = 0, before = getpriority(PRIO_PROCESS, (id_t)gettid());
    struct dm_hash_pool *pool = pool_new(1, 0);
    CU_ASSERT_EQUAL(pool_run(pool, note_priority, &priority, in_ms(60000)), DM_OK);
    CU_ASSERT_TRUE(priority > before);
    CU_ASSERT_EQUAL(getpriority(PRIO_PROCESS, (id_t)gettid()), before);
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
        if (pool_run(storm->pool, count, &storm->done, in_ms(i % 3)) == DM_OK)
            atomic_fetch_add(&storm->accepted, 1);
        else
            atomic_fetch_add(&storm->refused, 1);
    }
    return NULL;
}

static void test_a_storm_does_exactly_what_it_accepts(void)
{
    struct storm storm = {.pool = pool_new(2, 2)};
    pthread_t threads[8];
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
    {"a flood in one lane holds up the other by one",
     test_a_flood_in_one_lane_holds_up_the_other_by_one},
    {"a refusal tells how long what waits will take",
     test_a_refusal_tells_how_long_what_waits_will_take},
    {"the threads step back and their callers do not",
     test_the_threads_step_back_and_their_callers_do_not},
    {"a storm does exactly what it accepts", test_a_storm_does_exactly_what_it_accepts},
    CU_TEST_INFO_NULL,
};

CU_TestInfo *dm_hash_pool_suite(void)
{
    return tests;
}
