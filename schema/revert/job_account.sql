-- Revert digitalme:job_account from pg

BEGIN;

ALTER TABLE job DROP COLUMN account_id;

COMMIT;
