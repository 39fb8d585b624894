/* The gate without Redis: the limiter of this process, and whose requests it counts together. */
#include "domain/gate.h"

#include <pthread.h>
#include <stdatomic.h>

#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

static struct dm_settings settings = {.session_cache_s = 60};
static const struct dm_domain domain = {.settings =
                                            &settings}; /* no Redis, and no need of PostgreSQL */
static const struct dm_principal anonymous = {0};

static struct dm_local_limiter *limiter;
static struct dm_arena *arena;

static void begin(size_t entries)
{
    limiter = dm_local_limiter_new(entries);
    arena = dm_arena_new(4096, 1 << 20);
    CU_ASSERT_PTR_NOT_NULL_FATAL(limiter);
    CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
}

static void end(void)
{
    dm_local_limiter_free(limiter);
    dm_arena_free(arena);
}

static enum dm_result ask(const char *address, const char *class, const struct dm_rates *rates,
                          struct dm_gate_result *ret)
{
    struct dm_ctx ctx = {.arena = arena};
    struct dm_gate_request request = {.principal = &anonymous,
                                      .address = dm_str_from(address),
                                      .limits = {{.name = class, .rates = rates, .cost = 1}},
                                      .n_limits = 1};
    enum dm_result result = dm_gate_check(&domain, limiter, &ctx, &request, ret);
    dm_arena_reset(arena);
    return result;
}

static void allows_a_burst_and_no_more(void)
{
    const struct dm_rates rates = {.rate = {{5, 3600}}, .n = 1};
    struct dm_gate_result gate;
    begin(1024);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_OK);
        CU_ASSERT_TRUE(gate.degraded);
        CU_ASSERT_EQUAL_FATAL(gate.answer.n_windows, 1);
        CU_ASSERT_EQUAL(gate.answer.windows[0].rate.count, 5);
        CU_ASSERT_EQUAL(gate.answer.windows[0].rate.seconds, 3600);
        CU_ASSERT_EQUAL(gate.answer.windows[0].remaining, 4 - i);
        CU_ASSERT_TRUE(gate.answer.windows[0].reset_s > 720 * (i + 1) - 10 &&
                       gate.answer.windows[0].reset_s <= 720 * (i + 1));
    }
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_E_LIMITED);
    CU_ASSERT_EQUAL(gate.answer.verdict, DM_GATE_REFUSED);
    CU_ASSERT_EQUAL(gate.answer.windows[0].remaining, 0);
    CU_ASSERT_TRUE(gate.answer.retry_after_ms > 700000 && gate.answer.retry_after_ms <= 720000);
    CU_ASSERT_TRUE(gate.answer.windows[0].reset_s > 700 && gate.answer.windows[0].reset_s <= 720);
    end();
}

static void tells_of_every_window(void)
{
    const struct dm_rates rates = {.rate = {{100, 60}, {3, 3600}, {50, 86400}}, .n = 3};
    struct dm_gate_result gate;
    begin(1024);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_OK);
    static const int64_t left[] = {97, 0, 47};
    CU_ASSERT_EQUAL_FATAL(gate.answer.n_windows, 3);
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(gate.answer.windows[i].remaining, left[i]);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_E_LIMITED);
    CU_ASSERT_EQUAL(gate.answer.windows[1].rate.seconds, 3600);
    CU_ASSERT_EQUAL(gate.answer.windows[1].remaining, 0);
    end();
}

static void counts_no_refused_request(void)
{
    const struct dm_rates wide = {.rate = {{10, 3600}}, .n = 1};
    const struct dm_rates both = {.rate = {{10, 3600}, {1, 86400}}, .n = 2};
    struct dm_gate_result gate;
    begin(1024);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &both, &gate), DM_OK);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &both, &gate), DM_E_LIMITED);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &wide, &gate), DM_OK);
    CU_ASSERT_EQUAL(gate.answer.windows[0].remaining, 8);
    end();
}

static void counts_callers_and_classes_apart(void)
{
    const struct dm_rates rates = {.rate = {{1, 3600}}, .n = 1};
    struct dm_gate_result gate;
    begin(1024);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_OK);
    CU_ASSERT_EQUAL(ask("192.0.2.2", "call", &rates, &gate), DM_OK);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "auth", &rates, &gate), DM_OK);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_E_LIMITED);
    end();
}

static void counts_an_ipv6_network_as_one(void)
{
    const struct dm_rates rates = {.rate = {{1, 3600}}, .n = 1};
    struct dm_gate_result gate;
    begin(1024);
    CU_ASSERT_EQUAL(ask("2001:db8:1:2::1", "call", &rates, &gate), DM_OK);
    CU_ASSERT_EQUAL(ask("2001:DB8:1:2:ffff::9", "call", &rates, &gate), DM_E_LIMITED);
    CU_ASSERT_EQUAL(ask("2001:db8:1:3::1", "call", &rates, &gate), DM_OK);
    CU_ASSERT_EQUAL(ask("192.0.2.7", "call", &rates, &gate), DM_OK);
    CU_ASSERT_EQUAL(ask("::ffff:192.0.2.7", "call", &rates, &gate), DM_E_LIMITED);
    end();
}

static void counts_an_account_wherever_it_is(void)
{
    const struct dm_rates rates = {.rate = {{1, 3600}}, .n = 1};
    const struct dm_principal person = {.credential = DM_CREDENTIAL_API_KEY,
                                        .account_id = DM_STR_INIT("a")};
    struct dm_ctx ctx;
    struct dm_gate_result gate;
    begin(1024);
    ctx = (struct dm_ctx){.arena = arena};
    struct dm_gate_request request = {.principal = &person,
                                      .address = DM_STR("192.0.2.1"),
                                      .limits = {{.name = "call", .rates = &rates, .cost = 1}},
                                      .n_limits = 1};
    CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_OK);
    request.address = DM_STR("192.0.2.2");
    CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_E_LIMITED);
    request.by_address = true;
    CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_OK);
    end();
}

static void asks_nobody_when_there_is_nothing_to_ask(void)
{
    const struct dm_rates none = {0};
    struct dm_gate_result gate;
    begin(1024);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "none", &none, &gate), DM_OK);
    CU_ASSERT_FALSE(gate.degraded);
    CU_ASSERT_EQUAL(gate.answer.n_windows, 0);
    end();
}

static void counts_for_whom_it_is_told(void)
{
    const struct dm_rates rates = {.rate = {{1, 3600}}, .n = 1};
    struct dm_gate_result gate;
    begin(1024);
    struct dm_ctx ctx = {.arena = arena};
    struct dm_gate_request request = {.principal = &anonymous,
                                      .address = DM_STR("192.0.2.1"),
                                      .whose = DM_STR("session:a"),
                                      .limits = {{.name = "refresh", .rates = &rates, .cost = 1}},
                                      .n_limits = 1};
    CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_OK);
    request.whose = DM_STR("session:b");
    CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_OK);
    request.address = DM_STR("192.0.2.2");
    CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_E_LIMITED);
    end();
}

static void two_counters_count_together_or_not_at_all(void)
{
    const struct dm_rates own = {.rate = {{10, 3600}}, .n = 1};
    const struct dm_rates class = {.rate = {{3, 3600}}, .n = 1};
    struct dm_gate_result gate;
    begin(1024);
    struct dm_ctx ctx = {.arena = arena};
    struct dm_gate_request request = {.principal = &anonymous,
                                      .address = DM_STR("192.0.2.1"),
                                      .limits = {{.name = "call", .rates = &own, .cost = 2},
                                                 {.name = "model", .rates = &class, .cost = 1}},
                                      .n_limits = 2};
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_OK);
    CU_ASSERT_EQUAL_FATAL(gate.answer.n_windows, 2);
    CU_ASSERT_EQUAL(gate.answer.windows[0].remaining, 4);
    CU_ASSERT_EQUAL(gate.answer.windows[1].remaining, 0);
    CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_E_LIMITED);
    request.n_limits = 1;
    CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_OK);
    CU_ASSERT_EQUAL(gate.answer.windows[0].remaining, 2);
    end();
}

static void a_look_counts_nothing(void)
{
    const struct dm_rates rates = {.rate = {{1, 3600}}, .n = 1};
    struct dm_gate_result gate;
    begin(1024);
    struct dm_ctx ctx = {.arena = arena};
    struct dm_gate_request request = {.principal = &anonymous,
                                      .address = DM_STR("192.0.2.1"),
                                      .limits = {{.name = "auth", .rates = &rates, .cost = 0}},
                                      .n_limits = 1};
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_OK);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "auth", &rates, &gate), DM_OK);
    CU_ASSERT_EQUAL(dm_gate_check(&domain, limiter, &ctx, &request, &gate), DM_E_LIMITED);
    end();
}

static void refused_too_often_is_blocked(void)
{
    const struct dm_rates rates = {.rate = {{1, 1}}, .n = 1};
    struct dm_gate_result gate;
    begin(1024);
    settings.limits_block_after = 3;
    settings.limits_block_s = 900;
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_OK);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_E_LIMITED);
        CU_ASSERT_EQUAL(gate.answer.verdict, DM_GATE_REFUSED);
    }
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_E_LIMITED);
        CU_ASSERT_EQUAL(gate.answer.verdict, DM_GATE_BLOCKED);
        CU_ASSERT_TRUE(gate.answer.retry_after_ms > 890000 && gate.answer.retry_after_ms <= 900000);
        CU_ASSERT_EQUAL_FATAL(gate.answer.n_windows, 1);
        CU_ASSERT_EQUAL(gate.answer.windows[0].remaining, 0);
        CU_ASSERT_TRUE(gate.answer.windows[0].reset_s > 890);
    }
    CU_ASSERT_EQUAL(ask("192.0.2.2", "call", &rates, &gate), DM_OK);
    settings.limits_block_after = 0;
    settings.limits_block_s = 0;
    end();
}

static void a_shadow_counts_and_refuses_nobody(void)
{
    const struct dm_rates rates = {.rate = {{2, 3600}}, .n = 1};
    struct dm_gate_result gate;
    begin(1024);
    settings.limits_mode = DM_LIMITS_SHADOW;
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_OK);
        CU_ASSERT_TRUE(gate.shadow);
        CU_ASSERT_EQUAL(gate.answer.verdict, i < 2 ? DM_GATE_ALLOWED : DM_GATE_REFUSED);
    }
    /* Enforced from now on, and nobody is over a limit yet. */
    settings.limits_mode = "enforce";
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_OK);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_E_LIMITED);
    settings.limits_mode = NULL;
    end();
}

/* A flood of addresses costs no more memory, and whoever is over the limit stays so among it. */
static void stays_bounded_in_a_flood(void)
{
    const struct dm_rates rates = {.rate = {{20, 3600}}, .n = 1};
    struct dm_gate_result gate;
    begin(1024);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_OK);
    for (int i = 0; i < 20000; i++) {
        char address[32];
        snprintf(address, sizeof(address), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        CU_ASSERT_EQUAL(ask(address, "call", &rates, &gate), DM_OK);
    }
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_E_LIMITED);
    end();
}

#define THREADS 8
static atomic_int allowed;

static void *ask_many(void *arg)
{
    const struct dm_rates rates = {.rate = {{100, 3600}}, .n = 1};
    struct dm_arena *own = dm_arena_new(4096, 65536);
    (void)arg;
    for (int i = 0; i < 100; i++) {
        struct dm_ctx ctx = {.arena = own};
        struct dm_gate_result gate;
        struct dm_gate_request request = {.principal = &anonymous,
                                          .address = DM_STR("192.0.2.1"),
                                          .limits = {{.name = "call", .rates = &rates, .cost = 1}},
                                          .n_limits = 1};
        if (dm_gate_check(&domain, limiter, &ctx, &request, &gate) == DM_OK)
            atomic_fetch_add(&allowed, 1);
        dm_arena_reset(own);
    }
    dm_arena_free(own);
    return NULL;
}

static void counts_exactly_among_threads(void)
{
    pthread_t threads[THREADS];
    begin(1024);
    atomic_store(&allowed, 0);
    for (size_t i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_many, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&allowed), 100);
    end();
}

CU_TestInfo *dm_gate_suite(void)
{
    static CU_TestInfo tests[] = {
        {"allows a burst and no more", allows_a_burst_and_no_more},
        {"tells of every window", tells_of_every_window},
        {"counts no refused request", counts_no_refused_request},
        {"counts callers and classes apart", counts_callers_and_classes_apart},
        {"counts an IPv6 network as one", counts_an_ipv6_network_as_one},
        {"counts an account wherever it is", counts_an_account_wherever_it_is},
        {"asks nobody when there is nothing to ask", asks_nobody_when_there_is_nothing_to_ask},
        {"counts for whom it is told", counts_for_whom_it_is_told},
        {"two counters count together or not at all", two_counters_count_together_or_not_at_all},
        {"a look counts nothing", a_look_counts_nothing},
        {"refused too often is blocked", refused_too_often_is_blocked},
        {"a shadow counts and refuses nobody", a_shadow_counts_and_refuses_nobody},
        {"stays bounded in a flood", stays_bounded_in_a_flood},
        {"counts exactly among threads", counts_exactly_among_threads},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
