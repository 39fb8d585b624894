-- Verify digitalme:one_time_code on pg

BEGIN;

SELECT email_key, code_hash, code_tries, new_email, session_id
  FROM one_time_token
 WHERE false;

SELECT registered_from
  FROM account
 WHERE false;

DO $$
BEGIN
    ASSERT has_table_privilege('digitalme_api', 'account', 'DELETE');
END
$$;

ROLLBACK;
