-- Deploy digitalme:conversation to pg
-- Conversations and messages. Ids are UUIDv7, so that id order is the order in which messages were made.

BEGIN;

CREATE TABLE conversation (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    profile_id uuid NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
    title text CHECK (char_length(title) BETWEEN 1 AND 200),
    message_count integer NOT NULL DEFAULT 0 CHECK (message_count >= 0),
    last_message_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid NOT NULL,
    updated_by uuid NOT NULL
);
CREATE INDEX conversation_owner ON conversation (owner_id, id);
CREATE INDEX conversation_profile ON conversation (profile_id);

CREATE TABLE message (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    parent_id uuid REFERENCES message (id) ON DELETE CASCADE,
    -- Replies to one message are numbered from 0: two tries of one turn cannot both store the first.
    variant integer NOT NULL DEFAULT 0 CHECK (variant >= 0),
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    content text NOT NULL CHECK (char_length(content) BETWEEN 1 AND 10000),
    provider text CHECK (char_length(provider) BETWEEN 1 AND 100),
    model text CHECK (char_length(model) BETWEEN 1 AND 200),
    profile_version integer CHECK (profile_version > 0),
    fallback boolean,
    finish_reason text CHECK (char_length(finish_reason) BETWEEN 1 AND 50),
    input_tokens bigint CHECK (input_tokens >= 0),
    output_tokens bigint CHECK (output_tokens >= 0),
    cached_tokens bigint CHECK (cached_tokens >= 0),
    cost double precision CHECK (cost >= 0),
    sources jsonb CHECK (jsonb_typeof(sources) = 'array'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid NOT NULL,
    updated_by uuid NOT NULL,
    CHECK (
        role = 'user' OR (
            parent_id IS NOT NULL AND provider IS NOT NULL AND model IS NOT NULL
            AND profile_version IS NOT NULL AND fallback IS NOT NULL AND finish_reason IS NOT NULL
            AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL
            AND cached_tokens IS NOT NULL AND cost IS NOT NULL AND sources IS NOT NULL
        )
    )
);
CREATE INDEX message_conversation ON message (conversation_id, id);
CREATE UNIQUE INDEX message_reply ON message (parent_id, variant) WHERE role = 'assistant';
-- For the cascade of a deleted message.
CREATE INDEX message_parent ON message (parent_id) WHERE role = 'user';

GRANT SELECT, INSERT, UPDATE (message_count, last_message_at, updated_at, updated_by)
    ON conversation TO digitalme_api;
GRANT SELECT, INSERT ON message TO digitalme_api;

COMMIT;
