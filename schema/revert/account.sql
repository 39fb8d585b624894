-- Revert digitalme:account from pg

BEGIN;

DROP TABLE session;
DROP TABLE one_time_token;
DROP TABLE account;

COMMIT;
