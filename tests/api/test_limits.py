"""Rate limits: announced on each reply, kept for each caller apart, and never an open door or a 5xx when Redis is gone."""
import os
import re
import signal
import time

import pytest
import redis

from people import People
from system import wait_for

pytestmark = pytest.mark.own_system
USER, ANONYMOUS, AUTH, MODEL = 12, 8, 6, 5
# Long windows, so that no room comes back while a test runs.
TIGHT = {"limits.user": f"{USER}/3600", "limits.anonymous": f"{ANONYMOUS}/3600 1000/86400", "limits.auth": f"{AUTH}/3600",
         "limits.model": f"{MODEL}/3600", "limits.superadmin": "3/2"}
addresses = (f"127.0.1.{n}" for n in range(1, 255))


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


def test_each_reply_tells_the_limit_and_what_is_left(stranger):
    first = stranger.site("GET", "/api/versions", expect=200).headers
    second = stranger.site("GET", "/api/versions", expect=200).headers
    assert re.fullmatch(rf'"default";q={ANONYMOUS};w=3600', first["RateLimit-Policy"])
    assert re.fullmatch(rf'"default";r={ANONYMOUS - 1};t=\d+', first["RateLimit"])
    assert first["X-RateLimit-Limit"] == str(ANONYMOUS)
    assert int(first["X-RateLimit-Remaining"]) == ANONYMOUS - 1 and int(second["X-RateLimit-Remaining"]) == ANONYMOUS - 2
    assert 0 < int(first["X-RateLimit-Reset"]) <= 3600


def test_over_the_limit_is_429_with_retry_after(stranger):
    n, refusal = spend(lambda: stranger.site("GET", "/api/versions"))
    assert n == ANONYMOUS
    assert refusal.json()["type"] == "urn:digitalme:problem:rate-limited"
    assert 0 < int(refusal.headers["Retry-After"]) <= 3600 and refusal.headers["X-RateLimit-Remaining"] == "0"


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
    for name in ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip"):
        stranger.site("GET", "/api/versions", headers={name: "198.51.100.1"}, expect=429)


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
    client.get("/auth/me", expect=200)


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
