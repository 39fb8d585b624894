-- Revert digitalme:conversation from pg

BEGIN;

DROP TABLE message;
DROP TABLE conversation;

COMMIT;
