"""The proxies' security fields, on each status that a client can meet, whoever made the answer: the program or the proxy itself."""
import contextlib
import os
import signal
import time
import uuid

import pytest

import bodies
from client import BASE, read_reply, tls_socket
from contract import SECURITY_HEADERS
from environment import PROXY
from people import SECRETS, People
from system import wait_for

pytestmark = pytest.mark.own_system
ABSENT = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def site(own_system):
    return own_system(settings={"limits.superadmin": "1/3600", "api_keys.max": "1"})


@pytest.fixture(scope="module")
def crowd(site, contract):
    people = People(site, contract)
    yield people
    people.close()


@pytest.fixture(scope="module")
def someone(crowd):
    return crowd.logged_in()


@pytest.fixture(scope="module")
def profile(someone):
    return someone.client.post("/personality", bodies.profile(), expect=201)


def over_the_limit(site, crowd):
    boss = crowd.confirmed()
    site.sql(f"UPDATE account SET role = 'SuperAdmin' WHERE email = '{boss.email}'")
    boss.log_in()
    boss.client.get("/auth/me")
    return boss.client.get("/auth/me", expect=429)


def reused_key(client):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    client.post("/personality", bodies.profile(), headers=key, expect=201)
    return client.post("/personality", bodies.profile(name="Another"), headers=key, expect=422)


def one_key_too_many(client):
    for _ in range(2):
        reply = client.post("/api-keys", {"name": "One", "scopes": ["personality:read"]}, expect=(201, 409))
        if reply.status_code == 201:
            SECRETS.add(reply.json()["key"])
    return reply


HEAD = b"Host: 127.0.0.1\r\nConnection: close\r\n"
OF_THE_PROGRAM = {
    200: lambda site, crowd, client, profile: client.get("/auth/me", expect=200),
    201: lambda site, crowd, client, profile: client.post("/personality", bodies.profile(), expect=201),
    202: lambda site, crowd, client, profile: client.post("/auth/resend-confirmation", {"email": "nobody@example.org"}, expect=202),
    204: lambda site, crowd, client, profile: client.site("OPTIONS", f"{BASE}/personality", expect=204),
    304: lambda site, crowd, client, profile: client.site("GET", profile.headers["Location"], headers={"If-None-Match": profile.headers["ETag"]}, expect=304),
    400: lambda site, crowd, client, profile: client.post("/personality", content=b"{", expect=400),
    401: lambda site, crowd, client, profile: crowd.client().get("/auth/me", expect=401),
    403: lambda site, crowd, client, profile: client.get("/admin/users", expect=403),
    404: lambda site, crowd, client, profile: client.get(f"/personality/{ABSENT}", expect=404),
    405: lambda site, crowd, client, profile: client.put("/auth/login", {}, expect=405),
    406: lambda site, crowd, client, profile: client.get("/auth/me", headers={"Accept": "image/png"}, expect=406),
    409: lambda site, crowd, client, profile: one_key_too_many(client),
    412: lambda site, crowd, client, profile: client.site("PATCH", profile.headers["Location"], {"name": "Stale"}, headers={"If-Match": '"999"'}, expect=412),
    413: lambda site, crowd, client, profile: client.post("/personality", {"name": "Big", "description": "x" * 120_000}, expect=(413, 422)),
    415: lambda site, crowd, client, profile: client.post("/personality", content=b"a=b", headers={"Content-Type": "text/plain"}, expect=415),
    422: lambda site, crowd, client, profile: client.post("/personality", {"name": ""}, expect=422),
    429: lambda site, crowd, client, profile: over_the_limit(site, crowd),
}


def assert_secured(headers):
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    for name in SECURITY_HEADERS:
        assert len(headers.get_list(name)) == 1, f"{name} twice"
    assert not any(c.isdigit() for c in headers.get("Server", "")), "which version answers is nobody's business"


@pytest.mark.parametrize("status", OF_THE_PROGRAM)
def test_the_programs_answers_have_the_fields(site, crowd, someone, profile, status):
    assert_secured(OF_THE_PROGRAM[status](site, crowd, someone.client, profile).headers)


def test_a_reused_key_has_the_fields(someone):
    assert_secured(reused_key(someone.client).headers)


# What the proxies say by themselves.

BY_THE_PROXY = {
    "a method in lower case": (b"get /api/versions HTTP/1.1\r\n" + HEAD + b"\r\n", {400}),
    "a path that is for the machine": (None, {403}),
    "a body that is too long": (b"POST /api/v1/personality HTTP/1.1\r\n" + HEAD + b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000, {413}),
    "a method that nobody knows": (b"TRACE /api/versions HTTP/1.1\r\n" + HEAD + b"\r\n", {405}),
}
if PROXY == "nginx":  # Caddy answers these in plain text before its configuration is asked: see docs/operations.md
    BY_THE_PROXY |= {
        "header fields that are too long": (b"GET /api/versions HTTP/1.1\r\n" + HEAD + b"X-Long: " + b"x" * 40_000 + b"\r\n\r\n", {431}),
        "a request line that is too long": (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", {414}),
        "what is no HTTP": (b"GET /\x00 HTTP/1.1\r\n" + HEAD + b"\r\n", {400}),
    }


@pytest.mark.parametrize("what", BY_THE_PROXY)
def test_the_proxys_own_answers_have_the_fields(site, crowd, what):
    request, expected = BY_THE_PROXY[what]
    if request is None:
        reply = crowd.client(address="127.0.0.99").site("GET", "/metrics", expect=403)
        assert_secured(reply.headers)
        return
    with tls_socket(site) as stream:
        with contextlib.suppress(OSError):  # the proxy may have heard enough before all is sent
            stream.sendall(request)
        status, headers, _ = read_reply(stream)
    assert status in expected
    assert_secured(headers)


def test_503_has_the_fields_whoever_says_it(site, crowd, someone):
    client = someone.client
    site.kill("postgres")
    try:
        assert_secured(client.get("/auth/me", expect=503).headers)  # the program
    finally:
        site.start("postgres")
    wait_for(lambda: client.get("/auth/me").status_code == 200, "the database to be used again", 30)
    site.stop("digitalme-api")
    try:
        assert_secured(client.get("/auth/me", expect=503).headers)  # the proxy
    finally:
        site.start("digitalme-api")


def test_504_has_the_fields(site, crowd, someone):
    """The program hangs: the proxy gives up after 15 s."""
    pid = site.pid("digitalme-api")
    os.kill(pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        reply = crowd.client(timeout_s=60).site("GET", "/api/versions", expect=504)
        assert time.monotonic() - start > 10
        assert_secured(reply.headers)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: someone.client.get("/auth/me").status_code == 200, "the program to answer again", 30)
