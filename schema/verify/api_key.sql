-- Verify digitalme:api_key on pg

BEGIN;

SELECT id, account_id, name, secret_hash, previous_hash, previous_until, scopes, routes, ranges, expires_at, version,
       revoked_at, revoke_reason, created_at, updated_at, created_by, updated_by
  FROM api_key
 WHERE false;

SELECT key_id, last_used_at, requests, created_at, updated_at, created_by, updated_by
  FROM api_key_use
 WHERE false;

DO $$
BEGIN
    ASSERT has_table_privilege('digitalme_api', 'api_key', 'DELETE');
    ASSERT has_table_privilege('digitalme_api', 'api_key_use', 'UPDATE');
END
$$;

ROLLBACK;
