-- Verify digitalme:job_account on pg

BEGIN;

SELECT account_id
  FROM job
 WHERE false;

DO $$
BEGIN
    ASSERT has_column_privilege('digitalme_api', 'job', 'account_id', 'INSERT');
    ASSERT NOT has_column_privilege('digitalme_api', 'job', 'account_id', 'UPDATE');
END
$$;

ROLLBACK;
