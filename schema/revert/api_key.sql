-- Revert digitalme:api_key from pg

BEGIN;

DROP TABLE api_key_use;
DROP TABLE api_key;

COMMIT;
