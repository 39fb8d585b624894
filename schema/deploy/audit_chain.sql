-- Deploy digitalme:audit_chain to pg
-- requires: audit
--
-- The audit trail as a hash chain. A new event waits in audit_unsealed; the worker seals what waits, in order, so that no request waits for
-- another's. Nobody writes here but through the three functions, which run as the tables' owner: digitalme_api can neither change nor
-- remove an event or a seal.

BEGIN;

CREATE TABLE audit_unsealed (
    event_id   uuid        PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid
);
CREATE INDEX audit_unsealed_order ON audit_unsealed (created_at, event_id);

CREATE TABLE audit_seal (
    seq        bigint      PRIMARY KEY CHECK (seq > 0),
    event_id   uuid        NOT NULL,
    hash       text        NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    CONSTRAINT audit_seal_event_once UNIQUE (event_id)
);

COMMENT ON COLUMN audit_seal.hash IS 'keyed hash of the seal before, seq and every column of the event';

-- One row: between anchor and head lie the seals. What the macs say nobody can say without the key.
CREATE TABLE audit_chain (
    only_one    boolean     PRIMARY KEY DEFAULT true CHECK (only_one),
    anchor_seq  bigint      NOT NULL DEFAULT 0 CHECK (anchor_seq >= 0),
    anchor_hash text        NOT NULL DEFAULT repeat('0', 64) CHECK (anchor_hash ~ '^[0-9a-f]{64}$'),
    anchor_mac  text        CHECK (anchor_mac ~ '^[0-9a-f]{64}$'),
    head_seq    bigint      NOT NULL DEFAULT 0,
    head_hash   text        NOT NULL DEFAULT repeat('0', 64) CHECK (head_hash ~ '^[0-9a-f]{64}$'),
    head_mac    text        CHECK (head_mac ~ '^[0-9a-f]{64}$'),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    created_by  uuid,
    updated_by  uuid,
    CONSTRAINT audit_chain_order CHECK (head_seq >= anchor_seq)
);
INSERT INTO audit_chain DEFAULT VALUES;

COMMENT ON COLUMN audit_chain.anchor_seq IS 'the last seal that retention has removed; as many as this are gone';

-- The database's clock says when an event was, whoever writes it: retention goes by it.
CREATE FUNCTION audit_event_waits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.created_at := now();
    NEW.updated_at := now();
    INSERT INTO audit_unsealed (event_id, created_by, updated_by) VALUES (NEW.id, NEW.created_by, NEW.created_by);
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_event_waits BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_event_waits();

INSERT INTO audit_unsealed (event_id, created_at) SELECT id, created_at FROM audit_event;

-- Seal events that wait, from first_seq on. The chain has no gap and no seal twice, whoever calls.
CREATE FUNCTION audit_seal_add(first_seq bigint, event_ids uuid[], hashes text[], mac text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    n bigint := cardinality(event_ids);
    taken bigint;
BEGIN
    UPDATE audit_chain
       SET head_seq = first_seq + n - 1, head_hash = hashes[n], head_mac = mac, updated_at = now()
     WHERE head_seq = first_seq - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the chain does not end before seal %', first_seq USING ERRCODE = 'lock_not_available';
    END IF;
    DELETE FROM audit_unsealed WHERE event_id = ANY (event_ids);
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF n = 0 OR cardinality(hashes) <> n OR taken <> n THEN
        RAISE EXCEPTION 'of % events with % hashes % wait', n, cardinality(hashes), taken USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO audit_seal (seq, event_id, hash)
    SELECT first_seq + s.n - 1, s.event_id, s.hash FROM unnest(event_ids, hashes) WITH ORDINALITY AS s (event_id, hash, n);
END
$$;

-- How old an event must be before it may go, at the least; keep_s may only make it older.
CREATE FUNCTION audit_cutoff(keep_s bigint) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = public, pg_temp
RETURN now() - greatest(keep_s, 30 * 86400) * interval '1 second';

-- Remove the seals up to through_seq with their events, when each is old enough. How many went.
CREATE FUNCTION audit_trim(through_seq bigint, mac text, keep_s bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    from_seq bigint;
BEGIN
    SELECT anchor_seq INTO from_seq FROM audit_chain FOR UPDATE;
    IF through_seq <= from_seq THEN
        RETURN 0;
    END IF;
    IF (SELECT count(*)
          FROM audit_seal s
          JOIN audit_event e ON e.id = s.event_id
         WHERE s.seq > from_seq AND s.seq <= through_seq
           AND greatest(e.created_at, s.created_at) < audit_cutoff(keep_s)) <> through_seq - from_seq THEN
        RAISE EXCEPTION 'seals % to % are not all there and old enough', from_seq + 1, through_seq USING ERRCODE = 'check_violation';
    END IF;
    UPDATE audit_chain
       SET anchor_seq = through_seq, anchor_hash = (SELECT hash FROM audit_seal WHERE seq = through_seq), anchor_mac = mac,
           updated_at = now();
    DELETE FROM audit_event e USING audit_seal s WHERE e.id = s.event_id AND s.seq > from_seq AND s.seq <= through_seq;
    DELETE FROM audit_seal WHERE seq > from_seq AND seq <= through_seq;
    RETURN through_seq - from_seq;
END
$$;

-- For the readers: newest first, by each of their filters.
CREATE INDEX audit_event_time ON audit_event (created_at, id);
CREATE INDEX audit_event_actor ON audit_event (created_by, created_at, id);
CREATE INDEX audit_event_action ON audit_event (action, created_at, id);
CREATE INDEX audit_event_about ON audit_event (entity_id, created_at, id);
CREATE INDEX audit_event_kind ON audit_event (entity, created_at, id);
DROP INDEX audit_event_entity;

GRANT SELECT ON audit_event, audit_unsealed, audit_seal, audit_chain TO digitalme_api;
GRANT EXECUTE ON FUNCTION audit_seal_add(bigint, uuid[], text[], text), audit_trim(bigint, text, bigint), audit_cutoff(bigint)
    TO digitalme_api;

COMMIT;
