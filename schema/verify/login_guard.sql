-- Verify digitalme:login_guard on pg

BEGIN;

SELECT id, account_id, fingerprint, name, trusted, last_used_at, created_at, updated_at, created_by, updated_by
  FROM device
 WHERE false;
SELECT key, failures, failures_in_row, window_at, retry_at, locked_until, created_at, updated_at, created_by, updated_by
  FROM login_guard
 WHERE false;
SELECT device_id FROM session WHERE false;
-- A division by zero when one device could be trusted twice.
SELECT 1 / count(*) FROM pg_index WHERE indexrelid = 'device_trusted'::regclass AND indisunique;

ROLLBACK;
