-- Deploy digitalme:session_end to pg
-- requires: account

BEGIN;

ALTER TABLE session
    DROP CONSTRAINT session_end_reason_check,
    ADD CONSTRAINT session_end_reason CHECK (end_reason IN (
        'logout', 'logout_all', 'reuse', 'ended', 'password', 'reset', 'role', 'disabled', 'erased', 'mfa'));

-- What ended a moment ago is read by every instance whenever one is told that something ended.
CREATE INDEX session_ended ON session (ended_at) WHERE ended_at IS NOT NULL;
-- What is over for good is swept.
CREATE INDEX session_over ON session (least(ended_at, idle_expires_at));

COMMIT;
