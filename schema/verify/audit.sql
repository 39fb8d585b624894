-- Verify digitalme:audit on pg

BEGIN;

SELECT id, action, entity, entity_id, detail, correlation_id, trace_id, created_at, updated_at, created_by, updated_by
  FROM audit_event
 WHERE false;

DO $$
BEGIN
    ASSERT has_table_privilege('digitalme_api', 'audit_event', 'INSERT');
    ASSERT NOT has_any_column_privilege('digitalme_api', 'audit_event', 'UPDATE');
    ASSERT NOT has_table_privilege('digitalme_api', 'audit_event', 'DELETE');
    ASSERT NOT has_table_privilege('digitalme_api', 'audit_event', 'TRUNCATE');
END
$$;

ROLLBACK;
