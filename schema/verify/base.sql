-- Verify digitalme:base on pg

BEGIN;

SELECT similarity('self', 'myself');

DO $$
BEGIN
    ASSERT has_schema_privilege('digitalme_api', 'public', 'USAGE');
    ASSERT NOT has_schema_privilege('digitalme_api', 'public', 'CREATE');
    ASSERT has_database_privilege('digitalme_api', current_database(), 'CONNECT');
    ASSERT NOT has_database_privilege('digitalme_api', current_database(), 'CREATE');
    ASSERT NOT has_database_privilege('digitalme_api', current_database(), 'TEMPORARY');
    ASSERT NOT (SELECT rolsuper OR rolcreatedb OR rolcreaterole
                  FROM pg_roles
                 WHERE rolname = 'digitalme_api');
END
$$;

ROLLBACK;
