-- Verify digitalme:session_sweep on pg

BEGIN;

-- A division by zero when the index is another or the room is not left.
SELECT 1 / count(*) FROM pg_index
 WHERE indexrelid = 'session_over'::regclass AND indisvalid AND pg_get_indexdef(indexrelid) LIKE '%(absolute_expires_at)';
SELECT 1 / count(*) FROM pg_class WHERE oid = 'session'::regclass AND 'fillfactor=85' = ANY (reloptions);

ROLLBACK;
