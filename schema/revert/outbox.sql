-- Revert digitalme:outbox from pg

BEGIN;

DROP TABLE job;

COMMIT;
