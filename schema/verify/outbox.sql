-- Verify digitalme:outbox on pg

BEGIN;

SELECT id, kind, payload, state, attempts, max_attempts, run_at, last_error, created_at, updated_at, created_by,
       updated_by
  FROM job
 WHERE false;

DO $$
BEGIN
    ASSERT has_table_privilege('digitalme_api', 'job', 'SELECT');
    ASSERT has_table_privilege('digitalme_api', 'job', 'INSERT');
    ASSERT has_table_privilege('digitalme_api', 'job', 'DELETE');
    ASSERT has_column_privilege('digitalme_api', 'job', 'state', 'UPDATE');
    ASSERT NOT has_column_privilege('digitalme_api', 'job', 'kind', 'UPDATE');
    ASSERT NOT has_table_privilege('digitalme_api', 'job', 'TRUNCATE');
END
$$;

ROLLBACK;
