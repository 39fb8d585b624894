/*
 * What every unit suite uses. A suite file x_test.c exports one CU_TestInfo array through a function dm_x_suite(); the layer's driver only
 * lists the suites.
 */
#ifndef DM_TESTS_UNIT_H
#define DM_TESTS_UNIT_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "base/str.h"

/* s equals the C string. */
#define CU_ASSERT_STR(s, literal) CU_ASSERT_TRUE(dm_str_eq_c((s), (literal)))

/* Run the suites and print CUnit's summary: the exit status for main. */
static inline int dm_unit_run(CU_SuiteInfo *suites)
{
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}

#endif
