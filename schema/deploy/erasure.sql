-- Deploy digitalme:erasure to pg
-- requires: conversation
-- requires: audit_chain
-- requires: api_key
--
-- What an account's erasure and export need.

BEGIN;

ALTER TABLE account
    DROP CONSTRAINT account_state_check,
    ADD CONSTRAINT account_state_known CHECK (state IN ('unconfirmed', 'active', 'disabled', 'erasing'));

-- The receipt, and how far the erasure has come: counts holds, by table, how many rows are gone.
CREATE TABLE erasure (
    id           uuid        PRIMARY KEY,
    account_id   uuid        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    counts       jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(counts) = 'object'),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    created_by   uuid,
    updated_by   uuid,
    CONSTRAINT erasure_once UNIQUE (account_id)
);

-- The cascade of a deleted message looks for replies of any role, which the two partial indexes cannot tell it.
CREATE INDEX message_parent_any ON message (parent_id) WHERE parent_id IS NOT NULL;
DROP INDEX message_parent;

-- A row as people get to see it: names as in the API, times as in the API, nothing that is not there.
CREATE FUNCTION personal_json(item jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp
RETURN (
    SELECT jsonb_object_agg(
               lower(left(named.words, 1)) || substr(named.words, 2),
               CASE WHEN entry.key LIKE '%\_at' THEN to_jsonb(
                   to_char((entry.value #>> '{}')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
                    ELSE entry.value END)
      FROM jsonb_each(jsonb_strip_nulls(item)) entry,
           LATERAL (SELECT replace(initcap(replace(entry.key, '_', ' ')), ' ', '') AS words) named
);

GRANT SELECT, INSERT, UPDATE (completed_at, counts, updated_at) ON erasure TO digitalme_api;
GRANT DELETE ON account, conversation, message, trait, pattern, memory, api_key_use TO digitalme_api;
GRANT EXECUTE ON FUNCTION personal_json(jsonb) TO digitalme_api;

COMMIT;
