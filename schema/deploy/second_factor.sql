-- Deploy digitalme:second_factor to pg
-- requires: login_guard
--
-- What an account proves itself with besides its password, and the log-ins that wait for it. One row a factor, by kind, so that
-- other kinds find their place beside the first.

BEGIN;

ALTER TABLE account ADD COLUMN second_step_at timestamptz;

COMMENT ON COLUMN account.second_step_at IS
    'since when log-in asks for a second step, null when it does not: kept with second_factor in one transaction, so that '
    'whoever opens a session sees it on the row that is locked for that';

ALTER TABLE session ADD COLUMN mfa_at timestamptz;

COMMENT ON COLUMN session.mfa_at IS 'when a second step was done in it';

CREATE TABLE second_factor (
    id           uuid        PRIMARY KEY,
    account_id   uuid        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    kind         text        NOT NULL CHECK (kind IN ('totp')),
    secret       text        NOT NULL CHECK (secret ~ '^v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]{38,255}$'),
    confirmed_at timestamptz,
    last_step    bigint      NOT NULL DEFAULT 0 CHECK (last_step >= 0),
    failures     integer     NOT NULL DEFAULT 0 CHECK (failures >= 0),
    locked_until timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    created_by   uuid,
    updated_by   uuid
);

CREATE UNIQUE INDEX second_factor_one_totp ON second_factor (account_id) WHERE kind = 'totp';

COMMENT ON COLUMN second_factor.secret IS 'sealed: v1.KEYID.base64url of nonce, ciphertext and tag, bound to table, column and id';
COMMENT ON COLUMN second_factor.confirmed_at IS 'null: it was handed out, and no code has come from it yet';
COMMENT ON COLUMN second_factor.last_step IS 'totp: the newest step a code was taken of; no code of it or of one before is taken again';
COMMENT ON COLUMN second_factor.failures IS 'wrong codes since the last right one';

CREATE TABLE recovery_code (
    account_id uuid        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    code_hash  text        NOT NULL CHECK (code_hash ~ '^[0-9a-f]{64}$'),
    used_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    PRIMARY KEY (account_id, code_hash)
);

COMMENT ON COLUMN recovery_code.code_hash IS 'HMAC-SHA-256 of the account and the code under a key of the site';

CREATE TABLE mfa_challenge (
    token_hash    text        PRIMARY KEY CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    account_id    uuid        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    device_id     uuid        REFERENCES device (id) ON DELETE SET NULL,
    password_hash text        NOT NULL CHECK (password_hash ~ '^\$2b\$1[0-6]\$[./A-Za-z0-9]{53}$'),
    tries         integer     NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5),
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    created_by    uuid,
    updated_by    uuid
);

CREATE INDEX mfa_challenge_account ON mfa_challenge (account_id);
CREATE INDEX mfa_challenge_device ON mfa_challenge (device_id);
CREATE INDEX mfa_challenge_expires ON mfa_challenge (expires_at);

COMMENT ON TABLE mfa_challenge IS 'a log-in whose first step has succeeded; the token stands for it';
COMMENT ON COLUMN mfa_challenge.device_id IS 'the known device that the first step came from';
COMMENT ON COLUMN mfa_challenge.password_hash IS 'that the first step was checked against: when it has changed, the log-in begins anew';

GRANT SELECT, INSERT, UPDATE, DELETE ON second_factor, recovery_code, mfa_challenge TO digitalme_api;

COMMIT;
