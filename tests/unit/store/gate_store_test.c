/*
 * The gate's scripts on a real Redis: the arithmetic of the windows, and what is known of sessions.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/id.h"
#include "store/gate_store.h"
#include "unit/store/store_fixture.h"
#include "unit/store/store_suites.h"
#include "unit/unit.h"

#define NOW_MS INT64_C(1767225600000)

static struct dm_ctx ctx;
static struct dm_kv *kv;

static void start(void)
{
    dm_test_ctx_init(&ctx, 20000);
    kv = dm_test_kv_open(4);
}

static void finish(void)
{
    dm_kv_close(kv);
    dm_test_ctx_done(&ctx);
}

/* A caller nobody has counted yet. */
static struct dm_gate_ask new_ask(const struct dm_rates *rates)
{
    return (struct dm_gate_ask){
        .limit_key = dm_id_new(ctx.arena), .rates = rates, .cost = 1, .now_ms = NOW_MS};
}

static struct dm_gate_answer check(const struct dm_gate_ask *ask)
{
    struct dm_gate_answer answer = {0};
    CU_ASSERT_EQUAL_FATAL(dm_gate_store_check(kv, &ctx, ask, &answer), DM_OK);
    return answer;
}

static void a_window_holds_its_count(void)
{
    static const struct dm_rates rates = {{{3, 60}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    for (int64_t i = 1; i <= 3; i++) {
        struct dm_gate_answer answer = check(&ask);
        CU_ASSERT_TRUE(answer.allowed);
        CU_ASSERT_EQUAL(answer.limit, 3);
        CU_ASSERT_EQUAL(answer.window_s, 60);
        CU_ASSERT_EQUAL(answer.remaining, 3 - i);
        CU_ASSERT_EQUAL(answer.reset_s, 20 * i);
        CU_ASSERT_EQUAL(answer.retry_after_s, 0);
    }
    ask.now_ms += 1;
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_FALSE(answer.allowed);
    CU_ASSERT_EQUAL(answer.remaining, 0);
    CU_ASSERT_EQUAL(answer.retry_after_s, 20); /* 19.999 rounded up */
    CU_ASSERT_EQUAL(answer.reset_s, 60);
    finish();
}

static void room_comes_back_smoothly(void)
{
    static const struct dm_rates rates = {{{7, 60}}, 1}; /* 8571 3/7 ms each */
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    for (int i = 0; i < 7; i++)
        CU_ASSERT_TRUE(check(&ask).allowed);
    ask.now_ms = NOW_MS + 8571;
    CU_ASSERT_FALSE(check(&ask).allowed);
    CU_ASSERT_EQUAL(check(&ask).retry_after_s, 1);
    ask.now_ms = NOW_MS + 8572;
    CU_ASSERT_TRUE(check(&ask).allowed);
    CU_ASSERT_FALSE(check(&ask).allowed);
    /* No fraction is lost: 7 more after exactly 60 s from the start, less the one above. */
    ask.now_ms = NOW_MS + 60000;
    for (int i = 0; i < 6; i++)
        CU_ASSERT_TRUE(check(&ask).allowed);
    CU_ASSERT_FALSE(check(&ask).allowed);
    finish();
}

static void windows_count_all_or_nothing(void)
{
    static const struct dm_rates rates = {{{2, 1}, {3, 3600}}, 2};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    CU_ASSERT_TRUE(check(&ask).allowed);
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_TRUE(answer.allowed);
    CU_ASSERT_EQUAL(answer.limit, 2); /* 0 of 2 is less room than 1 of 3 */
    for (int i = 0; i < 10; i++) {
        answer = check(&ask);
        CU_ASSERT_FALSE(answer.allowed);
        CU_ASSERT_EQUAL(answer.limit, 2);
        CU_ASSERT_EQUAL(answer.retry_after_s, 1);
    }
    /* Had the refused ones counted in the second window, it would be full. */
    ask.now_ms += 1000;
    answer = check(&ask);
    CU_ASSERT_TRUE(answer.allowed);
    CU_ASSERT_EQUAL(answer.limit, 3);
    CU_ASSERT_EQUAL(answer.remaining, 0);
    answer = check(&ask);
    CU_ASSERT_FALSE(answer.allowed);
    CU_ASSERT_EQUAL(answer.window_s, 3600);
    CU_ASSERT_EQUAL(answer.retry_after_s, 1199);
    finish();
}

static void large_windows_stay_exact(void)
{
    static const struct dm_rates rates = {{{INT64_C(100000), 86400}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    ask.cost = 99999;
    CU_ASSERT_TRUE(check(&ask).allowed);
    ask.cost = 1;
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_TRUE(answer.allowed);
    CU_ASSERT_EQUAL(answer.remaining, 0);
    CU_ASSERT_EQUAL(answer.reset_s, 86400);
    ask.now_ms += 863; /* one comes back after 864 ms */
    CU_ASSERT_FALSE(check(&ask).allowed);
    ask.now_ms += 1;
    CU_ASSERT_TRUE(check(&ask).allowed);
    finish();
}

static void a_clock_that_steps_back_gives_no_room(void)
{
    static const struct dm_rates rates = {{{1, 60}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    CU_ASSERT_TRUE(check(&ask).allowed);
    ask.now_ms -= 3600000;
    CU_ASSERT_FALSE(check(&ask).allowed);
    ask.now_ms = NOW_MS + 59999;
    CU_ASSERT_FALSE(check(&ask).allowed);
    ask.now_ms = NOW_MS + 60000;
    CU_ASSERT_TRUE(check(&ask).allowed);
    finish();
}

static void other_rates_are_another_counter(void)
{
    static const struct dm_rates rates = {{{1, 60}}, 1};
    static const struct dm_rates others = {{{2, 60}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    CU_ASSERT_TRUE(check(&ask).allowed);
    CU_ASSERT_FALSE(check(&ask).allowed);
    ask.rates = &others;
    CU_ASSERT_EQUAL(check(&ask).remaining, 1);
    finish();
}

static atomic_int n_allowed;

static void *ask_many(void *arg)
{
    const struct dm_gate_ask *ask = arg;
    struct dm_ctx own;
    dm_test_ctx_init(&own, 20000);
    for (int i = 0; i < 50; i++) {
        struct dm_gate_answer answer = {0};
        if (dm_gate_store_check(kv, &own, ask, &answer) == DM_OK && answer.allowed)
            atomic_fetch_add(&n_allowed, 1);
    }
    dm_test_ctx_done(&own);
    return NULL;
}

static void threads_get_no_more_than_the_count(void)
{
    static const struct dm_rates rates = {{{120, 3600}, {130, 86400}}, 2};
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    atomic_store(&n_allowed, 0);
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_many, &ask), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&n_allowed), 120);
    finish();
}

static void a_session_is_unknown_alive_or_dead(void)
{
    static const struct dm_rates none = {.n = 0};
    static const struct dm_rates rates = {{{1, 3600}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&none);
    ask.session_id = dm_id_new(ctx.arena);
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_EQUAL(answer.session, DM_GATE_SESSION_UNKNOWN);
    CU_ASSERT_TRUE(answer.allowed);
    CU_ASSERT_EQUAL(answer.limit, 0);
    CU_ASSERT_EQUAL(dm_gate_store_remember(kv, &ctx, ask.session_id, 60), DM_OK);
    CU_ASSERT_EQUAL(check(&ask).session, DM_GATE_SESSION_ALIVE);
    CU_ASSERT_EQUAL(dm_gate_store_kill(kv, &ctx, &ask.session_id, 1, 60), DM_OK);
    CU_ASSERT_EQUAL(check(&ask).session, DM_GATE_SESSION_DEAD);
    /* A late "alive" from a reader of the old state does not raise the dead. */
    CU_ASSERT_EQUAL(dm_gate_store_remember(kv, &ctx, ask.session_id, 60), DM_OK);
    CU_ASSERT_EQUAL(check(&ask).session, DM_GATE_SESSION_DEAD);
    /* The dead are not counted. */
    ask.rates = &rates;
    CU_ASSERT_EQUAL(check(&ask).session, DM_GATE_SESSION_DEAD);
    ask.session_id = (struct dm_str){NULL, 0};
    CU_ASSERT_TRUE(check(&ask).allowed);
    finish();
}

static void nothing_to_ask_asks_nothing(void)
{
    static const struct dm_rates none = {.n = 0};
    dm_test_ctx_init(&ctx, 1000);
    struct dm_kv_options options = {
        .address = "unix:/nonexistent", .connections = 1, .timeout_ms = 100};
    kv = dm_kv_open(&options);
    struct dm_gate_ask ask = new_ask(&none);
    CU_ASSERT_TRUE(check(&ask).allowed);
    finish();
}

CU_TestInfo *dm_gate_store_suite(void)
{
    static CU_TestInfo tests[] = {
        {"a window holds its count", a_window_holds_its_count},
        {"room comes back smoothly", room_comes_back_smoothly},
        {"windows count all or nothing", windows_count_all_or_nothing},
        {"large windows stay exact", large_windows_stay_exact},
        {"a clock that steps back gives no room", a_clock_that_steps_back_gives_no_room},
        {"other rates are another counter", other_rates_are_another_counter},
        {"threads get no more than the count", threads_get_no_more_than_the_count},
        {"a session is unknown, alive or dead", a_session_is_unknown_alive_or_dead},
        {"nothing to ask asks nothing", nothing_to_ask_asks_nothing},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
