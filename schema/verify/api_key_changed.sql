-- Verify digitalme:api_key_changed on pg

BEGIN;

-- A division by zero when the index is not there.
SELECT 1 / count(*) FROM pg_index WHERE indexrelid = 'api_key_changed'::regclass AND indisvalid;

ROLLBACK;
