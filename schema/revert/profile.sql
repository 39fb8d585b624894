-- Revert digitalme:profile from pg
-- The extensions stay: others may use them.

BEGIN;

DROP TABLE memory;
DROP TABLE pattern;
DROP TABLE trait;
DROP TABLE example_dialogue;
DROP TABLE profile;
DROP FUNCTION search_config_of(text);

COMMIT;
