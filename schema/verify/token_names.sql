-- Verify digitalme:token_names on pg

BEGIN;

SELECT first_name, last_name
  FROM one_time_token
 WHERE false;

ROLLBACK;
