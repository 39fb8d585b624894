-- Verify digitalme:session_end on pg

BEGIN;

-- A division by zero when an index or the constraint is not there.
SELECT 1 / count(*) FROM pg_constraint WHERE conrelid = 'session'::regclass AND conname = 'session_end_reason';
SELECT 1 / count(*) FROM pg_index WHERE indexrelid = 'session_ended'::regclass AND indisvalid;
SELECT 1 / count(*) FROM pg_index WHERE indexrelid = 'session_over'::regclass AND indisvalid;

ROLLBACK;
