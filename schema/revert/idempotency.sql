-- Revert digitalme:idempotency from pg

BEGIN;

DROP TABLE idempotency_key;

COMMIT;
