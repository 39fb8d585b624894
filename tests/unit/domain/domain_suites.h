/* The suites of the domain layer, one a test file: what domain_driver.c lists. */
#ifndef DM_TESTS_DOMAIN_SUITES_H
#define DM_TESTS_DOMAIN_SUITES_H

#include <CUnit/CUnit.h>

/* Each array is static and ends in CU_TEST_INFO_NULL. Borrowed. Sorted. */
CU_TestInfo *dm_account_suite(void); /* needs the database */
CU_TestInfo *dm_api_key_suite(void); /* needs the database */
CU_TestInfo *dm_api_key_bounds_suite(void);
CU_TestInfo *dm_api_key_text_suite(void);
CU_TestInfo *dm_audit_chain_suite(void);  /* needs the database */
CU_TestInfo *dm_builtin_suite(void);      /* needs the database */
CU_TestInfo *dm_conversation_suite(void); /* needs the database */
CU_TestInfo *dm_device_suite(void);       /* needs the database */
CU_TestInfo *dm_gate_suite(void);
CU_TestInfo *dm_guard_suite(void); /* needs the database */
CU_TestInfo *dm_live_suite(void);
CU_TestInfo *dm_mail_suite(void);
CU_TestInfo *dm_mail_template_suite(void);
CU_TestInfo *dm_one_time_suite(void); /* needs the database */
CU_TestInfo *dm_origin_suite(void);
CU_TestInfo *dm_page_suite(void);
CU_TestInfo *dm_passwords_suite(void);
CU_TestInfo *dm_principal_suite(void);
CU_TestInfo *dm_profile_suite(void); /* needs the database */
CU_TestInfo *dm_recovery_code_suite(void);
CU_TestInfo *dm_revocation_suite(void);  /* needs the database */
CU_TestInfo *dm_second_step_suite(void); /* needs the database */
CU_TestInfo *dm_session_suite(void);     /* needs the database */
CU_TestInfo *dm_signing_suite(void);
CU_TestInfo *dm_token_suite(void);
CU_TestInfo *dm_user_suite(void);  /* needs the database */
CU_TestInfo *dm_vault_suite(void); /* needs the database */

#endif
