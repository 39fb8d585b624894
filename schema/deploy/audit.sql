-- Deploy digitalme:audit to pg

BEGIN;

-- One row a change, written in the change's own transaction. created_by is who acted.
CREATE TABLE audit_event (
    id             uuid PRIMARY KEY,
    action         text NOT NULL,
    entity         text NOT NULL,
    entity_id      uuid,
    detail         jsonb,
    correlation_id text,
    trace_id       text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    created_by     uuid,
    updated_by     uuid,
    CONSTRAINT audit_action CHECK (action ~ '^[a-z_]+(\.[a-z_]+)+$' AND length(action) <= 64),
    CONSTRAINT audit_entity CHECK (entity ~ '^[a-z_]+$' AND length(entity) <= 64),
    CONSTRAINT audit_detail CHECK (jsonb_typeof(detail) = 'object' AND octet_length(detail::text) <= 16384),
    CONSTRAINT audit_correlation_id CHECK (length(correlation_id) <= 128),
    CONSTRAINT audit_trace_id CHECK (trace_id ~ '^[0-9a-f]{32}$')
);
CREATE INDEX audit_event_entity ON audit_event (entity, entity_id, created_at);

-- Append only.
GRANT INSERT ON audit_event TO digitalme_api;

COMMIT;
