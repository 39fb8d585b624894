-- Verify digitalme:erasure on pg

BEGIN;

SELECT id, account_id, requested_at, completed_at, counts, created_at, updated_at, created_by, updated_by FROM erasure WHERE false;

DO $$
BEGIN
    ASSERT personal_json('{"first_name": "A", "last_used_at": "2026-01-31T10:30:00+01:00", "x": null}')
           = '{"firstName": "A", "lastUsedAt": "2026-01-31T09:30:00.000Z"}';
    ASSERT NOT has_table_privilege('digitalme_api', 'erasure', 'DELETE');
END
$$;

ROLLBACK;
