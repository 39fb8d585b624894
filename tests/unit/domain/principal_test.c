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
        {"unknown scopes are passed over", unknown_scopes_are_passed_over},
        CU_TEST_INFO_NULL,
    };
    return tests;
}
