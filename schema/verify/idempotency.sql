-- Verify digitalme:idempotency on pg

BEGIN;

SELECT account_id, key, fingerprint, resource_id, try_id, holder, lease_until, expires_at, status, body, location, etag,
       created_at, updated_at, created_by, updated_by
  FROM idempotency_key
 WHERE false;

DO $$
BEGIN
    ASSERT has_table_privilege('digitalme_api', 'idempotency_key', 'SELECT');
    ASSERT has_table_privilege('digitalme_api', 'idempotency_key', 'INSERT');
    ASSERT has_table_privilege('digitalme_api', 'idempotency_key', 'UPDATE');
    ASSERT has_table_privilege('digitalme_api', 'idempotency_key', 'DELETE');
    ASSERT NOT has_table_privilege('digitalme_api', 'idempotency_key', 'TRUNCATE');
END
$$;

ROLLBACK;
