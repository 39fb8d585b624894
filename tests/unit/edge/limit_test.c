/* Whose windows a call counts against. */
#include "edge/limit.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

static const struct dm_settings settings = {
    .limits_anonymous = {{{20, 60}}, 1},
    .limits_user = {{{60, 60}}, 1},
    .limits_admin = {{{100, 60}}, 1},
    .limits_superadmin = {{{200, 60}}, 1},
    .limits_auth = {{{5, 60}}, 1},
    .limits_refresh = {{{6, 60}}, 1},
    .limits_model = {{{7, 60}}, 1},
    .limits_export = {{{8, 60}}, 1},
    .limits_cost_read = 11,
    .limits_cost_write = 12,
    .limits_cost_auth = 13,
    .limits_cost_model = 14,
    .limits_cost_export = 15,
};

static void expect(const struct dm_gate_limit *counter, const char *name,
                   const struct dm_rates *rates, int64_t cost)
{
    CU_ASSERT_STRING_EQUAL(counter->name, name);
    CU_ASSERT_PTR_EQUAL(counter->rates, rates);
    CU_ASSERT_EQUAL(counter->cost, cost);
}

static void takes_the_roles_windows(void)
{
    const struct dm_rates *const rates[] = {&settings.limits_anonymous, &settings.limits_user,
                                            &settings.limits_admin, &settings.limits_superadmin};
    for (int role = DM_ROLE_NONE; role <= DM_ROLE_SUPERADMIN; role++) {
        struct dm_limit read = dm_limit_of(&settings, DM_LIMIT_READ, (enum dm_role)role);
        struct dm_limit write = dm_limit_of(&settings, DM_LIMIT_WRITE, (enum dm_role)role);
        CU_ASSERT_EQUAL(read.n, 1);
        CU_ASSERT_EQUAL(write.n, 1);
        expect(&read.counters[0], "call", rates[role], 11);
        expect(&write.counters[0], "call", rates[role], 12); /* one counter for both */
        CU_ASSERT_FALSE(read.by_address);
    }
}

static void a_dear_class_has_windows_besides_the_roles(void)
{
    struct dm_limit model = dm_limit_of(&settings, DM_LIMIT_MODEL, DM_ROLE_USER);
    CU_ASSERT_EQUAL_FATAL(model.n, 2);
    expect(&model.counters[0], "call", &settings.limits_user, 14);
    expect(&model.counters[1], "model", &settings.limits_model, 1);
    struct dm_limit export = dm_limit_of(&settings, DM_LIMIT_EXPORT, DM_ROLE_ADMIN);
    CU_ASSERT_EQUAL_FATAL(export.n, 2);
    expect(&export.counters[0], "call", &settings.limits_admin, 15);
    expect(&export.counters[1], "export", &settings.limits_export, 1);
}

static void log_ins_and_refreshes_have_windows_of_their_own(void)
{
    struct dm_limit auth = dm_limit_of(&settings, DM_LIMIT_AUTH, DM_ROLE_ADMIN);
    CU_ASSERT_EQUAL_FATAL(auth.n, 1);
    expect(&auth.counters[0], "auth", &settings.limits_auth, 13);
    CU_ASSERT_TRUE(auth.by_address);
    struct dm_limit refresh = dm_limit_of(&settings, DM_LIMIT_REFRESH, DM_ROLE_NONE);
    CU_ASSERT_EQUAL_FATAL(refresh.n, 1);
    expect(&refresh.counters[0], "auth", &settings.limits_auth, 0); /* only looks */
    CU_ASSERT_TRUE(refresh.by_address);
    struct dm_limit session = dm_limit_of(&settings, DM_LIMIT_SESSION, DM_ROLE_NONE);
    CU_ASSERT_EQUAL_FATAL(session.n, 1);
    expect(&session.counters[0], "refresh", &settings.limits_refresh, 1);
}

static void no_windows_are_no_counter(void)
{
    struct dm_settings open = settings;
    open.limits_user.n = 0;
    CU_ASSERT_EQUAL(dm_limit_of(&open, DM_LIMIT_NONE, DM_ROLE_USER).n, 0);
    CU_ASSERT_EQUAL(dm_limit_of(&open, DM_LIMIT_READ, DM_ROLE_USER).n, 0);
    struct dm_limit model = dm_limit_of(&open, DM_LIMIT_MODEL, DM_ROLE_USER);
    CU_ASSERT_EQUAL_FATAL(model.n, 1);
    expect(&model.counters[0], "model", &open.limits_model, 1);
}

static struct dm_arena *arena;
static struct dm_ctx ctx;
static struct dm_response response;

static void begin(void)
{
    arena = dm_arena_new(4096, 65536);
    ctx = (struct dm_ctx){.arena = arena};
    dm_response_init(&response, arena, 1024);
}

static void says_nothing_of_no_limit(void)
{
    begin();
    dm_limit_headers(&response, &ctx, &(struct dm_limit){.n = 0},
                     &(struct dm_gate_answer){.verdict = DM_GATE_ALLOWED});
    CU_ASSERT_EQUAL(response.n_headers, 0);
    dm_arena_free(arena);
}

static void says_what_is_left_of_every_window(void)
{
    const struct dm_limit limit = {.counters = {{.name = "call"}, {.name = "model"}}, .n = 2};
    const struct dm_gate_answer answer = {
        .verdict = DM_GATE_ALLOWED,
        .windows = {{0, {60, 60}, 58, 2}, {0, {2000, 3600}, 1998, 4}, {1, {30, 7200}, 29, 240}},
        .n_windows = 3};
    begin();
    dm_limit_headers(&response, &ctx, &limit, &answer);
    CU_ASSERT_STR(dm_response_header_of(&response, "RateLimit-Policy"),
                  "\"minute\";q=60;w=60, \"hour\";q=2000;w=3600, \"model-7200s\";q=30;w=7200");
    CU_ASSERT_STR(dm_response_header_of(&response, "RateLimit"),
                  "\"minute\";r=58;t=2, \"hour\";r=1998;t=4, \"model-7200s\";r=29;t=240");
    CU_ASSERT_STR(dm_response_header_of(&response, "X-RateLimit-Limit"), "30");
    CU_ASSERT_STR(dm_response_header_of(&response, "X-RateLimit-Remaining"), "29");
    CU_ASSERT_STR(dm_response_header_of(&response, "X-RateLimit-Reset"), "240");
    dm_arena_free(arena);
}

CU_TestInfo *dm_limit_suite(void)
{
    static CU_TestInfo tests[] = {
        {"takes the role's windows", takes_the_roles_windows},
        {"a dear class has windows besides the role's", a_dear_class_has_windows_besides_the_roles},
        {"log-ins and refreshes have windows of their own",
         log_ins_and_refreshes_have_windows_of_their_own},
        {"no windows are no counter", no_windows_are_no_counter},
        {"says what is left of every window", says_what_is_left_of_every_window},
        {"says nothing of no limit", says_nothing_of_no_limit},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
