"""Bad input of every kind to every row: a problem document each time, nothing half done, and the service answers on."""
import contextlib
import json
import secrets
import socket
import time

import pytest

import bodies
from client import BASE, read_reply, tls_socket, violations
from environment import PROXY, contract
from system import fcgi_request, wait_for

WITH_BODY = [o for o in contract().operations if o.request_schema()]
each_row = pytest.mark.parametrize("operation", WITH_BODY, ids=lambda o: o.id)


@pytest.fixture
def unharmed(database, nobody):
    """Nothing was written, and the service answers on."""
    before = database.counts()
    yield
    assert database.counts() == before
    nobody.site("GET", "/health/live", expect=200)


@pytest.fixture
def caller(client, superadmin):
    """The client of one who may: caller(operation)."""
    return lambda operation: superadmin.client if operation.role else client


@pytest.fixture
def send(caller, ids):
    """Send raw bytes to a row as one who may."""
    def call(operation, content, **headers):
        return caller(operation).site(operation.method, operation.path_with(ids), content=content, headers=headers or None)
    return call


# What is no JSON document at all.

NOT_JSON = {
    "cut": b'{"name": "x"', "two documents": b"{} {}", "single quotes": b"{'name': 'x'}", "trailing comma": b'{"name": "x",}',
    "comment": b'{} // fine', "bare word": b"nope", "NaN": b'{"age": NaN}', "leading zero": b'{"age": 012}', "plus": b'{"age": +1}',
    "control character": b'{"name": "a\nb"}', "byte order mark": b"\xef\xbb\xbf{}", "bad escape": rb'{"name": "\x"}',
    "not UTF-8": b'{"name": "\xff\xfe"}', "overlong UTF-8": b'{"name": "\xc0\xaf"}', "surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"), "lone surrogate escape": rb'{"name": "\ud800"}', "NUL": b'{"name": "a\x00b"}',
    "escaped NUL": rb'{"name": "a\u0000b"}', "NUL after": b'{}\x00', "white space only": b"  \n ",
    "duplicate keys": b'{"name": "x", "name": "y"}', "duplicate keys by escape": rb'{"name": "x", "n\u0061me": "y"}',
    "duplicate keys deep": b'{"communicationStyle": {"a": 1, "a": 2}}',
}


@each_row
@pytest.mark.parametrize("kind", NOT_JSON)
def test_what_is_not_json_is_400(unharmed, send, operation, kind):
    reply = send(operation, NOT_JSON[kind])
    assert reply.status_code == 400 and reply.json()["type"] == "urn:digitalme:problem:syntax"


@each_row
def test_no_body_where_one_is_due_is_400(unharmed, send, operation):
    assert send(operation, b"").status_code == 400
    assert send(operation, None).status_code == 400


@each_row
@pytest.mark.parametrize("levels", [33, 2000, 60000])
def test_too_deep_is_413(unharmed, send, operation, levels):
    assert send(operation, b'{"name":' + b"[" * levels + b"]" * levels + b"}").status_code == 413


@each_row
def test_over_128_kib_is_413(unharmed, send, operation):
    body = bodies.valid(operation, {"profileId": "x", "conversationId": "x"})
    padded = json.dumps(body).encode()
    padded += b" " * (128 * 1024 + 1 - len(padded))
    reply = send(operation, padded)
    assert reply.status_code == 413 and reply.json()["type"] == "urn:digitalme:problem:too-big"


@each_row
@pytest.mark.parametrize("size", [200_000, 3_000_000])
def test_far_over_128_kib_is_413(unharmed, nobody, system, caller, ids, operation, size):
    """A proxy may answer before it has read all, and end the connection."""
    with tls_socket(system) as stream:
        head = (f"{operation.method} {operation.path_with(ids)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                f"Authorization: Bearer {caller(operation).token}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n")
        stream.sendall(head.encode())
        with contextlib.suppress(OSError):
            stream.sendall(b" " * size)
        reply = read_reply(stream)
    assert reply is None or reply[0] == 413
    if reply:
        nobody.contract.check(operation.method, operation.path_with(ids), *reply)


@each_row
@pytest.mark.parametrize("media", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                                   "application/json; charset=latin-1", "application/jsonp", "application/xml", "json", ""],
                         ids=lambda m: repr(m))
def test_another_content_type_is_415(unharmed, caller, ids, operation, media):
    body = json.dumps(bodies.valid(operation, ids)).encode()
    reply = caller(operation).site(operation.method, operation.path_with(ids), content=body, headers={"Content-Type": media})
    assert reply.status_code == 415


def test_json_content_types_are_taken(nobody):
    for media in ("application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\""):
        nobody.post("/auth/resend-confirmation", {"email": "nobody@example.org"}, headers={"Content-Type": media}, expect=202)


# JSON, but not what the shape says. Everything below is drawn from the request's schema, so a new row is tested as it comes.

def schema_of(operation):
    return contract().resolve(operation.request_schema())


@each_row
@pytest.mark.parametrize("document", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_a_document_that_is_no_object_is_422(unharmed, send, operation, document):
    assert violations(send(operation, document)) == {"": "type"}


@each_row
def test_unknown_members_are_422_with_their_pointers(unharmed, send, ids, operation):
    body = {**bodies.valid(operation, ids), "surprise": 1, "a/b~c": 2, "__proto__": {}}
    assert violations(send(operation, json.dumps(body).encode())) == {"/surprise": "unknown", "/a~1b~0c": "unknown", "/__proto__": "unknown"}


@pytest.mark.parametrize("operation", [o for o in WITH_BODY if schema_of(o).get("required")], ids=lambda o: o.id)
def test_missing_members_are_422_with_their_pointers(unharmed, send, operation):
    required = schema_of(operation)["required"]
    assert violations(send(operation, b"{}")) == {f"/{name}": "required" for name in required}


def wrong(schema):
    """Values that a member with this schema must not have, each with the code it is told by."""
    if "anyOf" in schema:  # in a patch: or null
        schema = next(one for one in schema["anyOf"] if one != {"type": "null"})
    schema = contract().resolve(schema)
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    examples = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "object": {}, "array": []}
    for name, value in examples.items():
        if name != kind and (kind, name) != ("number", "integer"):
            yield value, "type"
    if kind == "string":
        if "maxLength" in schema:
            yield "x" * (schema["maxLength"] + 1), "too_long"
        if schema.get("minLength"):
            yield "x" * (schema["minLength"] - 1), "too_short"
        if "enum" in schema:
            yield "no such choice", "choice"
        if schema.get("format") in ("uuid", "email", "date-time"):
            yield "not of that form", "format"
        if schema.get("format") != "password":
            yield "bell\u0007", None
    if "maximum" in schema:
        yield schema["maximum"] + 1, "out_of_range"
    if "minimum" in schema:
        yield schema["minimum"] - 1, "out_of_range"
    if "maxItems" in schema:
        yield [None] * (schema["maxItems"] + 1), None


FIELDS = [(operation, name) for operation in WITH_BODY for name in schema_of(operation)["properties"]]


@pytest.mark.parametrize("operation,name", FIELDS, ids=lambda v: getattr(v, "id", v))
def test_a_member_of_another_type_or_out_of_its_range_is_422(unharmed, send, ids, operation, name):
    tried = 0
    for value, code in wrong(schema_of(operation)["properties"][name]):
        body = {**bodies.valid(operation, ids), name: value}
        found = violations(send(operation, json.dumps(body).encode()))
        where = [pointer for pointer in found if pointer == f"/{name}" or pointer.startswith(f"/{name}/")]
        assert where and len(where) == len(found), (value, found)
        assert code is None or found.get(f"/{name}") == code, (value, found)
        tried += 1
    assert tried >= 4


@pytest.mark.parametrize("operation,name", [(o, n) for o, n in FIELDS if n in schema_of(o).get("required", [])],
                         ids=lambda v: getattr(v, "id", v))
def test_null_for_a_required_member_is_422(unharmed, send, ids, operation, name):
    body = {**bodies.valid(operation, ids), name: None}
    assert list(violations(send(operation, json.dumps(body).encode()))) == [f"/{name}"]


def test_a_refusal_never_repeats_the_value(unharmed, nobody):
    secret = "s3cret-" + secrets.token_hex(8)
    reply = nobody.post("/auth/login", {"email": secret, "password": [secret], secret[:3]: 1})
    assert reply.status_code == 422 and secret not in reply.text


# Where and how.

@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/personality", "/", "/api/v1/personality/",
                                  "/api/v1//personality", "/api/v1/personality/not-a-uuid", "/api/v1/personality/../auth/me",
                                  "/api/v1/%70ersonality", "/API/v1/personality", "/.git/config", "/api/v1/personality/%00",
                                  "/api/v1/conversations/1/messages", "/api/v1/personality/" + "a" * 2000, "/.digitalme-problem"])
def test_an_unknown_route_is_404(unharmed, system, contract, path):
    """Sent as it stands: a library would tidy some of these."""
    with tls_socket(system) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        status, headers, body = read_reply(stream)
    # A dot segment or an escape may be resolved by the proxy (RFC 3986 §6): then it is the route that it names.
    resolved = "%70" in path or ".." in path
    assert status == 404 or (resolved and status == 401) or ("%00" in path and status == 400), status
    contract.check("GET", "/unknown", status, headers, body)


@pytest.mark.parametrize("path", sorted({o.path for o in contract().operations}))
def test_a_method_the_path_does_not_know_is_405_with_allow(unharmed, client, ids, path):
    known = {o.method for o in contract().operations if o.path == path}
    real = path
    for name, value in ids.items():
        real = real.replace("{" + name + "}", value)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known:
        reply = client.site(method, real)
        assert reply.status_code == 405, (method, reply.text)
        allowed = set(reply.headers["Allow"].split(", "))
        assert allowed == known | {"OPTIONS"} | ({"HEAD"} if "GET" in known else set())
    options = client.site("OPTIONS", real, expect=204)
    assert set(options.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "BREW", "get"])
def test_a_strange_method_is_refused(unharmed, system, method):
    with tls_socket(system) as stream:
        stream.sendall(f"{method} /api/v1/personality HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        reply = read_reply(stream)
    assert reply is None or reply[0] in (400, 405, 501)


def test_a_body_where_none_is_taken_is_400(unharmed, client):
    client.call("GET", "/personality", content=b"{}", expect=400)
    client.call("POST", "/auth/logout", content=b"{}", expect=400)
    client.get("/auth/me", expect=200)


def test_an_unacceptable_accept_is_406(unharmed, client):
    for accept in ("text/html", "image/*", "application/json;q=0"):
        client.get("/personality", headers={"Accept": accept}, expect=406)
    for accept in ("*/*", "application/*", "text/html, application/json;q=0.1", "application/problem+json", ""):
        client.get("/personality", headers={"Accept": accept}, expect=200)


def test_unknown_query_members_are_422(unharmed, client, mara):
    assert violations(client.get(f"/personality/{mara['profileId']}?verbose=1")) == {"/verbose": "unknown"}


@pytest.mark.parametrize("n", [200, 10_000])
def test_headers_without_end_are_refused_and_the_service_answers_on(unharmed, system, contract, n):
    with tls_socket(system) as stream:
        lines = "".join(f"X-Header-{i}: {'v' * 200}\r\n" for i in range(n))
        request = f"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{lines}\r\n"
        with contextlib.suppress(OSError):
            stream.sendall(request.encode())
        reply = read_reply(stream)
    assert reply is None or 400 <= reply[0] < 500, reply
    if reply and PROXY == "nginx":  # Caddy's HTTP library answers with words of its own, before its configuration has a say
        contract.check("GET", "/health/live", *reply)


def test_one_huge_header_is_refused(unharmed, system):
    with tls_socket(system) as stream:
        request = f"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: {'c' * 200_000}\r\n\r\n"
        with contextlib.suppress(OSError):
            stream.sendall(request.encode())
        reply = read_reply(stream)
    assert reply is None or 400 <= reply[0] < 500


def test_a_header_never_becomes_a_param_of_the_program(unharmed, system, client):
    """What the proxy must not pass on: a client would set the program's own params."""
    reply = client.get("/personality", headers={"Proxy": "http://evil.example", "Remote-Addr": "1.2.3.4", "Request-Method": "DELETE",
                                                "Content-Length": "0"}, expect=200)
    assert reply.json()["items"]


# Connections that break.

def partial_post(client, path, announced, sent, correlation_id):
    return (f"POST {BASE}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {client.token}\r\nContent-Type: application/json\r\n"
            f"X-Correlation-Id: {correlation_id}\r\nContent-Length: {announced}\r\n\r\n").encode() + sent


def test_a_truncated_body_does_nothing(unharmed, system, client):
    body = json.dumps(bodies.profile()).encode()
    for sent in (b"", body[:10], body[:-1]):
        with tls_socket(system) as stream:
            stream.sendall(partial_post(client, "/personality", len(body), sent, "truncated"))
            with contextlib.suppress(OSError):  # it may be answered before we have said good-bye
                stream.unwrap()


def test_a_body_shorter_than_announced_is_400_at_the_programs_own_door(unharmed, system, client):
    body = json.dumps(bodies.profile()).encode()
    status, _, reply = fcgi_request(system.door("api"), "POST", "/api/v1/personality", body[:-5], {
        "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json", "HTTP_AUTHORIZATION": f"Bearer {client.token}"})
    assert status == 400 and json.loads(reply)["type"] == "urn:digitalme:problem:truncated"


@pytest.mark.parametrize("length", ["-1", "abc", "99999999999999999999", "1e3", " "])
def test_a_content_length_that_is_no_number_is_refused_at_the_programs_own_door(unharmed, system, client, length):
    status, _, _ = fcgi_request(system.door("api"), "POST", "/api/v1/personality", b"{}", {
        "CONTENT_LENGTH": length, "CONTENT_TYPE": "application/json", "HTTP_AUTHORIZATION": f"Bearer {client.token}"})
    assert status in (400, 413)


def test_a_client_that_goes_away_and_comes_again_finds_its_work_done_once(system, client, nobody, database):
    """Whether the first try was served, dropped or still waits: with its key the second ends with exactly one profile."""
    name = "Gone " + secrets.token_hex(4)
    body = json.dumps(bodies.profile(name=name)).encode()
    keys = [secrets.token_hex(8) for _ in range(10)]
    for key in keys:
        with tls_socket(system) as stream:
            request = partial_post(client, "/personality", len(body), body, "gone")
            stream.sendall(request.replace(b"Content-Type", f"Idempotency-Key: {key}\r\nContent-Type".encode(), 1))
    made = set()
    for key in keys:
        reply = wait_for(lambda key=key: (r := client.post("/personality", content=body, headers={"Idempotency-Key": key},
                                                           expect=(201, 409))).status_code == 201 and r, "the first try to end", 20)
        made.add(reply.json()["id"])
    assert len(made) == 10
    assert {id for id, in database.rows("SELECT id::text FROM profile WHERE name = %s", name)} == made
    nobody.site("GET", "/health/live", expect=200)


def test_slow_and_silent_clients_keep_nobody_waiting(unharmed, system, client, nobody):
    idle = [tls_socket(system) for _ in range(80)]
    try:
        for stream in idle[::2]:
            stream.sendall(partial_post(client, "/personality", 1000, b"{", "slow"))
        start = time.monotonic()
        nobody.site("GET", "/health/ready", expect=200)
        assert time.monotonic() - start < 5
    finally:
        for stream in idle:
            stream.close()


def test_a_connection_that_only_says_hello_to_the_door_does_not_stop_the_program(unharmed, system, nobody):
    for junk in (b"", b"\x00" * 8, b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 4096, b"\x01\x01\x00\x01\x00\x08\x00\x00"):
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(str(system.door("api")))
            door.sendall(junk)
    nobody.site("GET", "/health/ready", expect=200)
