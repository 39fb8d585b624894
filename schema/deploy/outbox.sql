-- Deploy digitalme:outbox to pg

BEGIN;

-- Jobs for the worker. While waiting, run_at is when the next try is due; attempts counts the tries begun.
CREATE TABLE job (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL,
    payload      jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'waiting',
    attempts     integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    run_at       timestamptz NOT NULL DEFAULT now(),
    last_error   text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    created_by   uuid,
    updated_by   uuid,
    CONSTRAINT job_kind CHECK (kind ~ '^[a-z_]+$' AND length(kind) <= 64),
    CONSTRAINT job_payload CHECK (jsonb_typeof(payload) = 'object' AND octet_length(payload::text) <= 1048576),
    CONSTRAINT job_state CHECK (state IN ('waiting', 'done', 'dead')),
    CONSTRAINT job_max_attempts CHECK (max_attempts BETWEEN 1 AND 100),
    CONSTRAINT job_attempts CHECK (attempts BETWEEN 0 AND max_attempts),
    CONSTRAINT job_last_error CHECK (length(last_error) <= 256)
);
CREATE INDEX job_due ON job (run_at, id) WHERE state = 'waiting';
CREATE INDEX job_done ON job (updated_at) WHERE state = 'done';

GRANT SELECT, INSERT, DELETE ON job TO digitalme_api;
GRANT UPDATE (payload, state, attempts, run_at, last_error, updated_at, updated_by) ON job TO digitalme_api;

COMMIT;
