-- Deploy digitalme:one_time_code to pg
-- requires: account
-- requires: session_end
--
-- One-time tokens for more than confirmation, each with a short code that can be typed; what confirming a new address,
-- and throwing out registrations that nobody confirms, need.

BEGIN;

ALTER TABLE one_time_token
    DROP CONSTRAINT one_time_token_purpose_check,
    ADD CONSTRAINT one_time_token_purpose_known CHECK (purpose IN ('confirm_email', 'reset_password', 'change_email')),
    ADD COLUMN email_key  text    CHECK (length(email_key) BETWEEN 3 AND 254),
    ADD COLUMN code_hash  text    CHECK (code_hash ~ '^[0-9a-f]{64}$'),
    ADD COLUMN code_tries integer NOT NULL DEFAULT 0 CHECK (code_tries BETWEEN 0 AND 5),
    ADD COLUMN new_email  text    CHECK (length(new_email) BETWEEN 3 AND 254),
    ADD COLUMN session_id uuid,
    ADD CONSTRAINT one_time_token_changes_email CHECK ((purpose = 'change_email') = (new_email IS NOT NULL));

CREATE INDEX one_time_token_code ON one_time_token (email_key, purpose);

COMMENT ON COLUMN one_time_token.email_key IS 'where it was mailed to, in lower case';
COMMENT ON COLUMN one_time_token.code_hash IS 'keyed hash of purpose, address and code';
COMMENT ON COLUMN one_time_token.code_tries IS 'wrong codes so far; with five the code is dead, the token is not';
COMMENT ON COLUMN one_time_token.session_id IS 'that asked for it, and lives on when the change is made';

ALTER TABLE account ADD COLUMN registered_from text CHECK (length(registered_from) <= 64);

COMMENT ON COLUMN account.registered_from IS 'where the newest registration came from, until the address is confirmed';

CREATE INDEX account_unconfirmed ON account (updated_at) WHERE state = 'unconfirmed';

ALTER TABLE session
    DROP CONSTRAINT session_end_reason,
    ADD CONSTRAINT session_end_reason CHECK (end_reason IN (
        'logout', 'logout_all', 'reuse', 'ended', 'password', 'reset', 'role', 'disabled', 'erased', 'mfa', 'email'));

GRANT DELETE ON account TO digitalme_api;

COMMIT;
