-- Verify digitalme:profile on pg

BEGIN;

SELECT id, owner_id, name, description, age, profession, location, language, core_values,
    communication_style, technical_preferences, big_five, example_dialogues, visibility, is_active,
    accuracy_score, version, change_reason, created_at, updated_at, created_by, updated_by
FROM profile WHERE false;
SELECT profile_id, position, user_text, reply_text, language, tsv FROM example_dialogue WHERE false;
SELECT id, profile_id, category, name, description, weight, confidence, context_tags, example_expressions,
    impact_level, source, is_active, language, tsv
FROM trait WHERE false;
SELECT id, profile_id, name, trigger, conditions, modifications, priority, is_active FROM pattern WHERE false;
SELECT id, profile_id, kind, text, source, occurred_at, importance, language, tsv FROM memory WHERE false;
-- A division by zero when a language does not map as it should, or the role may do what it must not.
SELECT 1 / (search_config_of('de-AT') = 'german'::regconfig)::integer;
SELECT 1 / (search_config_of('tlh') = 'simple'::regconfig)::integer;
SELECT 1 / (NOT has_table_privilege('digitalme_api', 'memory', 'TRUNCATE'))::integer;
SELECT 1 / has_table_privilege('digitalme_api', 'profile', 'SELECT, INSERT, UPDATE, DELETE')::integer;

ROLLBACK;
