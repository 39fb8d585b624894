-- Deploy digitalme:idempotency to pg

BEGIN;

-- One row a caller and Idempotency-Key. status is NULL until the call's reply is stored. try_id names the try that holds the lease,
-- holder the server process (pid and start) of the connection it claimed with.
CREATE TABLE idempotency_key (
    account_id  uuid NOT NULL,
    key         text NOT NULL,
    fingerprint text NOT NULL,
    resource_id uuid NOT NULL,
    try_id      uuid NOT NULL,
    holder      text NOT NULL,
    lease_until timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    status      integer,
    body        text,
    location    text,
    etag        text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    created_by  uuid,
    updated_by  uuid,
    CONSTRAINT idempotency_key_pkey PRIMARY KEY (account_id, key),
    CONSTRAINT idempotency_key_length CHECK (octet_length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_fingerprint CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    CONSTRAINT idempotency_status CHECK (status BETWEEN 200 AND 599),
    CONSTRAINT idempotency_reply
        CHECK (status IS NOT NULL OR (body IS NULL AND location IS NULL AND etag IS NULL)),
    CONSTRAINT idempotency_body CHECK (octet_length(body) <= 1048576)
);
CREATE INDEX idempotency_expires ON idempotency_key (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_key TO digitalme_api;

COMMIT;
