-- Verify digitalme:conversation on pg

BEGIN;

SELECT id, owner_id, profile_id, title, message_count, last_message_at, created_at, updated_at, created_by,
    updated_by
FROM conversation WHERE false;
SELECT id, conversation_id, parent_id, variant, role, content, provider, model, profile_version, fallback,
    finish_reason, input_tokens, output_tokens, cached_tokens, cost, sources, created_at, updated_at,
    created_by, updated_by
FROM message WHERE false;
-- A division by zero when the index is gone that keeps a message to one first reply, or the role may rewrite history.
SELECT 1 / count(*) FROM pg_index WHERE indexrelid = 'message_reply'::regclass AND indisunique;
SELECT 1 / (NOT has_table_privilege('digitalme_api', 'message', 'UPDATE'))::integer;

ROLLBACK;
