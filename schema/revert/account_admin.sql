-- Revert digitalme:account_admin from pg

BEGIN;

DROP INDEX account_email_order, account_role, account_state;

COMMIT;
