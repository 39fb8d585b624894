-- Deploy digitalme:base to pg

BEGIN;

-- Trigram similarity, for recall.
CREATE EXTENSION pg_trgm;

-- Nobody may do anything by default; each change grants digitalme_api what its statements need.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO digitalme_api', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO digitalme_api;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

COMMIT;
