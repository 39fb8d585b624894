/* The suites of the edge, one a test file: what edge_driver.c lists. */
#ifndef DM_TESTS_EDGE_SUITES_H
#define DM_TESTS_EDGE_SUITES_H

#include <CUnit/CUnit.h>

/* Each array is static and ends in CU_TEST_INFO_NULL. Borrowed. Sorted. */
CU_TestInfo *dm_auth_suite(void);
CU_TestInfo *dm_cors_suite(void);
CU_TestInfo *dm_deprecation_suite(void);
CU_TestInfo *dm_idempotency_suite(void);
CU_TestInfo *dm_limit_suite(void);
CU_TestInfo *dm_listener_suite(void);
CU_TestInfo *dm_media_suite(void);
CU_TestInfo *dm_openapi_diff_suite(void);
CU_TestInfo *dm_openapi_suite(void);
CU_TestInfo *dm_page_suite(void);
CU_TestInfo *dm_problem_suite(void);
CU_TestInfo *dm_response_suite(void);
CU_TestInfo *dm_route_suite(void);
CU_TestInfo *dm_serve_suite(void);
CU_TestInfo *dm_server_suite(void);
CU_TestInfo *dm_shape_suite(void);
CU_TestInfo *dm_signal_suite(void);
CU_TestInfo *dm_watch_suite(void);

#endif
