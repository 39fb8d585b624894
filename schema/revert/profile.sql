-- Revert digitalme:profile from pg
-- The extension stays: others may use it.

BEGIN;

DROP TABLE memory;
DROP TABLE pattern;
DROP TABLE trait;
DROP TABLE example_dialogue;
DROP TABLE profile;
DROP FUNCTION search_config_of(text);

COMMIT;
