-- Deploy digitalme:token_names to pg
-- requires: account
--
-- The names of the registration that a token was mailed for, so that confirming an address never takes over what somebody else typed.

BEGIN;

ALTER TABLE one_time_token
    ADD COLUMN first_name text CHECK (length(first_name) BETWEEN 1 AND 100),
    ADD COLUMN last_name  text CHECK (length(last_name) BETWEEN 1 AND 100);

COMMENT ON COLUMN one_time_token.first_name IS
    'with last_name, as password_hash: given by the registration this token was mailed for; absent in older rows';

COMMIT;
