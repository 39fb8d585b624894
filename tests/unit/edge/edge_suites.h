/* The suites of the edge, one a test file: what edge_driver.c lists. */
#ifndef DM_TESTS_EDGE_SUITES_H
#define DM_TESTS_EDGE_SUITES_H

#include <CUnit/CUnit.h>

/* Each array is static and ends in CU_TEST_INFO_NULL. Borrowed. Sorted. */
CU_TestInfo *dm_openapi_suite(void);
CU_TestInfo *dm_page_suite(void);
CU_TestInfo *dm_problem_suite(void);
CU_TestInfo *dm_response_suite(void);
CU_TestInfo *dm_shape_suite(void);

#endif
