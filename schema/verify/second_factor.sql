-- Verify digitalme:second_factor on pg

BEGIN;

SELECT second_step_at FROM account WHERE false;
SELECT mfa_at FROM session WHERE false;

SELECT id, account_id, kind, secret, confirmed_at, last_step, failures, locked_until, created_at, updated_at, created_by, updated_by
  FROM second_factor
 WHERE false;

SELECT account_id, code_hash, used_at, created_at, updated_at, created_by, updated_by
  FROM recovery_code
 WHERE false;

SELECT token_hash, account_id, device_id, password_hash, tries, expires_at, used_at, created_at, updated_at, created_by, updated_by
  FROM mfa_challenge
 WHERE false;

DO $$
BEGIN
    ASSERT has_table_privilege('digitalme_api', 'second_factor', 'DELETE');
    ASSERT has_table_privilege('digitalme_api', 'recovery_code', 'DELETE');
    ASSERT has_table_privilege('digitalme_api', 'mfa_challenge', 'DELETE');
    ASSERT NOT has_table_privilege('digitalme_api', 'second_factor', 'TRUNCATE');
END
$$;

ROLLBACK;
