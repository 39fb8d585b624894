/* Whose windows a call counts against. */
#include "edge/limit.h"

#include "unit/edge/edge_suites.h"
#include "unit/unit.h"

static const struct dm_settings settings = {0};

static void takes_the_roles_windows(void)
{
    const struct dm_rates *const rates[] = {&settings.limits_anonymous, &settings.limits_user,
                                            &settings.limits_admin, &settings.limits_superadmin};
    for (int role = DM_ROLE_NONE; role <= DM_ROLE_SUPERADMIN; role++) {
        struct dm_limit read = dm_limit_of(&settings, DM_LIMIT_READ, (enum dm_role)role);
        struct dm_limit write = dm_limit_of(&settings, DM_LIMIT_WRITE, (enum dm_role)role);
        CU_ASSERT_PTR_EQUAL(read.rates, rates[role]);
        CU_ASSERT_PTR_EQUAL(write.rates, rates[role]);
        CU_ASSERT_STRING_EQUAL(read.name, write.name); /* one counter for both */
        CU_ASSERT_FALSE(read.by_address);
    }
}

static void takes_the_classes_own_windows(void)
{
    struct dm_limit auth = dm_limit_of(&settings, DM_LIMIT_AUTH, DM_ROLE_ADMIN);
    CU_ASSERT_PTR_EQUAL(auth.rates, &settings.limits_auth);
    CU_ASSERT_TRUE(auth.by_address);
    struct dm_limit model = dm_limit_of(&settings, DM_LIMIT_MODEL, DM_ROLE_USER);
    CU_ASSERT_PTR_EQUAL(model.rates, &settings.limits_model);
    struct dm_limit export = dm_limit_of(&settings, DM_LIMIT_EXPORT, DM_ROLE_USER);
    CU_ASSERT_PTR_EQUAL(export.rates, &settings.limits_export);
    CU_ASSERT_STRING_NOT_EQUAL(auth.name, model.name);
    CU_ASSERT_STRING_NOT_EQUAL(model.name, export.name);
    CU_ASSERT_EQUAL(dm_limit_of(&settings, DM_LIMIT_NONE, DM_ROLE_NONE).rates->n, 0);
}

static void says_nothing_of_no_limit(void)
{
    struct dm_arena *arena = dm_arena_new(4096, 65536);
    struct dm_ctx ctx = {.arena = arena};
    struct dm_response response;
    dm_response_init(&response, arena, 1024);
    dm_limit_headers(&response, &ctx, &(struct dm_gate_answer){.allowed = true});
    CU_ASSERT_EQUAL(response.n_headers, 0);
    dm_arena_free(arena);
}

CU_TestInfo *dm_limit_suite(void)
{
    static CU_TestInfo tests[] = {
        {"takes the role's windows", takes_the_roles_windows},
        {"takes the class's own windows", takes_the_classes_own_windows},
        {"says nothing of no limit", says_nothing_of_no_limit},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
