-- Revert digitalme:second_factor from pg

BEGIN;

DROP TABLE mfa_challenge;
DROP TABLE recovery_code;
DROP TABLE second_factor;
ALTER TABLE session DROP COLUMN mfa_at;
ALTER TABLE account DROP COLUMN second_step_at;

COMMIT;
