-- Deploy digitalme:session_sweep to pg
-- requires: session_end

BEGIN;

-- A refresh moves idle_expires_at: with that in no index, and room left on the page, PostgreSQL updates the row in its page and
-- touches no index (a HOT update).
DROP INDEX session_over;
ALTER TABLE session SET (fillfactor = 85);
-- What is over for good is swept: by session_ended, and by this.
CREATE INDEX session_over ON session (absolute_expires_at);

COMMIT;
