-- Revert digitalme:erasure from pg

BEGIN;

REVOKE DELETE ON account, conversation, message, trait, pattern, memory, api_key_use FROM digitalme_api;
DROP FUNCTION personal_json(jsonb);
CREATE INDEX message_parent ON message (parent_id) WHERE role = 'user';
DROP INDEX message_parent_any;
DROP TABLE erasure;
UPDATE account SET state = 'disabled' WHERE state = 'erasing';
ALTER TABLE account
    DROP CONSTRAINT account_state_known,
    ADD CONSTRAINT account_state_check CHECK (state IN ('unconfirmed', 'active', 'disabled'));

COMMIT;
