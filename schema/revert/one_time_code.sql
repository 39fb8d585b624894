-- Revert digitalme:one_time_code from pg

BEGIN;

UPDATE session SET end_reason = 'ended' WHERE end_reason = 'email';
ALTER TABLE session
    DROP CONSTRAINT session_end_reason,
    ADD CONSTRAINT session_end_reason CHECK (end_reason IN (
        'logout', 'logout_all', 'reuse', 'ended', 'password', 'reset', 'role', 'disabled', 'erased', 'mfa'));

REVOKE DELETE ON account FROM digitalme_api;
DROP INDEX account_unconfirmed;
ALTER TABLE account DROP COLUMN registered_from;

DELETE FROM one_time_token WHERE purpose <> 'confirm_email';
ALTER TABLE one_time_token
    DROP CONSTRAINT one_time_token_changes_email,
    DROP CONSTRAINT one_time_token_purpose_known,
    DROP COLUMN session_id,
    DROP COLUMN new_email,
    DROP COLUMN code_tries,
    DROP COLUMN code_hash,
    DROP COLUMN email_key,
    ADD CONSTRAINT one_time_token_purpose_check CHECK (purpose IN ('confirm_email'));

COMMIT;
