-- Deploy digitalme:job_account to pg
-- requires: outbox

BEGIN;

-- Whom a job is about. No foreign key: a job may outlive its account, and then does nothing.
ALTER TABLE job ADD COLUMN account_id uuid;
CREATE INDEX job_account ON job (account_id) WHERE account_id IS NOT NULL;

COMMIT;
