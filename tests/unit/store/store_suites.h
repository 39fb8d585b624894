/* The suites of the store layer, one a test file: what store_driver.c lists. */
#ifndef DM_TESTS_STORE_SUITES_H
#define DM_TESTS_STORE_SUITES_H

#include <CUnit/CUnit.h>

/* Each array is static and ends in CU_TEST_INFO_NULL. Borrowed. Sorted. */
CU_TestInfo *dm_gate_store_suite(void);
CU_TestInfo *dm_idempotency_store_suite(void);
CU_TestInfo *dm_job_store_suite(void);
CU_TestInfo *dm_kv_suite(void);
CU_TestInfo *dm_pg_suite(void);

#endif
