-- Verify digitalme:account_admin on pg

BEGIN;

SELECT 'account_email_order'::regclass, 'account_role'::regclass, 'account_state'::regclass;

ROLLBACK;
