-- Deploy digitalme:login_guard to pg
-- requires: session_end
--
-- Devices that have logged in, and what the log-in guard counts.

BEGIN;

CREATE TABLE device (
    id           uuid        PRIMARY KEY,
    account_id   uuid        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    fingerprint  text        NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    name         text        NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    trusted      boolean     NOT NULL DEFAULT true,
    last_used_at timestamptz NOT NULL DEFAULT now(),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    created_by   uuid,
    updated_by   uuid
);
CREATE UNIQUE INDEX device_trusted ON device (account_id, fingerprint) WHERE trusted;
CREATE INDEX device_account ON device (account_id);
CREATE INDEX device_unused ON device (last_used_at);

COMMENT ON COLUMN device.fingerprint IS
    'SHA-256 of user agent and network at its first log-in: so that a client that keeps no device token is not a new device each time';
COMMENT ON COLUMN device.trusted IS 'its device token is good; ends for all devices when the password is reset';

ALTER TABLE session ADD COLUMN device_id uuid REFERENCES device (id) ON DELETE SET NULL;
CREATE INDEX session_device ON session (device_id);

-- Keys tell nothing: of addresses and networks only a keyed hash is here.
CREATE TABLE login_guard (
    key             text        PRIMARY KEY CHECK (key ~ '^[a-z]:[A-Za-z0-9_-]{36,43}$'),
    failures        integer     NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failures_in_row integer     NOT NULL DEFAULT 0 CHECK (failures_in_row >= 0),
    window_at       timestamptz NOT NULL DEFAULT now(),
    retry_at        timestamptz NOT NULL DEFAULT now(),
    locked_until    timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    updated_by      uuid
);
CREATE INDEX login_guard_created ON login_guard (created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON device, login_guard TO digitalme_api;

COMMIT;
