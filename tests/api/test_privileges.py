"""What the programs' database role may do: what their statements do, and nothing else. Whoever took over a program, or found a hole in a
statement, would have no more."""
import re

import psycopg2
import psycopg2.errors
import pytest

from system import ROOT

REFUSED = {
    # The schema.
    "make a table": "CREATE TABLE mine (id integer)",
    "make a temporary table": "CREATE TEMPORARY TABLE mine (id integer)",
    "keep a selection": "SELECT * INTO mine FROM account",
    "make a schema": "CREATE SCHEMA mine",
    "make a view": "CREATE VIEW mine AS SELECT 1",
    "make a type": "CREATE TYPE mine AS (id integer)",
    "make a function": "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "make a function of the server": "CREATE FUNCTION mine(integer) RETURNS integer LANGUAGE c AS 'libc.so.6', 'system'",
    "change a function": "ALTER FUNCTION audit_trim(bigint, text, bigint) SECURITY INVOKER",
    "change a table": "ALTER TABLE account ADD COLUMN mine text",
    "take a bound away": "ALTER TABLE account DROP CONSTRAINT account_pkey",
    "take a table away": "DROP TABLE account",
    "take all away": "DROP SCHEMA public CASCADE",
    "empty a table": "TRUNCATE account",
    "put a trigger on a table": "CREATE TRIGGER mine BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION audit_event_waits()",
    "put a rule on a table": "CREATE RULE mine AS ON INSERT TO account DO INSTEAD NOTHING",
    "make an index": "CREATE INDEX mine ON account (email)",
    "make a sequence": "CREATE SEQUENCE mine",
    "speak for the schema": "COMMENT ON TABLE account IS 'mine'",
    # Other roles.
    "become the owner": "SET ROLE digitalme_owner",
    "become the superuser": "SET ROLE postgres",
    "log in anew as another": "SET SESSION AUTHORIZATION postgres",
    "join a role": "GRANT digitalme_owner TO digitalme_api",
    "join those who read files": "GRANT pg_read_server_files TO digitalme_api",
    "make itself superuser": "ALTER ROLE digitalme_api SUPERUSER",
    "make a role": "CREATE ROLE mine LOGIN SUPERUSER",
    "change another's password": "ALTER ROLE digitalme_owner PASSWORD 'mine'",
    "make a database": "CREATE DATABASE mine",
    "read others' passwords": "SELECT * FROM pg_authid",
    "read others' passwords by their view": "SELECT * FROM pg_shadow",
    "read the schema's history": "SELECT * FROM sqitch.changes",
    "read samples of what tables hold": "SELECT * FROM pg_statistic",
    "end another's connection": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' LIMIT 1",
    # The machine.
    "run a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "read from a program": "COPY account FROM PROGRAM 'true'",
    "write a file": "COPY (SELECT 1) TO '/tmp/digitalme-mine'",
    "read a file into a table": "COPY account FROM '/etc/passwd'",
    "read the server's files": "SELECT pg_read_file('/etc/passwd')",
    "read the server's files as bytes": "SELECT pg_read_binary_file('/etc/passwd')",
    "look at the server's files": "SELECT pg_stat_file('/etc/passwd')",
    "look at the server's folders": "SELECT pg_ls_dir('/')",
    "read a file into a large object": "SELECT lo_import('/etc/passwd')",
    "write a large object to a file": "SELECT lo_export(1, '/tmp/digitalme-mine')",
    "load a library": "LOAD 'libc.so.6'",
    # The server, and others beyond it.
    "call other databases (dblink)": "CREATE EXTENSION dblink",
    "call other databases (postgres_fdw)": "CREATE EXTENSION postgres_fdw",
    "read files as tables": "CREATE EXTENSION file_fdw",
    "make a language": "CREATE LANGUAGE mine HANDLER plpgsql_call_handler",
    "let others have all changes": "CREATE PUBLICATION mine FOR ALL TABLES",
    "have others' changes": "CREATE SUBSCRIPTION mine CONNECTION 'host=127.0.0.1' PUBLICATION theirs",
    "follow the server's changes": "SELECT pg_create_logical_replication_slot('mine', 'test_decoding')",
    "change the server": "ALTER SYSTEM SET log_statement = 'none'",
    "change the database": "ALTER DATABASE digitalme SET log_statement = 'none'",
    "read the server's configuration anew": "SELECT pg_reload_conf()",
    "log less": "SET log_statement = 'none'",
    "switch triggers off": "SET session_replication_role = replica",
    "read the server's own rules": "SELECT * FROM pg_hba_file_rules",
}


@pytest.fixture(scope="module")
def programs(system):
    """A connection as the programs have it."""
    connection = psycopg2.connect(system.conninfo("digitalme_api"))
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.mark.parametrize("what", REFUSED)
def test_the_programs_role_cannot(programs, what):
    with programs.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(REFUSED[what])


def test_what_others_do_now_is_hidden(programs, database):
    database.rows("SELECT 'a superuser’s statement'")
    with programs.cursor() as cursor:
        cursor.execute("SELECT DISTINCT query FROM pg_stat_activity WHERE usename = 'postgres'")
        assert [query for query, in cursor.fetchall()] == ["<insufficient privilege>"]


def test_the_role_is_nobody_special_and_owns_nothing(database):
    special = ("rolsuper", "rolinherit AND EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid)", "rolcreaterole",
               "rolcreatedb", "rolreplication", "rolbypassrls")
    for what in special:
        assert not database.value(f"SELECT {what} FROM pg_roles WHERE rolname = 'digitalme_api'"), what
    assert database.value("SELECT count(*) FROM pg_shdepend WHERE refobjid = 'digitalme_api'::regrole AND deptype = 'o'") == 0
    assert not database.value("SELECT has_schema_privilege('digitalme_api', 'public', 'CREATE')")
    for privilege in ("CREATE", "TEMPORARY"):
        assert not database.value("SELECT has_database_privilege('digitalme_api', 'digitalme', %s)", privilege), privilege


def test_events_can_be_written_and_read_but_neither_changed_nor_removed(database):
    for privilege in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"):
        assert not database.value("SELECT has_table_privilege('digitalme_api', 'audit_event', %s)", privilege), privilege
        if privilege in ("UPDATE", "REFERENCES"):
            assert not database.value("SELECT has_any_column_privilege('digitalme_api', 'audit_event', %s)", privilege), privilege


def statements():
    """The text of all SQL that the programs run. Erasure has a macro for its own."""
    sources = [re.sub(r"^ERASE\w*\((\w+)", r'"DELETE FROM \1"', path.read_text(), flags=re.M)
               for path in sorted((ROOT / "lib" / "store").glob("*.c"))]
    return "\n".join(" ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', source)) for source in sources)


NEEDS = {
    "SELECT": r"\b(FROM|JOIN|UPDATE|INTO|USING)\s+(ONLY\s+)?{}\b",
    "INSERT": r"\bINSERT\s+INTO\s+{}\b",
    "UPDATE": r"\b(UPDATE\s+{0}\b|INSERT\s+INTO\s+{0}\b[^;]*?\bDO\s+UPDATE\b|FROM\s+{0}\b[^;]*?\bFOR\s+(NO\s+KEY\s+)?UPDATE\b)",
    "DELETE": r"\bDELETE\s+FROM\s+{}\b",
}


def test_each_privilege_is_one_that_a_statement_needs(database):
    text = statements()
    granted = database.rows("SELECT DISTINCT table_name, privilege_type FROM information_schema.column_privileges"
                            " WHERE grantee IN ('digitalme_api', 'PUBLIC') AND table_schema = 'public'"
                            " UNION SELECT table_name, privilege_type FROM information_schema.table_privileges"
                            " WHERE grantee IN ('digitalme_api', 'PUBLIC') AND table_schema = 'public'")
    assert len(granted) > 40 and {privilege for _, privilege in granted} <= set(NEEDS)
    idle = sorted((table, privilege) for table, privilege in granted
                  if not re.search(NEEDS[privilege].format(table), text, re.I))
    assert not idle
    assert not database.rows("SELECT * FROM information_schema.role_table_grants WHERE grantee = 'digitalme_api' AND is_grantable = 'YES'")


def test_functions_that_run_as_their_owner_look_nothing_up_elsewhere(database):
    """SECURITY DEFINER with a search path that a caller could change would run the caller's own code."""
    assert database.rows("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef AND NOT EXISTS"
                         " (SELECT FROM unnest(proconfig) AS setting WHERE setting = 'search_path=public, pg_temp')") == []
    assert database.value("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef") >= 3
