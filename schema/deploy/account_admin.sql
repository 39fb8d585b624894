-- Deploy digitalme:account_admin to pg
-- requires: account
--
-- How administrators look for accounts.

BEGIN;

CREATE INDEX account_email_order ON account (email_key COLLATE "C", id);
CREATE INDEX account_role ON account (role, id);
CREATE INDEX account_state ON account (state, id);

COMMIT;
