-- Verify digitalme:account on pg

BEGIN;

SELECT id, email, email_key, password_hash, first_name, last_name, role, state, email_confirmed_at,
       mail_window_at, mail_count, created_at, updated_at, created_by, updated_by
  FROM account
 WHERE false;

SELECT token_hash, account_id, purpose, password_hash, first_name, last_name, expires_at, used_at,
       created_at, updated_at, created_by, updated_by
  FROM one_time_token
 WHERE false;

SELECT id, account_id, family_hash, refresh_hash, rotated_at, last_used_at, idle_expires_at, absolute_expires_at,
       ended_at, end_reason, user_agent, address, created_at, updated_at, created_by, updated_by
  FROM session
 WHERE false;

DO $$
BEGIN
    ASSERT has_table_privilege('digitalme_api', 'account', 'SELECT');
    ASSERT has_table_privilege('digitalme_api', 'account', 'INSERT');
    ASSERT has_table_privilege('digitalme_api', 'account', 'UPDATE');
    ASSERT NOT has_table_privilege('digitalme_api', 'account', 'TRUNCATE');
    ASSERT has_table_privilege('digitalme_api', 'one_time_token', 'DELETE');
    ASSERT has_table_privilege('digitalme_api', 'session', 'DELETE');
END
$$;

ROLLBACK;
