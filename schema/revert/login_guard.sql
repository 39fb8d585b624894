-- Revert digitalme:login_guard from pg

BEGIN;

DROP TABLE login_guard;
ALTER TABLE session DROP COLUMN device_id;
DROP TABLE device;

COMMIT;
