-- Run once a cluster by a superuser, before the first `sqitch deploy`; may be run again. Passwords, where a host asks for them,
-- are set apart: ALTER ROLE digitalme_api PASSWORD '…'.
--   digitalme_owner  owns the database and deploys the schema
--   digitalme_api    the programs: only what each change grants
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'digitalme_owner') THEN
        CREATE ROLE digitalme_owner;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'digitalme_api') THEN
        CREATE ROLE digitalme_api;
    END IF;
END
$$;

ALTER ROLE digitalme_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE digitalme_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
