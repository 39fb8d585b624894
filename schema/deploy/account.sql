-- Deploy digitalme:account to pg
-- requires: base
--
-- Accounts, the one-time tokens mailed to their owners, and their sessions. Secrets are here as hashes only.

BEGIN;

CREATE TABLE account (
    id                 uuid        PRIMARY KEY,
    email              text        NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    email_key          text        NOT NULL,
    password_hash      text        NOT NULL CHECK (password_hash ~ '^\$2b\$1[0-6]\$[./A-Za-z0-9]{53}$'),
    first_name         text        NOT NULL CHECK (length(first_name) BETWEEN 1 AND 100),
    last_name          text        NOT NULL CHECK (length(last_name) BETWEEN 1 AND 100),
    role               text        NOT NULL DEFAULT 'User' CHECK (role IN ('User', 'Admin', 'SuperAdmin')),
    state              text        NOT NULL DEFAULT 'unconfirmed'
                                   CHECK (state IN ('unconfirmed', 'active', 'disabled')),
    email_confirmed_at timestamptz,
    mail_window_at     timestamptz NOT NULL DEFAULT now(),
    mail_count         integer     NOT NULL DEFAULT 0 CHECK (mail_count >= 0),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    created_by         uuid,
    updated_by         uuid,
    CONSTRAINT account_email_key_unique UNIQUE (email_key),
    CONSTRAINT account_email_key_folded CHECK (email_key = lower(email COLLATE "C")),
    CONSTRAINT account_active_confirmed CHECK (state <> 'active' OR email_confirmed_at IS NOT NULL)
);

COMMENT ON COLUMN account.email_key IS 'the address in lower case: what is unique';
COMMENT ON COLUMN account.mail_count IS
    'mails that strangers have caused since mail_window_at: bounded, so that nobody is flooded';

CREATE TABLE one_time_token (
    token_hash    text        PRIMARY KEY CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    account_id    uuid        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    purpose       text        NOT NULL CHECK (purpose IN ('confirm_email')),
    password_hash text        CHECK (password_hash ~ '^\$2b\$1[0-6]\$[./A-Za-z0-9]{53}$'),
    first_name    text        CHECK (length(first_name) BETWEEN 1 AND 100),
    last_name     text        CHECK (length(last_name) BETWEEN 1 AND 100),
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    created_by    uuid,
    updated_by    uuid,
    CONSTRAINT one_time_token_confirms_password CHECK (purpose <> 'confirm_email' OR password_hash IS NOT NULL)
);

CREATE INDEX one_time_token_account ON one_time_token (account_id, purpose);

COMMENT ON COLUMN one_time_token.password_hash IS
    'the password given by the registration this token was mailed for, '
    'so that confirming an address never confirms what somebody else chose';

COMMENT ON COLUMN one_time_token.first_name IS
    'with last_name, as password_hash: given by the registration this token was mailed for';

CREATE TABLE session (
    id                  uuid        PRIMARY KEY,
    account_id          uuid        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    family_hash         text        NOT NULL CHECK (family_hash ~ '^[0-9a-f]{64}$'),
    refresh_hash        text        NOT NULL CHECK (refresh_hash ~ '^[0-9a-f]{64}$'),
    rotated_at          timestamptz,
    last_used_at        timestamptz NOT NULL DEFAULT now(),
    idle_expires_at     timestamptz NOT NULL,
    absolute_expires_at timestamptz NOT NULL,
    ended_at            timestamptz,
    end_reason          text        CHECK (end_reason IN ('logout', 'reuse')),
    user_agent          text        CHECK (length(user_agent) <= 256),
    address             text        CHECK (length(address) <= 64),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    created_by          uuid,
    updated_by          uuid,
    CONSTRAINT session_family_unique UNIQUE (family_hash),
    CONSTRAINT session_idle_within_absolute CHECK (idle_expires_at <= absolute_expires_at),
    CONSTRAINT session_end_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

CREATE INDEX session_account ON session (account_id);

COMMENT ON COLUMN session.family_hash IS 'SHA-256 of the part that all refresh tokens of one log-in share';
COMMENT ON COLUMN session.refresh_hash IS 'SHA-256 of the one refresh token that is good now';

GRANT SELECT, INSERT, UPDATE ON account TO digitalme_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON one_time_token, session TO digitalme_api;

COMMIT;
