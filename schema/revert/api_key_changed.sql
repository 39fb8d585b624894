-- Revert digitalme:api_key_changed from pg

BEGIN;

DROP INDEX api_key_changed;
CREATE INDEX api_key_revoked_at ON api_key (revoked_at) WHERE revoked_at IS NOT NULL;

COMMIT;
