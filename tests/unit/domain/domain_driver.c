/*
 * Runs every unit suite of the domain layer. A new test file adds one line here and one in domain_suites.h. Suites
 * that need the database run when DM_TEST_CONNINFO names one with the schema deployed; scripts/test does.
 */
#include "unit/domain/domain_suites.h"
#include "unit/domain/world.h"
#include "unit/unit.h"

#define SUITE(x)                                                                                   \
    {                                                                                              \
#x, NULL, NULL, NULL, NULL, dm_##x##_suite()                                               \
    }

int main(void)
{
    /* Sorted, one a line. */
    CU_SuiteInfo suites[] = {
        /* clang-format off */
        SUITE(api_key_bounds),
        SUITE(api_key_text),
        SUITE(gate),
        SUITE(live),
        SUITE(mail),
        SUITE(mail_template),
        SUITE(origin),
        SUITE(page),
        SUITE(passwords),
        SUITE(principal),
        SUITE(recovery_code),
        SUITE(signing),
        SUITE(token),
        CU_SUITE_INFO_NULL,
        /* clang-format on */
    };
    CU_SuiteInfo database_suites[] = {
        /* clang-format off */
        SUITE(account),
        SUITE(api_key),
        SUITE(api_key_bounds),
        SUITE(api_key_text),
        SUITE(audit_chain),
        SUITE(builtin),
        SUITE(conversation),
        SUITE(device),
        SUITE(gate),
        SUITE(guard),
        SUITE(live),
        SUITE(mail),
        SUITE(mail_template),
        SUITE(one_time),
        SUITE(origin),
        SUITE(page),
        SUITE(passwords),
        SUITE(principal),
        SUITE(profile),
        SUITE(recovery_code),
        SUITE(revocation),
        SUITE(second_step),
        SUITE(session),
        SUITE(signing),
        SUITE(token),
        SUITE(user),
        SUITE(vault),
        CU_SUITE_INFO_NULL,
        /* clang-format on */
    };
    if (dm_world_available())
        return dm_unit_run(database_suites);
    printf("no DM_TEST_CONNINFO: the suites that need the database are left out\n");
    return dm_unit_run(suites);
}
