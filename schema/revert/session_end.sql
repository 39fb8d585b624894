-- Revert digitalme:session_end from pg

BEGIN;

DROP INDEX session_over;
DROP INDEX session_ended;
UPDATE session SET end_reason = 'logout' WHERE end_reason NOT IN ('logout', 'reuse');
ALTER TABLE session
    DROP CONSTRAINT session_end_reason,
    ADD CONSTRAINT session_end_reason_check CHECK (end_reason IN ('logout', 'reuse'));

COMMIT;
