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
    struct dm_gate_ask ask = {.now_ms = NOW_MS};
    if (rates->n > 0)
        ask.counters[ask.n_counters++] =
            (struct dm_gate_counter){.key = dm_id_new(ctx.arena), .rates = rates, .cost = 1};
    return ask;
}

static struct dm_gate_answer check(const struct dm_gate_ask *ask)
{
    struct dm_gate_answer answer = {0};
    CU_ASSERT_EQUAL_FATAL(dm_gate_store_check(kv, &ctx, ask, &answer), DM_OK);
    return answer;
}

static bool allowed(const struct dm_gate_ask *ask)
{
    return check(ask).verdict == DM_GATE_ALLOWED;
}

static void a_window_holds_its_count(void)
{
    static const struct dm_rates rates = {{{3, 60}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    for (int64_t i = 1; i <= 3; i++) {
        struct dm_gate_answer answer = check(&ask);
        CU_ASSERT_EQUAL(answer.verdict, DM_GATE_ALLOWED);
        CU_ASSERT_EQUAL_FATAL(answer.n_windows, 1);
        CU_ASSERT_EQUAL(answer.windows[0].rate.count, 3);
        CU_ASSERT_EQUAL(answer.windows[0].rate.seconds, 60);
        CU_ASSERT_EQUAL(answer.windows[0].remaining, 3 - i);
        CU_ASSERT_EQUAL(answer.windows[0].reset_s, 20 * i);
        CU_ASSERT_EQUAL(answer.retry_after_ms, 0);
    }
    ask.now_ms += 1;
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_REFUSED);
    CU_ASSERT_EQUAL(answer.windows[0].remaining, 0);
    CU_ASSERT_EQUAL(answer.retry_after_ms, 19999);
    CU_ASSERT_EQUAL(answer.windows[0].reset_s, 20); /* 19.999 rounded up */
    finish();
}

static void room_comes_back_smoothly(void)
{
    static const struct dm_rates rates = {{{7, 60}}, 1}; /* 8571 3/7 ms each */
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    for (int i = 0; i < 7; i++)
        CU_ASSERT_TRUE(allowed(&ask));
    ask.now_ms = NOW_MS + 8571;
    CU_ASSERT_FALSE(allowed(&ask));
    CU_ASSERT_EQUAL(check(&ask).retry_after_ms, 1);
    ask.now_ms = NOW_MS + 8572;
    CU_ASSERT_TRUE(allowed(&ask));
    CU_ASSERT_FALSE(allowed(&ask));
    /* No fraction is lost: 7 more after exactly 60 s from the start, less the one above. */
    ask.now_ms = NOW_MS + 60000;
    for (int i = 0; i < 6; i++)
        CU_ASSERT_TRUE(allowed(&ask));
    CU_ASSERT_FALSE(allowed(&ask));
    finish();
}

static void windows_count_all_or_nothing(void)
{
    static const struct dm_rates rates = {{{2, 1}, {3, 3600}}, 2};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    CU_ASSERT_TRUE(allowed(&ask));
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_ALLOWED);
    CU_ASSERT_EQUAL_FATAL(answer.n_windows, 2);
    CU_ASSERT_EQUAL(answer.windows[0].remaining, 0);
    CU_ASSERT_EQUAL(answer.windows[1].remaining, 1);
    for (int i = 0; i < 10; i++) {
        answer = check(&ask);
        CU_ASSERT_EQUAL(answer.verdict, DM_GATE_REFUSED);
        CU_ASSERT_EQUAL(answer.retry_after_ms, 500);
    }
    /* Had the refused ones counted in the second window, it would be full. */
    ask.now_ms += 1000;
    answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_ALLOWED);
    CU_ASSERT_EQUAL(answer.windows[1].remaining, 0);
    answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_REFUSED);
    CU_ASSERT_EQUAL(answer.windows[0].remaining, 1);
    CU_ASSERT_EQUAL(answer.windows[0].reset_s, 1);
    CU_ASSERT_EQUAL(answer.windows[1].reset_s, 1199);
    CU_ASSERT_EQUAL(answer.retry_after_ms, 1199000);
    finish();
}

static void large_windows_stay_exact(void)
{
    static const struct dm_rates rates = {{{INT64_C(100000), 86400}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    ask.counters[0].cost = 99999;
    CU_ASSERT_TRUE(allowed(&ask));
    ask.counters[0].cost = 1;
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_ALLOWED);
    CU_ASSERT_EQUAL(answer.windows[0].remaining, 0);
    CU_ASSERT_EQUAL(answer.windows[0].reset_s, 86400);
    ask.now_ms += 863; /* one comes back after 864 ms */
    CU_ASSERT_FALSE(allowed(&ask));
    ask.now_ms += 1;
    CU_ASSERT_TRUE(allowed(&ask));
    finish();
}

static void a_clock_that_steps_back_gives_no_room(void)
{
    static const struct dm_rates rates = {{{1, 60}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    CU_ASSERT_TRUE(allowed(&ask));
    ask.now_ms -= 3600000;
    CU_ASSERT_FALSE(allowed(&ask));
    ask.now_ms = NOW_MS + 59999;
    CU_ASSERT_FALSE(allowed(&ask));
    ask.now_ms = NOW_MS + 60000;
    CU_ASSERT_TRUE(allowed(&ask));
    finish();
}

static void other_rates_are_another_counter(void)
{
    static const struct dm_rates rates = {{{1, 60}}, 1};
    static const struct dm_rates others = {{{2, 60}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    CU_ASSERT_TRUE(allowed(&ask));
    CU_ASSERT_FALSE(allowed(&ask));
    ask.counters[0].rates = &others;
    CU_ASSERT_EQUAL(check(&ask).windows[0].remaining, 1);
    finish();
}

static void two_counters_count_together_or_not_at_all(void)
{
    static const struct dm_rates own = {{{10, 60}}, 1};
    static const struct dm_rates class = {{{3, 3600}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&own);
    ask.counters[0].cost = 2;
    ask.counters[1] =
        (struct dm_gate_counter){.key = dm_id_new(ctx.arena), .rates = &class, .cost = 1};
    ask.n_counters = 2;
    for (int64_t i = 1; i <= 3; i++) {
        struct dm_gate_answer answer = check(&ask);
        CU_ASSERT_EQUAL(answer.verdict, DM_GATE_ALLOWED);
        CU_ASSERT_EQUAL_FATAL(answer.n_windows, 2);
        CU_ASSERT_EQUAL(answer.windows[0].counter, 0);
        CU_ASSERT_EQUAL(answer.windows[0].remaining, 10 - 2 * i);
        CU_ASSERT_EQUAL(answer.windows[1].counter, 1);
        CU_ASSERT_EQUAL(answer.windows[1].remaining, 3 - i);
    }
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_REFUSED);
    CU_ASSERT_EQUAL(answer.retry_after_ms, 1200000);
    /* The first alone has room still, and was not charged for what the second refused. */
    ask.n_counters = 1;
    answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_ALLOWED);
    CU_ASSERT_EQUAL(answer.windows[0].remaining, 2);
    finish();
}

static void what_costs_more_than_a_window_needs_all_of_it(void)
{
    static const struct dm_rates rates = {{{3, 60}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    ask.counters[0].cost = 5;
    CU_ASSERT_EQUAL(check(&ask).windows[0].remaining, 0);
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_REFUSED);
    CU_ASSERT_EQUAL(answer.retry_after_ms, 60000);
    ask.now_ms += 60000;
    CU_ASSERT_TRUE(allowed(&ask));
    finish();
}

static void a_look_counts_nothing(void)
{
    static const struct dm_rates rates = {{{1, 60}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    ask.counters[0].cost = 0;
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(check(&ask).windows[0].remaining, 1);
    ask.counters[0].cost = 1;
    CU_ASSERT_TRUE(allowed(&ask));
    ask.counters[0].cost = 0;
    CU_ASSERT_FALSE(allowed(&ask));
    finish();
}

static void refused_too_often_is_blocked(void)
{
    static const struct dm_rates rates = {{{60, 60}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    ask.block_after = 3;
    ask.block_s = 900;
    ask.counters[0].cost = 60;
    CU_ASSERT_TRUE(allowed(&ask));
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(check(&ask).verdict, DM_GATE_REFUSED);
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_BLOCKED);
    CU_ASSERT_EQUAL(answer.retry_after_ms, 900000);
    /* The window is empty long before the block ends. */
    ask.now_ms += 899999;
    answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_BLOCKED);
    CU_ASSERT_EQUAL(answer.retry_after_ms, 1);
    CU_ASSERT_EQUAL_FATAL(answer.n_windows, 1);
    CU_ASSERT_EQUAL(answer.windows[0].remaining, 0);
    CU_ASSERT_EQUAL(answer.windows[0].reset_s, 1);
    ask.now_ms += 1;
    CU_ASSERT_TRUE(allowed(&ask));
    finish();
}

static void refused_now_and_then_is_not_blocked(void)
{
    static const struct dm_rates rates = {{{1, 86400}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    ask.block_after = 3;
    ask.block_s = 900;
    CU_ASSERT_TRUE(allowed(&ask));
    for (int i = 0; i < 12; i++) {
        CU_ASSERT_EQUAL(check(&ask).verdict, DM_GATE_REFUSED);
        ask.now_ms += 30001; /* two within any minute that a refusal begins */
    }
    finish();
}

static void without_a_time_redis_has_its_own(void)
{
    static const struct dm_rates rates = {{{2, 3600}}, 1};
    start();
    struct dm_gate_ask ask = new_ask(&rates);
    ask.now_ms = 0;
    CU_ASSERT_TRUE(allowed(&ask));
    CU_ASSERT_TRUE(allowed(&ask));
    struct dm_gate_answer answer = check(&ask);
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_REFUSED);
    CU_ASSERT_TRUE(answer.retry_after_ms > 1700000 && answer.retry_after_ms <= 1800000);
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
        if (dm_gate_store_check(kv, &own, ask, &answer) == DM_OK &&
            answer.verdict == DM_GATE_ALLOWED)
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
    CU_ASSERT_EQUAL(answer.verdict, DM_GATE_ALLOWED);
    CU_ASSERT_EQUAL(answer.n_windows, 0);
    CU_ASSERT_EQUAL(dm_gate_store_remember(kv, &ctx, ask.session_id, 60), DM_OK);
    CU_ASSERT_EQUAL(check(&ask).session, DM_GATE_SESSION_ALIVE);
    CU_ASSERT_EQUAL(dm_gate_store_kill(kv, &ctx, &ask.session_id, 1, 60), DM_OK);
    CU_ASSERT_EQUAL(check(&ask).session, DM_GATE_SESSION_DEAD);
    /* A late "alive" from a reader of the old state does not raise the dead. */
    CU_ASSERT_EQUAL(dm_gate_store_remember(kv, &ctx, ask.session_id, 60), DM_OK);
    CU_ASSERT_EQUAL(check(&ask).session, DM_GATE_SESSION_DEAD);
    /* The dead are not counted. */
    struct dm_str session_id = ask.session_id;
    ask = new_ask(&rates);
    ask.session_id = session_id;
    CU_ASSERT_EQUAL(check(&ask).session, DM_GATE_SESSION_DEAD);
    ask.session_id = (struct dm_str){NULL, 0};
    CU_ASSERT_TRUE(allowed(&ask));
    finish();
}

/* More than one command holds. */
static void many_sessions_die_at_once(void)
{
    enum { N = 200 };
    static const struct dm_rates none = {.n = 0};
    struct dm_str ids[N];
    start();
    for (size_t i = 0; i < N; i++)
        ids[i] = dm_id_new(ctx.arena);
    CU_ASSERT_EQUAL(dm_gate_store_kill(kv, &ctx, ids, N, 60), DM_OK);
    struct dm_gate_ask ask = new_ask(&none);
    size_t dead = 0;
    for (size_t i = 0; i < N; i++) {
        ask.session_id = ids[i];
        dead += check(&ask).session == DM_GATE_SESSION_DEAD;
    }
    CU_ASSERT_EQUAL(dead, N);
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
    CU_ASSERT_TRUE(allowed(&ask));
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
        {"two counters count together or not at all", two_counters_count_together_or_not_at_all},
        {"what costs more than a window needs all of it",
         what_costs_more_than_a_window_needs_all_of_it},
        {"a look counts nothing", a_look_counts_nothing},
        {"refused too often is blocked", refused_too_often_is_blocked},
        {"refused now and then is not blocked", refused_now_and_then_is_not_blocked},
        {"without a time Redis has its own", without_a_time_redis_has_its_own},
        {"threads get no more than the count", threads_get_no_more_than_the_count},
        {"a session is unknown, alive or dead", a_session_is_unknown_alive_or_dead},
        {"many sessions die at once", many_sessions_die_at_once},
        {"nothing to ask asks nothing", nothing_to_ask_asks_nothing},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
