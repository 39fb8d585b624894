"""The audit trail of a running system: sealed soon after, found out when somebody tampers with it, and read by those who may."""
import json
import re
import signal
import subprocess
import threading

import psycopg2
import pytest

from database import Database
from people import People
from system import wait_for


@pytest.fixture(scope="module")
def sealed_system(own_system):
    return own_system(settings={"audit.seal_s": "1"})


@pytest.fixture(scope="module")
def trail(sealed_system):
    with Database(sealed_system) as database:
        yield database


@pytest.fixture(scope="module")
def crowd(sealed_system, contract):
    people = People(sealed_system, contract)
    yield people
    people.close()


@pytest.fixture
def verify(sealed_system):
    """Runs `digitalmectl audit verify`; its exit status and what it says as JSON."""
    def run(*options):
        done = subprocess.run([sealed_system.program("digitalmectl"), "--config", sealed_system.config_file, "audit", "verify", "--json",
                               *options], capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)
    return run


def seal(trail):
    """Wait until nothing waits; how many seals there are."""
    wait_for(lambda: trail.value("SELECT count(*) FROM audit_unsealed") == 0, "all events to be sealed", 20)
    return trail.value("SELECT head_seq FROM audit_chain")


def test_what_people_do_is_sealed_within_seconds(crowd, trail, verify):
    before = seal(trail)
    crowd.logged_in()
    after = seal(trail)
    assert after >= before + 3, "register, confirm, log in"
    status, said = verify()
    assert status == 0 and said["good"] and said["faults"] == [] and said["headSeq"] == after and said["checked"] == after


def test_the_head_is_in_the_log_and_can_be_asked_for(sealed_system, crowd, trail, verify):
    crowd.registered()
    seal(trail)
    sealed_system.restart("digitalme-worker")  # ends with a line
    lines = [json.loads(line) for line in (sealed_system.log_dir / "digitalme-worker.log").read_text().splitlines()]
    heads = [line["attributes"] for line in lines if line["body"] == "audit head"]
    assert heads
    seq, digest = heads[-1]["audit.seq"], heads[-1]["audit.hash"]
    assert trail.value("SELECT hash FROM audit_seal WHERE seq = %s", seq) == digest
    assert verify("--head", f"{seq}:{digest}")[0] == 0
    status, said = verify("--head", f"{seq + 1000}:{digest}")
    assert status == 1 and [fault["kind"] for fault in said["faults"]] == ["truncated"]


def middle(trail):
    """seq and id of an event with one on each side."""
    return trail.rows("SELECT seq, event_id::text FROM audit_seal WHERE seq = (SELECT head_seq - 1 FROM audit_chain)")[0]


@pytest.mark.parametrize("change", ["action = 'account.delete'", "created_by = gen_random_uuid()", "created_at = created_at - interval '1 day'",
                                    "detail = '{\"nothing\": \"happened\"}'", "entity_id = NULL", "correlation_id = 'another'"])
def test_an_event_that_was_changed_is_found(trail, crowd, verify, change):
    crowd.registered()
    crowd.registered()
    seal(trail)
    seq, event_id = middle(trail)
    column = change.split()[0]
    old = trail.value(f"SELECT {column}::text FROM audit_event WHERE id = %s", event_id)
    trail.rows(f"UPDATE audit_event SET {change} WHERE id = %s", event_id)
    status, said = verify()
    trail.rows(f"UPDATE audit_event SET {column} = %s WHERE id = %s", old, event_id)
    assert status == 1 and [(f["kind"], f["seq"], f["eventId"]) for f in said["faults"]] == [("changed", seq, event_id)]
    assert verify()[0] == 0


def test_an_event_or_a_seal_that_is_missing_is_found(trail, crowd, verify):
    crowd.registered()
    seal(trail)
    seq, event_id = middle(trail)
    for table, column in (("audit_event", "id"), ("audit_seal", "event_id")):
        trail.rows(f"CREATE TABLE kept AS SELECT * FROM {table} WHERE {column} = %s", event_id)
        trail.rows(f"DELETE FROM {table} WHERE {column} = %s", event_id)
        status, said = verify()
        trail.rows(f"SET session_replication_role = replica; INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept; RESET session_replication_role")
        assert status == 1 and [(f["kind"], f["seq"]) for f in said["faults"]] == [("missing", seq)], table
    assert verify()[0] == 0


def test_an_event_that_came_in_behind_the_queue_is_found(trail, verify):
    trail.rows("SET session_replication_role = replica")
    event_id = trail.value("INSERT INTO audit_event (id, action, entity, created_at) VALUES (gen_random_uuid(), 'account.register', 'account',"
                           " now() - interval '1 hour') RETURNING id::text")
    trail.rows("RESET session_replication_role")
    status, said = verify()
    trail.rows("DELETE FROM audit_event WHERE id = %s", event_id)
    assert status == 1 and [(f["kind"], f["eventId"]) for f in said["faults"]] == [("unsealed", event_id)]


def test_the_words_for_people_name_what_is_wrong(sealed_system, trail):
    seal(trail)
    seq, event_id = middle(trail)
    trail.rows("UPDATE audit_event SET entity = 'nothing' WHERE id = %s", event_id)
    done = subprocess.run([sealed_system.program("digitalmectl"), "--config", sealed_system.config_file, "audit", "verify"],
                          capture_output=True, text=True, timeout=60, check=False)
    trail.rows("UPDATE audit_event SET entity = 'account' WHERE id = %s", event_id)
    assert done.returncode == 1 and re.search(rf"^changed +seq {seq}  event {event_id}", done.stdout, re.M), done.stdout


@pytest.mark.parametrize("words", [["--nonsense"], ["--head"], ["--head", "17"], ["--head", "0:" + "a" * 64], ["--head", "x:" + "a" * 64]])
def test_wrong_words_show_the_usage(ctl, words):
    done = ctl("audit", "verify", *words)
    assert done.returncode == 2 and "usage:" in done.stderr and done.stdout == ""


def insert_events(system, n):
    """As the programs do, one transaction each."""
    with psycopg2.connect(system.conninfo("digitalme_api")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for _ in range(n):
                cursor.execute("INSERT INTO audit_event (id, action, entity) VALUES (gen_random_uuid(), 'profile.update', 'profile')")


def test_workers_that_are_killed_in_the_middle_lose_no_event_and_number_none_twice(sealed_system, trail, verify):
    """Two workers seal while many write, and one is killed again and again."""
    before = seal(trail)
    second = subprocess.Popen([sealed_system.program("digitalme-worker"), "--config", sealed_system.config_file],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    writers = [threading.Thread(target=insert_events, args=(sealed_system, 400)) for _ in range(4)]
    try:
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            sealed_system.kill("digitalme-worker")
            sealed_system.start("digitalme-worker")
        for writer in writers:
            writer.join()
    finally:
        second.send_signal(signal.SIGTERM)
        second.wait(60)
    assert seal(trail) == before + 1600
    assert trail.value("SELECT count(*) = max(seq) AND count(*) = count(DISTINCT event_id) FROM audit_seal")
    assert verify()[0] == 0


FORBIDDEN = {
    "change an event": "UPDATE audit_event SET entity = 'nothing'",
    "remove an event": "DELETE FROM audit_event",
    "empty the trail": "TRUNCATE audit_event",
    "change a seal": "UPDATE audit_seal SET hash = repeat('0', 64)",
    "add a seal": "INSERT INTO audit_seal (seq, event_id, hash) VALUES (1000000, gen_random_uuid(), repeat('0', 64))",
    "remove a seal": "DELETE FROM audit_seal",
    "move the head": "UPDATE audit_chain SET head_seq = 1",
    "keep an event from its seal": "DELETE FROM audit_unsealed",
    "switch the queue off": "ALTER TABLE audit_event DISABLE TRIGGER audit_event_waits",
    "write behind the queue": "SET session_replication_role = replica",
    "remove what is young": "SELECT audit_trim((SELECT head_seq FROM audit_chain), repeat('0', 64), 0)",
    "seal what is not there": "SELECT audit_seal_add((SELECT head_seq + 1 FROM audit_chain), ARRAY[gen_random_uuid()], ARRAY[repeat('0', 64)],"
                              " repeat('0', 64))",
    "seal twice": "SELECT audit_seal_add(1, ARRAY[(SELECT event_id FROM audit_seal LIMIT 1)], ARRAY[repeat('0', 64)], repeat('0', 64))",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_programs_database_role_cannot(sealed_system, trail, what):
    seal(trail)
    refusals = (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.CheckViolation, psycopg2.errors.LockNotAvailable)
    with pytest.raises(refusals), psycopg2.connect(sealed_system.conninfo("digitalme_api")) as connection:
        with connection.cursor() as cursor:
            cursor.execute(FORBIDDEN[what])


def test_an_event_cannot_be_dated_back(sealed_system, trail):
    """Retention goes by created_at."""
    with psycopg2.connect(sealed_system.conninfo("digitalme_api")) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_event (id, action, entity, created_at) VALUES (gen_random_uuid(), 'profile.update', 'profile',"
                       " '2001-01-01') RETURNING created_at > now() - interval '1 minute'")
        assert cursor.fetchone()[0]
