/* The gate without Redis: the limiter of this process, and whose requests it counts together. */
#include "domain/gate.h"

#include <pthread.h>
#include <stdatomic.h>

#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

static const struct dm_settings settings = {.session_cache_s = 60};
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
                                      .rates = rates,
                                      .limit_class = class};
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
        CU_ASSERT_EQUAL(gate.answer.limit, 5);
        CU_ASSERT_EQUAL(gate.answer.window_s, 3600);
        CU_ASSERT_EQUAL(gate.answer.remaining, 4 - i);
    }
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_E_LIMITED);
    CU_ASSERT_FALSE(gate.answer.allowed);
    CU_ASSERT_EQUAL(gate.answer.remaining, 0);
    CU_ASSERT_TRUE(gate.answer.retry_after_s > 700 && gate.answer.retry_after_s <= 720);
    CU_ASSERT_TRUE(gate.answer.reset_s > 3590 && gate.answer.reset_s <= 3600);
    end();
}

static void tells_of_the_tightest_window(void)
{
    const struct dm_rates rates = {.rate = {{100, 60}, {3, 3600}, {50, 86400}}, .n = 3};
    struct dm_gate_result gate;
    begin(1024);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_OK);
    CU_ASSERT_EQUAL(gate.answer.limit, 3);
    CU_ASSERT_EQUAL(ask("192.0.2.1", "call", &rates, &gate), DM_E_LIMITED);
    CU_ASSERT_EQUAL(gate.answer.window_s, 3600);
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
    CU_ASSERT_EQUAL(gate.answer.remaining, 8);
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
                                      .rates = &rates,
                                      .limit_class = "call"};
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
    CU_ASSERT_EQUAL(gate.answer.limit, 0);
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
                                          .rates = &rates,
                                          .limit_class = "call"};
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
        {"tells of the tightest window", tells_of_the_tightest_window},
        {"counts no refused request", counts_no_refused_request},
        {"counts callers and classes apart", counts_callers_and_classes_apart},
        {"counts an IPv6 network as one", counts_an_ipv6_network_as_one},
        {"counts an account wherever it is", counts_an_account_wherever_it_is},
        {"asks nobody when there is nothing to ask", asks_nobody_when_there_is_nothing_to_ask},
        {"stays bounded in a flood", stays_bounded_in_a_flood},
        {"counts exactly among threads", counts_exactly_among_threads},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
