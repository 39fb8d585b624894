-- Revert digitalme:audit from pg

BEGIN;

DROP TABLE audit_event;

COMMIT;
