"""Parts die while people talk: every acknowledged message is in the database afterwards, none twice, and nobody waits for ever."""
import contextlib
import json
import os
import secrets
import signal
import threading
import time

import httpx
import pytest

import bodies
from database import Database
from people import People
from system import children_of, wait_for

pytestmark = pytest.mark.own_system
LONG = bool(os.environ.get("DM_TEST_LONG"))
# Short, for the database that hangs. Messages keep the stream door's two minutes: what a killed program had claimed is free at once.
SETTINGS = {"server.api_deadline_ms": "2000"}
SENDERS = 6


@pytest.fixture(scope="module")
def arena(own_system):
    return own_system(settings=SETTINGS, hold_sockets=True)


@pytest.fixture(scope="module")
def crowd(arena, contract):
    people = People(arena, contract)
    yield people
    people.close()


@pytest.fixture(scope="module")
def speaker(crowd):
    return crowd.logged_in()


@pytest.fixture(scope="module")
def profile_id(speaker):
    return speaker.client.post("/personality", bodies.full_profile(), expect=201).json()["id"]


@pytest.fixture(autouse=True)
def all_up(arena, crowd):
    yield
    for part in arena.parts:
        arena.start(part)
    probe = crowd.client()
    wait_for(lambda: probe.site("GET", "/health").json()["status"] == "pass", "the system to be whole again", 60)


class Sender(threading.Thread):
    """Says one thing after another, each with an Idempotency-Key, and each again and again until it is acknowledged."""

    def __init__(self, crowd, token, path):
        super().__init__()
        self.client = crowd.client(token=token, timeout_s=5)
        self.path = path
        self.said = {}       # content: id, of what was acknowledged
        self.statuses = {}   # how often each came
        self.retries = 0
        self.trouble = None
        self.ending = threading.Event()

    def run(self):
        try:
            while not self.ending.is_set():
                self.say(secrets.token_hex(12))
        except BaseException as e:  # noqa: B036 - told by the test's own thread
            self.trouble = e

    def say(self, content):
        key = {"Idempotency-Key": secrets.token_hex(12)}
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                reply = self.client.post(self.path, {"content": content}, headers=key)
            except httpx.TransportError:
                self.statuses["broken"] = self.statuses.get("broken", 0) + 1
                reply = None
            if reply is not None:
                self.statuses[reply.status_code] = self.statuses.get(reply.status_code, 0) + 1
                if reply.status_code == 201:
                    self.said[content] = reply.json()["message"]["id"]
                    return
                assert reply.status_code in (409, 500, 503, 504), reply.text
            self.retries += 1
            time.sleep(0.05)
        raise AssertionError(f"never acknowledged: {content}, {self.statuses}")


@pytest.fixture
def senders(crowd, speaker, profile_id):
    """Six people talking at once."""
    made = []
    for _ in range(SENDERS):
        conversation = speaker.client.post("/conversations", {"profileId": profile_id}, expect=201).json()
        made.append(Sender(crowd, speaker.client.token, f"/conversations/{conversation['id']}/messages"))
    for sender in made:
        sender.start()
    yield made
    for sender in made:
        sender.ending.set()
        sender.join(90)


def finish(senders):
    for sender in senders:
        sender.ending.set()
    for sender in senders:
        sender.join(90)
        assert not sender.is_alive() and sender.trouble is None, sender.trouble
    return {content: id for sender in senders for content, id in sender.said.items()}


def progress(senders, n=3):
    """Wait until each has had n more messages acknowledged."""
    marks = [len(sender.said) + n for sender in senders]
    wait_for(lambda: all(len(s.said) >= mark or s.trouble for s, mark in zip(senders, marks)), "everybody to get on", 90)
    assert not [s.trouble for s in senders if s.trouble]


def check_stored(system, said):
    with Database(system) as database:
        stored = database.rows("SELECT content, array_agg(id::text), sum((SELECT count(*) FROM message r WHERE r.parent_id = m.id))"
                               " FROM message m WHERE role = 'user' AND content = ANY(%s) GROUP BY content", list(said))
    assert {content: ids for content, ids, _ in stored} == {content: [id] for content, id in said.items()}, "lost or stored twice"
    assert all(replies == 1 for *_, replies in stored), "a message without its one reply"


@pytest.mark.parametrize("part", ["digitalme-api", "digitalme-worker", "redis", "postgres"])
def test_kill_9_loses_no_acknowledged_message_and_doubles_none(arena, senders, part):
    progress(senders)
    for _ in range(6 if LONG else 1):
        arena.kill(part)
        arena.start(part)
        progress(senders)
    said = finish(senders)
    assert len(said) >= SENDERS * 6
    check_stored(arena, said)
    if part in ("redis", "digitalme-worker"):
        assert {status for sender in senders for status in sender.statuses} == {201}, "nobody may notice"


# By statement, so that no row is locked while it waits.
HOLD = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_query() LIKE 'UPDATE idempotency_key%status = $4%' THEN PERFORM pg_advisory_xact_lock(4711); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER hold BEFORE UPDATE ON idempotency_key FOR EACH STATEMENT EXECUTE FUNCTION hold();
SELECT pg_advisory_lock(4711)"""
HELD = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"


@pytest.fixture
def held_replies(arena):
    """Replies cannot be stored while this lasts: what a call has done is there, its reply is not."""
    with Database(arena) as database:
        database.rows(HOLD)
        yield database
        database.rows("SELECT pg_advisory_unlock_all(); DROP FUNCTION hold CASCADE")


@pytest.mark.parametrize("noun", ["profile", "message"])
def test_killed_between_the_effect_and_the_stored_reply_a_retry_makes_nothing_twice(arena, crowd, speaker, profile_id, held_replies, noun):
    conversation = speaker.client.post("/conversations", {"profileId": profile_id}, expect=201).json()["id"]
    name = secrets.token_hex(12)
    path, body = {"profile": ("/personality", bodies.profile(name=name)),
                  "message": (f"/conversations/{conversation}/messages", {"content": name})}[noun]
    key = {"Idempotency-Key": name}
    first, second, third = (crowd.client(token=speaker.client.token) for _ in range(3))

    def try_in_vain():
        with contextlib.suppress(httpx.TransportError):
            first.post(path, body, headers=key)
    trying = threading.Thread(target=try_in_vain)
    trying.start()
    holders = wait_for(lambda: held_replies.rows(HELD), "the effect to be there and the reply to be held", 30)
    assert second.post(path, body, headers=key, expect=409).headers["Retry-After"]
    arena.kill("digitalme-api")
    # The server would go on with the statement that it holds: it dies with the program.
    for pid, in holders:
        held_replies.rows("SELECT pg_terminate_backend(%s)", pid)
    wait_for(lambda: not held_replies.rows(HELD), "the statement to be gone", 30)
    trying.join(30)
    held_replies.rows("ALTER TABLE idempotency_key DISABLE TRIGGER hold")
    arena.start("digitalme-api")
    reply = third.post(path, body, headers=key, expect=201)
    assert "Idempotency-Replayed" not in reply.headers
    column = {"profile": "name", "message": "content"}[noun]
    stored = held_replies.rows(f"SELECT id::text FROM {noun} WHERE {column} = %s", name)
    document = reply.json()
    assert stored == [((document["message"] if noun == "message" else document)["id"],)]
    assert third.post(path, body, headers=key, expect=201).headers["Idempotency-Replayed"] == "true"


def test_kill_9_of_everything_in_turn_loses_nothing(arena, senders):
    progress(senders, 1)
    for part in ("postgres", "redis", "digitalme-api", "digitalme-worker", "postgres"):
        arena.kill(part)
        arena.start(part)
    progress(senders, 2)
    check_stored(arena, finish(senders))


def test_sigterm_under_load_answers_every_accepted_request(arena, senders):
    """With sockets that outlive the program, as systemd holds them, a restart is not noticed at all."""
    progress(senders)
    for _ in range(10 if LONG else 3):
        arena.restart("digitalme-api")
        progress(senders, 2)
    said = finish(senders)
    assert {status for sender in senders for status in sender.statuses} == {201}
    check_stored(arena, said)


def test_sigterm_ends_the_program_soon_although_it_is_idle(arena):
    start = time.monotonic()
    arena.stop("digitalme-api")
    assert time.monotonic() - start < 5
    assert '"stopped"' in arena.log_tail("digitalme-api", 3)


def test_without_a_program_the_proxy_says_503_and_when_to_come_again(system, nobody):
    """Here the program makes its sockets itself, so they go with it."""
    for end in (system.stop, system.kill):
        end("digitalme-api")
        nobody.site("GET", "/health/live", expect=503)
        nobody.post("/auth/login", {"email": "nobody@example.org", "password": "x"}, expect=503)
        system.start("digitalme-api")
        nobody.site("GET", "/health/live", expect=200)


def test_without_the_database_requests_get_503_at_once_and_all_heals_by_itself(arena, crowd, speaker, profile_id):
    client = crowd.client(token=speaker.client.token)
    client.get(f"/personality/{profile_id}", expect=200)
    arena.kill("postgres")
    client.get(f"/personality/{profile_id}", expect=503)  # the first may meet the broken connections
    slowest = 0
    for _ in range(30):
        start = time.monotonic()
        for method, path, body in (("GET", f"/personality/{profile_id}", {}), ("POST", "/personality", {"body": bodies.profile()}),
                                   ("GET", "/conversations", {})):
            reply = client.call(method, path, **body)
            assert reply.status_code == 503 and int(reply.headers["Retry-After"]) >= 1
        slowest = max(slowest, (time.monotonic() - start) / 3)
    assert slowest < 1.5
    client.post("/auth/login", {"email": speaker.email, "password": speaker.password}, expect=503)
    client.site("GET", "/health/live", expect=200)
    client.site("GET", "/health/ready", expect=503)
    assert client.site("GET", "/health", expect=503).json()["status"] == "fail"
    arena.start("postgres")
    pid = arena.pid("digitalme-api")
    wait_for(lambda: client.get(f"/personality/{profile_id}").status_code == 200, "the API to find the database again", 15)
    client.post("/personality", bodies.profile(), expect=201)
    assert arena.pid("digitalme-api") == pid


def test_a_database_that_hangs_costs_a_request_its_deadline_and_no_more(arena, crowd, speaker, profile_id):
    """SIGSTOP of the server's processes: connections stay open and nothing answers."""
    client = crowd.client(token=speaker.client.token)
    client.get(f"/personality/{profile_id}", expect=200)
    pid = arena.pid("postgres")
    stopped = [pid, *children_of(pid)]
    for one in stopped:
        os.kill(one, signal.SIGSTOP)
    try:
        for _ in range(3):
            start = time.monotonic()
            client.get(f"/personality/{profile_id}", expect=(503, 504))
            assert time.monotonic() - start < 4
        client.site("GET", "/health/live", expect=200)
    finally:
        for one in stopped:
            os.kill(one, signal.SIGCONT)
    wait_for(lambda: client.get(f"/personality/{profile_id}").status_code == 200, "the API to recover", 15)


def test_a_storm_of_log_ins_gets_answers_or_clean_503s_and_starves_nobody(people, alice, mara):
    """Far more passwords to hash than there are threads and places in the queue."""
    statuses = []

    def log_in():
        client = people.client()
        for _ in range(4):
            statuses.append(client.post("/auth/login", {"email": alice.email, "password": alice.password}).status_code)

    storm = [threading.Thread(target=log_in) for _ in range(40)]
    for thread in storm:
        thread.start()
    slowest = 0
    while any(thread.is_alive() for thread in storm):
        start = time.monotonic()
        alice.client.get(f"/personality/{mara['profileId']}", expect=200)
        slowest = max(slowest, time.monotonic() - start)
    for thread in storm:
        thread.join()
    assert len(statuses) == 160 and set(statuses) == {200, 503}, statuses
    assert slowest < 5


def test_a_new_cost_of_passwords_is_taken_over_at_the_next_log_in(arena, crowd):
    account = crowd.confirmed()
    with Database(arena) as database:
        stored = "SELECT password_hash FROM account WHERE email = %s"
        assert database.value(stored, account.email).startswith("$2b$10$")
        arena.settings["password.cost"] = "11"
        arena.prepare()
        arena.restart("digitalme-api")
        account.log_in()
        wait_for(lambda: database.value(stored, account.email).startswith("$2b$11$"), "the hash to be made anew", 10)
        account.log_in()


def test_both_programs_logs_are_whole_after_all_that(arena):
    for part in ("digitalme-api", "digitalme-worker"):
        for line in (arena.log_dir / f"{part}.log").read_text().splitlines():
            json.loads(line)
