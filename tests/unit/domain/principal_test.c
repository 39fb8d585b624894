/* Names of roles and scopes. */
#include "domain/principal.h"
#include "unit/domain/domain_suites.h"
#include "unit/unit.h"

static void each_role_reads_back_from_its_name(void)
{
    for (enum dm_role role = DM_ROLE_USER; role <= DM_ROLE_SUPERADMIN; role++)
        CU_ASSERT_EQUAL(dm_role_of(dm_str_from(dm_role_name(role))), role);
}

static void unknown_role_is_none(void)
{
    CU_ASSERT_EQUAL(dm_role_of(DM_STR("admin")), DM_ROLE_NONE);
    CU_ASSERT_EQUAL(dm_role_of(DM_STR("None")), DM_ROLE_NONE);
    CU_ASSERT_EQUAL(dm_role_of(DM_STR("")), DM_ROLE_NONE);
    CU_ASSERT_EQUAL(dm_role_of((struct dm_str){0}), DM_ROLE_NONE);
}

static void scopes_read_back_from_their_names(void)
{
    for (unsigned bit = 1; bit <= dm_scope_all(); bit <<= 1)
        CU_ASSERT_EQUAL(dm_scope_parse(dm_str_from(dm_scope_name((enum dm_scope)bit))), bit);
}

static void scopes_are_written_as_they_are_read(void)
{
    struct dm_arena *arena = dm_arena_new(1024, 4096);
    CU_ASSERT_EQUAL(dm_scope_parse(dm_scope_text(arena, dm_scope_all())), dm_scope_all());
    CU_ASSERT_STR(dm_scope_text(arena, DM_SCOPE_PERSONALITY_READ | DM_SCOPE_USAGE_READ),
                  "personality:read usage:read");
    CU_ASSERT_STR(dm_scope_text(arena, 0), "");
    dm_arena_free(arena);
}

static void only_admins_hold_their_scopes(void)
{
    CU_ASSERT_EQUAL(dm_scope_of_role(DM_ROLE_NONE), 0);
    CU_ASSERT_EQUAL(dm_scope_of_role(DM_ROLE_USER) & DM_SCOPE_ADMIN_READ, 0);
    CU_ASSERT_EQUAL(dm_scope_of_role(DM_ROLE_USER) | DM_SCOPE_ADMIN_READ,
                    dm_scope_of_role(DM_ROLE_ADMIN));
}

static void unknown_scopes_are_passed_over(void)
{
    CU_ASSERT_EQUAL(
        dm_scope_parse(DM_STR("x personality:read  personality:readx PERSONALITY:WRITE")),
        DM_SCOPE_PERSONALITY_READ);
    CU_ASSERT_EQUAL(dm_scope_parse(DM_STR("")), 0);
    CU_ASSERT_EQUAL(dm_scope_parse((struct dm_str){0}), 0);
}

CU_TestInfo *dm_principal_suite(void)
{
    static CU_TestInfo tests[] = {
        {"each role reads back from its name", each_role_reads_back_from_its_name},
        {"an unknown role is none", unknown_role_is_none},
        {"scopes read back from their names", scopes_read_back_from_their_names},
        {"scopes are written as they are read", scopes_are_written_as_they_are_read},
        {"only admins hold their scopes", only_admins_hold_their_scopes},
        {"unknown scopes are passed over", unknown_scopes_are_passed_over},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
