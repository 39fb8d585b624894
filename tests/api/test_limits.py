"""Rate limits: announced on each reply, kept for each caller apart, and never an open door or a 5xx when Redis is gone."""
import asyncio
import contextlib
import os
import re
import secrets
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from people import SECRETS, People
from system import fcgi_request, wait_for

pytestmark = pytest.mark.own_system
USER, ANONYMOUS, AUTH, MODEL, REFRESH = 12, 8, 6, 5, 4
# Long windows, so that no room comes back while a test runs.
TIGHT = {"limits.user": f"{USER}/3600", "limits.anonymous": f"{ANONYMOUS}/3600 1000/86400", "limits.auth": f"{AUTH}/3600",
         "limits.refresh": f"{REFRESH}/3600", "limits.model": f"{MODEL}/3600", "limits.cost_model": "1", "limits.superadmin": "3/2"}
addresses = (f"127.0.{n // 250 + 1}.{n % 250 + 1}" for n in range(5000))


@pytest.fixture(scope="module")
def tight(own_system):
    return own_system(settings=TIGHT)


@pytest.fixture(scope="module")
def crowd(tight, contract):
    people = People(tight, contract)
    yield people
    people.close()


@pytest.fixture
def stranger(crowd):
    """A client at an address of its own."""
    return crowd.client(address=next(addresses))


@pytest.fixture
def member(crowd):
    """An account, at an address of its own."""
    return crowd.logged_in(address=next(addresses))


def spend(call, most=60):
    """Call until the limit is met: how often it was let through, and the refusal."""
    for n in range(most):
        reply = call()
        if reply.status_code == 429:
            return n, reply
        assert reply.status_code < 500, reply.text
    raise AssertionError(f"no limit within {most} calls")


def windows(field):
    """{name: {parameter: value}} of a RateLimit or RateLimit-Policy field, a List of Strings with Integers (RFC 9651)."""
    found = {}
    for item in field.split(", "):
        name, *parameters = item.split(";")
        assert re.fullmatch(r'"[a-z0-9-]+"', name), field
        found[name.strip('"')] = {key: int(value) for key, value in (p.split("=") for p in parameters)}
    return found


def test_each_reply_tells_every_limit_and_what_is_left(stranger):
    first = stranger.site("GET", "/api/versions", expect=200).headers
    second = stranger.site("GET", "/api/versions", expect=200).headers
    assert windows(first["RateLimit-Policy"]) == {"hour": {"q": ANONYMOUS, "w": 3600}, "day": {"q": 1000, "w": 86400}}
    left = windows(first["RateLimit"])
    assert set(left) == {"hour", "day"} and left["hour"]["r"] == ANONYMOUS - 1 and left["day"]["r"] == 999
    assert 0 < left["hour"]["t"] <= 3600 / ANONYMOUS and 0 < left["day"]["t"] <= 87
    assert windows(second["RateLimit"])["hour"]["r"] == ANONYMOUS - 2 and windows(second["RateLimit"])["day"]["r"] == 998
    assert first["X-RateLimit-Limit"] == str(ANONYMOUS)
    assert int(first["X-RateLimit-Remaining"]) == ANONYMOUS - 1 and int(second["X-RateLimit-Remaining"]) == ANONYMOUS - 2
    assert 0 < int(first["X-RateLimit-Reset"]) <= 3600


def test_over_the_limit_is_429_with_retry_after(stranger):
    n, refusal = spend(lambda: stranger.site("GET", "/api/versions"))
    assert n == ANONYMOUS
    assert refusal.json()["type"] == "urn:digitalme:problem:rate-limited"
    assert 0 < int(refusal.headers["Retry-After"]) <= 3600 / ANONYMOUS and refusal.headers["X-RateLimit-Remaining"] == "0"
    # Retry-After is never earlier than the reset that the field tells of.
    left = windows(refusal.headers["RateLimit"])
    assert left["hour"]["r"] == 0 and left["hour"]["t"] == int(refusal.headers["Retry-After"])


def test_each_role_has_its_own_limit_and_after_retry_after_there_is_room_again(tight, crowd):
    account = crowd.confirmed(address=next(addresses))
    tight.sql(f"UPDATE account SET role = 'SuperAdmin' WHERE email = '{account.email}'")
    account.log_in()
    n, refusal = spend(lambda: account.client.get("/auth/me"))
    assert n >= 3 and refusal.headers["X-RateLimit-Limit"] == "3"
    time.sleep(int(refusal.headers["Retry-After"]))  # what the reply asks of a client
    account.client.get("/auth/me", expect=200)


def test_one_address_does_not_use_up_anothers_limit(stranger, crowd):
    spend(lambda: stranger.site("GET", "/api/versions"))
    crowd.client(address=next(addresses)).site("GET", "/api/versions", expect=200)


def test_what_a_client_says_of_its_address_does_not_count(stranger):
    spend(lambda: stranger.site("GET", "/api/versions"))
    for name in ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "X-Client-Ip", "Cf-Connecting-Ip", "Remote-Addr", "Remote_Addr"):
        stranger.site("GET", "/api/versions", headers={name: "198.51.100.1"}, expect=429)
    stranger.site("GET", "/api/versions", headers={"X-Forwarded-For": "198.51.100.1, 198.51.100.2"}, expect=429)


def test_what_a_client_says_of_its_address_uses_up_nobody_elses_limit(crowd):
    liar, victim = next(addresses), next(addresses)
    spend(lambda: crowd.client(address=liar).site("GET", "/api/versions", headers={"X-Forwarded-For": victim}))
    crowd.client(address=victim).site("GET", "/api/versions", expect=200)


def test_an_account_has_its_own_limit_wherever_it_comes_from(member, crowd):
    n, _ = spend(lambda: member.client.get("/auth/me"))
    assert n == USER
    crowd.client(address=next(addresses), token=member.client.token).get("/auth/me", expect=429)
    crowd.client(address=member.client.address).site("GET", "/api/versions", expect=200)


def test_log_ins_are_limited_by_address_with_and_without_a_token(member, crowd):
    attempt = {"email": crowd.address(), "password": crowd.password()}
    client = crowd.client(address=next(addresses))
    n, _ = spend(lambda: client.post("/auth/login", attempt))
    assert n == AUTH
    client.token = member.client.token
    client.post("/auth/login", attempt, expect=429)
    client.get("/auth/me", expect=200)


def refresh(client, token, expect):
    reply = client.post("/auth/refresh", {"refreshToken": token}, expect=expect)
    if reply.status_code == 200:
        SECRETS.update((reply.json()["accessToken"], reply.json()["refreshToken"]))
        return reply.json()["refreshToken"]
    return None


def test_refreshes_are_counted_for_their_session_and_not_for_the_address(tight, crowd):
    """A whole office behind one address refreshes, more often than its address may log in."""
    office = crowd.client(address=next(addresses))
    for _ in range(AUTH // 2):
        token = crowd.logged_in(address=next(addresses)).session["refreshToken"]
        for _ in range(REFRESH):
            token = refresh(office, token, 200)
        refusal = office.post("/auth/refresh", {"refreshToken": token}, expect=429)
        assert windows(refusal.headers["RateLimit-Policy"]) == {"refresh-hour": {"q": REFRESH, "w": 3600}}
        refresh(crowd.client(address=next(addresses)), token, 429)  # from elsewhere it is the same session
    office.post("/auth/login", {"email": crowd.address(), "password": crowd.password()}, expect=401)


def test_guessing_refresh_tokens_is_limited_by_address(crowd):
    client, token = crowd.client(address=next(addresses)), crowd.logged_in(address=next(addresses)).session["refreshToken"]
    n, refusal = spend(lambda: client.post("/auth/refresh", {"refreshToken": secrets.token_urlsafe(60)[:65]}))
    assert n == AUTH and "auth-hour" in windows(refusal.headers["RateLimit"])
    client.post("/auth/login", {"email": crowd.address(), "password": crowd.password()}, expect=429)
    refresh(crowd.client(address=next(addresses)), token, 200)


def test_guessing_tokens_is_limited(stranger):
    stranger.token = "a.b.c"
    n, _ = spend(lambda: stranger.get("/auth/me"))
    assert n == ANONYMOUS


def test_unknown_paths_count_too(stranger):
    n, _ = spend(lambda: stranger.get("/nothing"))
    assert n == ANONYMOUS


def test_messages_have_a_limit_of_their_own(member):
    client = member.client
    profile = client.post("/personality", {"name": "Quiet"}, expect=201).json()
    conversation = client.post("/conversations", {"profileId": profile["id"]}, expect=201).json()
    n, _ = spend(lambda: client.post(f"/conversations/{conversation['id']}/messages", {"content": "Hello"}))
    assert n == MODEL
    # Each has taken one of the account's own besides: USER - 2 - MODEL are left.
    n, _ = spend(lambda: client.get("/auth/me"))
    assert n == USER - 2 - MODEL


def test_a_refused_call_does_nothing(tight, member):
    spend(lambda: member.client.get("/auth/me"))
    member.client.post("/personality", {"name": "Too late"}, expect=429)
    assert tight.sql("SELECT count(*) FROM profile WHERE name = 'Too late'") == [["0"]]


def test_health_is_never_limited(stranger):
    for _ in range(ANONYMOUS * 2):
        assert "RateLimit" not in stranger.site("GET", "/health/live", expect=200).headers


def test_without_redis_the_limits_hold_and_nothing_fails(tight, crowd, member):
    """The fallback counts in the process: each of the callers still meets its limit, and no reply is a 5xx."""
    ended = crowd.logged_in(address=next(addresses))
    ended.client.post("/auth/logout", expect=204)
    tight.kill("redis")
    try:
        stranger = crowd.client(address=next(addresses))
        n, refusal = spend(lambda: stranger.site("GET", "/api/versions"))
        assert n == ANONYMOUS and int(refusal.headers["Retry-After"]) > 0
        n, _ = spend(lambda: member.client.get("/auth/me"))
        assert n == USER
        ended.client.get("/auth/me", expect=401)
        health = crowd.client(address=next(addresses)).site("GET", "/health", expect=200).json()
        assert health["status"] == "warn"
        assert {c["name"]: c["status"] for c in health["checks"]} == {"database": "pass", "redis": "fail"}
        crowd.client().site("GET", "/health/ready", expect=200)
        account = crowd.logged_in(address=next(addresses))
        account.client.post("/personality", {"name": "Made without Redis"}, expect=201)
    finally:
        tight.start("redis")
    probe = crowd.client()
    wait_for(lambda: probe.site("GET", "/health").json()["status"] == "pass", "Redis to be used again", 30)
    fresh = crowd.client(address=next(addresses))

    def shared():
        """Counting in Redis again: a key appears there."""
        fresh.site("GET", "/health/live", expect=200)
        fresh.site("GET", "/api/versions", expect=(200, 429))
        return redis.Redis(unix_socket_path=str(tight.redis_socket)).dbsize() > 0
    wait_for(shared, "limits to be counted in Redis again", 30)
    ended.client.get("/auth/me", expect=401)


def test_a_redis_that_hangs_delays_a_request_and_no_more(tight, crowd):
    """SIGSTOP: connections stay open and nothing answers."""
    client = crowd.client(address=next(addresses))
    pid = tight.pid("redis")
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(ANONYMOUS):
            start = time.monotonic()
            reply = client.site("GET", "/api/versions")
            assert reply.status_code == 200 and time.monotonic() - start < 3
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: client.site("GET", "/health").json()["status"] == "pass", "Redis to answer again", 30)



def test_http_1_and_2_share_one_limit(crowd):
    address = next(addresses)
    second = crowd.client(address=address, http2=True)
    spend(lambda: second.site("GET", "/api/versions"))
    crowd.client(address=address).site("GET", "/api/versions", expect=429)


# What repeated excess, costs and shadows do: a system of its own.

BLOCK_AFTER, BLOCK_S = 3, 2
BLOCKING = {"limits.anonymous": "2/1", "limits.user": "20/3600", "limits.model": "100/3600", "limits.cost_model": "5", "limits.cost_write": "2",
            "limits.admin": "1/3", "limits.block_after": str(BLOCK_AFTER), "limits.block_s": str(BLOCK_S)}


@pytest.fixture(scope="module")
def blocking(own_system):
    return own_system(settings=BLOCKING)


@pytest.fixture(scope="module")
def blocked_crowd(blocking, contract):
    people = People(blocking, contract)
    yield people
    people.close()


def metric(system, **labels):
    """The count of the series with these labels."""
    text = fcgi_request(system.door("api"), uri="/metrics")[2].decode()
    names = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return int(re.search(rf"^digitalme_limited_total\{{{names}\}} (\d+)$", text, re.M).group(1))


def test_retry_after_is_right_to_the_second(blocking, blocked_crowd):
    """Served when it has been waited for; a second earlier, not."""
    account = blocked_crowd.confirmed(address=next(addresses))
    blocking.sql(f"UPDATE account SET role = 'Admin' WHERE email = '{account.email}'")
    account.log_in()
    before = time.monotonic()
    account.client.get("/auth/me", expect=200)
    refusal = account.client.get("/auth/me", expect=429)
    assert refusal.headers["Retry-After"] == "3"
    after = time.monotonic()
    time.sleep(max(0, before + 3 - 1 - 0.1 - time.monotonic()))
    account.client.get("/auth/me", expect=429)
    time.sleep(max(0, after + 3 - time.monotonic()))
    account.client.get("/auth/me", expect=200)


def test_refused_again_and_again_is_blocked_for_a_while(blocking, blocked_crowd):
    client = blocked_crowd.client(address=next(addresses))
    blocked_before = metric(blocking, **{"class": "read", "outcome": "blocked"})
    replies = [client.site("GET", "/api/versions") for _ in range(2)]
    while len([r for r in replies if r.status_code == 429]) < BLOCK_AFTER + 4:
        replies.append(client.site("GET", "/api/versions"))
    waits = [r.headers["Retry-After"] for r in replies if r.status_code == 429]
    # The window would have room after half a second; from the third refusal on it is the block that counts.
    assert waits[:BLOCK_AFTER - 1] == ["1"] * (BLOCK_AFTER - 1) and set(waits[BLOCK_AFTER - 1:]) == {str(BLOCK_S)}
    assert metric(blocking, **{"class": "read", "outcome": "blocked"}) == blocked_before + 5
    last = replies[-1]
    assert windows(last.headers["RateLimit"])["second"] == {"r": 0, "t": BLOCK_S}
    ids = {r.headers["X-Correlation-Id"]: r.status_code for r in replies}
    log = (blocking.log_dir / "digitalme-api.log").read_text()
    assert all((name in log) == (status != 429 or name in list(ids)[:2 + BLOCK_AFTER - 1]) for name, status in ids.items())
    blocked_crowd.client(address=next(addresses)).site("GET", "/api/versions", expect=200)
    time.sleep(BLOCK_S)  # what the reply asks of a client
    client.site("GET", "/api/versions", expect=200)


def test_classes_cost_what_the_configuration_says(blocked_crowd):
    client = blocked_crowd.logged_in(address=next(addresses)).client

    def left(reply):
        return windows(reply.headers["RateLimit"])["hour"]["r"]
    assert left(client.get("/auth/me", expect=200)) == 19
    profile = client.post("/personality", {"name": "Dear"}, expect=201)
    assert left(profile) == 17
    conversation = client.post("/conversations", {"profileId": profile.json()["id"]}, expect=201)
    assert left(conversation) == 15
    said = client.post(f"/conversations/{conversation.json()['id']}/messages", {"content": "Hello"}, expect=201)
    assert left(said) == 10 and windows(said.headers["RateLimit"])["model-hour"]["r"] == 99


def test_a_shadow_counts_what_would_have_been_refused_and_refuses_nobody(own_system, contract):
    system = own_system(settings={"limits.anonymous": "3/3600", "limits.mode": "shadow", "limits.block_after": "4"})
    people = People(system, contract)
    client = people.client(address=next(addresses))
    replies = [client.site("GET", "/api/versions", expect=200) for _ in range(10)]
    assert not any("RateLimit" in r.headers or "RateLimit-Policy" in r.headers for r in replies)
    assert metric(system, **{"class": "read", "outcome": "shadowed"}) == 7
    assert metric(system, **{"class": "read", "outcome": "refused"}) == metric(system, **{"class": "read", "outcome": "blocked"}) == 0
    log = (system.log_dir / "digitalme-api.log").read_text()
    assert log.count('"digitalme.limit.outcome":"shadowed","digitalme.limit.class":"read"') == 7
    people.close()


# Exact under many at once.

CONNECTIONS = 512
REQUEST = b"GET /api/versions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


async def ask_all_at_once(system, address, n):
    """n TLS connections from the address, all open before the first asks: the statuses, None for a connection that was lost."""
    context = system.ssl_context()
    started = asyncio.Event()
    ready = asyncio.Semaphore(0)

    async def one(gate):
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", system.port, ssl=context, local_addr=(address, 0))
        ready.release()
        await started.wait()
        writer.write(REQUEST)
        line = await asyncio.wait_for(reader.readline(), 60)
        writer.close()
        return int(line.split()[1]) if line else None

    gate = asyncio.Semaphore(64)
    tasks = [asyncio.create_task(one(gate)) for _ in range(n)]
    for _ in range(n):
        await ready.acquire()
    started.set()
    return [task.result() if not task.exception() else None for task in (await asyncio.wait(tasks))[0]]


@pytest.mark.parametrize("limit", [CONNECTIONS, 300])
def test_512_connections_from_one_address_get_exactly_the_limit(own_system, limit):
    """Under it none is lost; over it exactly as many are served as it holds."""
    system = own_system(settings={"limits.anonymous": f"{limit}/86400"})
    statuses = asyncio.run(ask_all_at_once(system, next(addresses), CONNECTIONS))
    assert statuses.count(200) == limit and statuses.count(429) == CONNECTIONS - limit


@contextlib.contextmanager
def second_api(system):
    """Another digitalme-api on the same database and Redis; its api door."""
    door = system.run_dir / "api2.sock"
    env = {**os.environ, "DIGITALME_SERVER_API_SOCKET": str(door), "DIGITALME_SERVER_STREAM_SOCKET": str(system.run_dir / "stream2.sock"),
           "DIGITALME_SERVER_INSTANCE_ID": "second"}
    with open(system.log_dir / "digitalme-api-2.log", "ab") as log:
        child = subprocess.Popen([system.program("digitalme-api"), "--config", system.config_file], env=env, stdout=log, stderr=log)
    try:
        def serves():
            with contextlib.suppress(OSError):
                return fcgi_request(door, uri="/health/ready")[0] == 200
        wait_for(serves, "the second API to serve")
        yield door
    finally:
        child.terminate()
        assert child.wait(30) == 0


def test_two_instances_share_one_limit_exactly(own_system):
    system = own_system(settings={"limits.anonymous": "150/86400"})
    with second_api(system) as second, ThreadPoolExecutor(48) as pool:
        doors = [system.door("api"), second] * 200
        replies = list(pool.map(lambda door: fcgi_request(door, uri="/api/versions", params={"REMOTE_ADDR": "192.0.2.1"}, timeout_s=60), doors))
    served = [headers["X-Instance-Id"] for status, headers, _ in replies if status == 200]
    assert len(served) == 150 and len(set(served)) == 2
    assert sum(status == 429 for status, _, _ in replies) == 250


# Redis goes and comes back while many ask.

class Caller(threading.Thread):
    """Asks without a pause, each time from another address; keeps the statuses."""

    def __init__(self, system):
        super().__init__()
        self.system = system
        self.statuses = []
        self.slowest_s = 0
        self.over = threading.Event()

    def run(self):
        n = 0
        while not self.over.is_set():
            n += 1
            start = time.monotonic()
            params = {"REMOTE_ADDR": f"2001:db8:{id(self) % 65536:x}:{n % 65536:x}::1"}
            self.statuses.append(fcgi_request(self.system.door("api"), uri="/api/versions", params=params, timeout_s=30)[0])
            self.slowest_s = max(self.slowest_s, time.monotonic() - start)


@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_redis_goes_under_load_and_comes_back_and_no_request_fails(tight, way):
    store = redis.Redis(unix_socket_path=str(tight.redis_socket))
    callers = [Caller(tight) for _ in range(8)]
    for caller in callers:
        caller.start()

    def all_asked(more):
        marks = [len(caller.statuses) + more for caller in callers]
        wait_for(lambda: all(len(caller.statuses) >= mark for caller, mark in zip(callers, marks)), "all callers to be answered", 60)
    try:
        all_asked(20)
        pid = tight.pid("redis")
        if way == "killed":
            tight.kill("redis")
        else:
            os.kill(pid, signal.SIGSTOP)
        degraded = degraded_count(tight)
        all_asked(50)
        assert degraded_count(tight) > degraded
        if way == "killed":
            tight.start("redis")
        else:
            os.kill(pid, signal.SIGCONT)
        wait_for(lambda: any(b"2001:db8" in key for key in store.scan_iter(match="dm:limit:address:2001:db8*", count=1000)),
                 "limits to be counted in Redis again", 30)
        all_asked(20)
    finally:
        for caller in callers:
            caller.over.set()
        for caller in callers:
            caller.join()
        if way == "frozen":
            os.kill(pid, signal.SIGCONT)
        tight.start("redis")
    statuses = [status for caller in callers for status in caller.statuses]
    assert set(statuses) == {200}
    assert max(caller.slowest_s for caller in callers) < 5


def degraded_count(system):
    text = fcgi_request(system.door("api"), uri="/metrics", timeout_s=30)[2].decode()
    return int(re.search(r"^digitalme_gate_degraded_total (\d+)$", text, re.M).group(1))
