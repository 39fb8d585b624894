-- Verify digitalme:audit_chain on pg

BEGIN;

SELECT event_id, created_at, updated_at, created_by, updated_by FROM audit_unsealed WHERE false;
SELECT seq, event_id, hash, created_at, updated_at, created_by, updated_by FROM audit_seal WHERE false;
SELECT anchor_seq, anchor_hash, anchor_mac, head_seq, head_hash, head_mac FROM audit_chain WHERE false;

DO $$
DECLARE
    name text;
BEGIN
    ASSERT (SELECT count(*) FROM audit_chain) = 1;
    FOREACH name IN ARRAY ARRAY['audit_event', 'audit_unsealed', 'audit_seal', 'audit_chain'] LOOP
        ASSERT has_table_privilege('digitalme_api', name, 'SELECT');
        ASSERT NOT has_any_column_privilege('digitalme_api', name, 'UPDATE');
        ASSERT NOT has_table_privilege('digitalme_api', name, 'DELETE');
        ASSERT NOT has_table_privilege('digitalme_api', name, 'TRUNCATE');
        ASSERT NOT has_table_privilege('digitalme_api', name, 'TRIGGER');
    END LOOP;
    ASSERT has_function_privilege('digitalme_api', 'audit_seal_add(bigint, uuid[], text[], text)', 'EXECUTE');
    ASSERT has_function_privilege('digitalme_api', 'audit_trim(bigint, text, bigint)', 'EXECUTE');
END
$$;

ROLLBACK;
