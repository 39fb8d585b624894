-- Revert digitalme:token_names from pg

BEGIN;

ALTER TABLE one_time_token
    DROP COLUMN last_name,
    DROP COLUMN first_name;

COMMIT;
