-- Deploy digitalme:api_key_changed to pg
-- requires: api_key

BEGIN;

-- What has changed a moment ago is read by every instance whenever one is told that something has.
DROP INDEX api_key_revoked_at;
CREATE INDEX api_key_changed ON api_key (updated_at) WHERE version > 1;

COMMIT;
