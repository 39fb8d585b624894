-- Revert digitalme:audit_chain from pg

BEGIN;

REVOKE SELECT ON audit_event FROM digitalme_api;
CREATE INDEX audit_event_entity ON audit_event (entity, entity_id, created_at);
DROP INDEX audit_event_time, audit_event_actor, audit_event_action, audit_event_about, audit_event_kind;
DROP TRIGGER audit_event_waits ON audit_event;
DROP FUNCTION audit_event_waits(), audit_seal_add(bigint, uuid[], text[], text), audit_trim(bigint, text, bigint),
    audit_cutoff(bigint);
DROP TABLE audit_unsealed, audit_seal, audit_chain;

COMMIT;
