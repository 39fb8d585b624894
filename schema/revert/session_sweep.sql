-- Revert digitalme:session_sweep from pg

BEGIN;

DROP INDEX session_over;
ALTER TABLE session RESET (fillfactor);
CREATE INDEX session_over ON session (least(ended_at, idle_expires_at));

COMMIT;
