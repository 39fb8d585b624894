/* The suites of the base layer, one a test file: what base_driver.c lists. */
#ifndef DM_TESTS_BASE_SUITES_H
#define DM_TESTS_BASE_SUITES_H

#include <CUnit/CUnit.h>

/* Each array is static and ends in CU_TEST_INFO_NULL. Borrowed. Sorted. */
CU_TestInfo *dm_arena_suite(void);
CU_TestInfo *dm_breached_suite(void);
CU_TestInfo *dm_breaker_suite(void);
CU_TestInfo *dm_buf_suite(void);
CU_TestInfo *dm_cache_suite(void);
CU_TestInfo *dm_cidr_suite(void);
CU_TestInfo *dm_clock_suite(void);
CU_TestInfo *dm_config_suite(void);
CU_TestInfo *dm_file_suite(void);
CU_TestInfo *dm_format_suite(void);
CU_TestInfo *dm_hash_pool_suite(void);
CU_TestInfo *dm_http_client_suite(void);
CU_TestInfo *dm_id_suite(void);
CU_TestInfo *dm_json_suite(void);
CU_TestInfo *dm_json_text_suite(void);
CU_TestInfo *dm_json_write_suite(void);
CU_TestInfo *dm_jwt_key_file_suite(void);
CU_TestInfo *dm_jwt_keys_suite(void);
CU_TestInfo *dm_jwt_suite(void);
CU_TestInfo *dm_key_ring_suite(void);
CU_TestInfo *dm_log_suite(void);
CU_TestInfo *dm_metrics_suite(void);
CU_TestInfo *dm_password_suite(void);
CU_TestInfo *dm_pool_suite(void);
CU_TestInfo *dm_result_suite(void);
CU_TestInfo *dm_sealed_suite(void);
CU_TestInfo *dm_secret_suite(void);
CU_TestInfo *dm_str_suite(void);
CU_TestInfo *dm_timezone_suite(void);
CU_TestInfo *dm_totp_suite(void);
CU_TestInfo *dm_trace_suite(void);
CU_TestInfo *dm_transfer_suite(void);
CU_TestInfo *dm_unicode_suite(void);
CU_TestInfo *dm_utf8_suite(void);
CU_TestInfo *dm_web_origin_suite(void);

#endif
