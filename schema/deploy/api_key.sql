-- Deploy digitalme:api_key to pg
-- requires: account

BEGIN;

CREATE TABLE api_key (
    id             uuid        PRIMARY KEY,
    account_id     uuid        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name           text        NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    secret_hash    text        NOT NULL CHECK (secret_hash ~ '^[0-9a-f]{64}$'),
    previous_hash  text        CHECK (previous_hash ~ '^[0-9a-f]{64}$'),
    previous_until timestamptz,
    scopes         text        NOT NULL CHECK (scopes ~ '^[a-z]+:[a-z]+( [a-z]+:[a-z]+)*$' AND length(scopes) <= 1024),
    routes         text        NOT NULL DEFAULT '' CHECK (length(routes) <= 1300),
    ranges         text        NOT NULL DEFAULT '' CHECK (length(ranges) <= 1000),
    expires_at     timestamptz NOT NULL,
    version        bigint      NOT NULL DEFAULT 1 CHECK (version >= 1),
    revoked_at     timestamptz,
    revoke_reason  text        CHECK (revoke_reason IN ('owner', 'admin', 'leak')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    created_by     uuid,
    updated_by     uuid,
    CONSTRAINT api_key_previous CHECK ((previous_hash IS NULL) = (previous_until IS NULL)),
    CONSTRAINT api_key_revoked CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL)),
    CONSTRAINT api_key_life CHECK (expires_at > created_at AND expires_at <= created_at + interval '731 days')
);

CREATE INDEX api_key_account ON api_key (account_id, id);
-- What is over for good is swept.
CREATE INDEX api_key_over ON api_key (least(revoked_at, expires_at));
-- What was revoked a moment ago is read by every instance whenever one is told of it.
CREATE INDEX api_key_revoked_at ON api_key (revoked_at) WHERE revoked_at IS NOT NULL;

COMMENT ON COLUMN api_key.secret_hash IS 'SHA-256 of the secret part of the key; the key itself was shown once';
COMMENT ON COLUMN api_key.previous_hash IS 'of the secret that the last roll replaced: good until previous_until';
COMMENT ON COLUMN api_key.version IS 'one more with every change: what a program remembers of a key is of one version';
COMMENT ON COLUMN api_key.routes IS 'rows the key is for, words with a space between them; empty: any';
COMMENT ON COLUMN api_key.ranges IS 'networks the key may be used from, likewise';

-- Written once a minute while a key is in use: in a row of its own, so that the key's row stays as it is, with room on the page for its
-- next version.
CREATE TABLE api_key_use (
    key_id       uuid        PRIMARY KEY REFERENCES api_key (id) ON DELETE CASCADE,
    last_used_at timestamptz,
    requests     bigint      NOT NULL DEFAULT 0 CHECK (requests >= 0),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    created_by   uuid,
    updated_by   uuid
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON api_key TO digitalme_api;
GRANT SELECT, INSERT, UPDATE ON api_key_use TO digitalme_api;

COMMIT;
