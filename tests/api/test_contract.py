"""The contract itself: the document, the fields that every reply has, TLS, HTTP/2, and that no row went untested. What each reply must
look like is checked at each request of each test, in contract.py."""
import socket
import ssl
import subprocess

import pytest

import bodies
from client import BASE, read_reply, tls_socket
from environment import CTL, contract as the_contract
from system import ROOT, fcgi_request

ROUTES = [("none", "GET", "/health"), ("none", "GET", "/.well-known/jwks.json"), ("none", "GET", "/api/versions"),
          ("none", "GET", f"{BASE}/openapi.json"), ("loopback", "GET", "/metrics"), ("none", "GET", "/health/ready"),
          ("none", "GET", "/health/live"), ("none", "POST", f"{BASE}/auth/register"), ("none", "POST", f"{BASE}/auth/confirm-email"),
          ("none", "POST", f"{BASE}/auth/resend-confirmation"), ("none", "POST", f"{BASE}/auth/login"),
          ("none", "POST", f"{BASE}/auth/refresh"), ("jwt", "POST", f"{BASE}/auth/logout"), ("jwt", "GET", f"{BASE}/auth/me"),
          ("user", "GET", f"{BASE}/personality"), ("user", "POST", f"{BASE}/personality"),
          *(("user", method, f"{BASE}/personality/{{profileId}}") for method in ("GET", "PUT", "PATCH", "DELETE")),
          *(("user", method, f"{BASE}/personality/{{profileId}}/{noun}") for noun in ("traits", "patterns", "memories")
            for method in ("GET", "POST")),
          ("user", "GET", f"{BASE}/conversations"), ("user", "POST", f"{BASE}/conversations"),
          ("user", "GET", f"{BASE}/conversations/{{conversationId}}"),
          ("user", "GET", f"{BASE}/conversations/{{conversationId}}/messages"),
          ("user", "POST", f"{BASE}/conversations/{{conversationId}}/messages"), ("user", "POST", "/api/chat/send")]


@pytest.mark.parametrize("auth,method,path", ROUTES)
def test_each_promised_route_is_there_with_the_promised_auth(ctl, contract, auth, method, path):
    operation = contract.find(method, path)
    assert operation and operation.path == path
    assert operation.secured == (auth in ("user", "jwt"))
    lines = [line.split() for line in ctl("routes").stdout.splitlines()]
    assert [line[2] for line in lines if line[:2] == [method, path]] == [auth]


def test_the_committed_document_is_the_one_the_program_prints():
    printed = subprocess.run([CTL, "openapi"], capture_output=True, check=True, text=True).stdout
    assert (ROOT / "docs" / "openapi.json").read_text() == printed, "run: digitalmectl openapi > docs/openapi.json"


def test_the_document_is_openapi_3_1_with_sound_references(contract):
    document = contract.document
    assert document["openapi"].startswith("3.1")
    assert len({o.id for o in contract.operations}) == len(contract.operations)

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                contract.resolver.resolve(node["$ref"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)
    walk(document)


@pytest.mark.parametrize("operation", the_contract().operations, ids=lambda o: o.id)
def test_each_operation_says_what_it_does_and_how_it_fails(contract, operation):
    row = operation.row
    assert row["summary"] and "default" in row["responses"]
    assert [p["name"] for p in map(contract.resolve, row["parameters"]) if p["in"] == "path"] == operation.params
    if operation.secured:
        assert "401" in row["responses"] and row["security"]
    if operation.request_schema():
        assert {"400", "413", "415", "422"} <= set(row["responses"])


@pytest.mark.parametrize("noun", ["profile", "full_profile", "trait", "pattern", "memory", "registration"])
def test_our_own_valid_bodies_are_valid_by_the_document(contract, noun):
    schemas = {"profile": "ProfileWrite", "full_profile": "ProfileWrite", "trait": "TraitWrite", "pattern": "PatternWrite",
               "memory": "MemoryWrite", "registration": "Registration"}
    contract._validate("", getattr(bodies, noun)(), {"$ref": f"#/components/schemas/{schemas[noun]}"})


# Fields of every reply.

def test_a_correlation_id_comes_back_as_it_was_sent(nobody):
    for given in ("a", "A-1_2.3", "x" * 128):
        assert nobody.site("GET", "/health/live", headers={"X-Correlation-Id": given}).headers["X-Correlation-Id"] == given


@pytest.mark.parametrize("given", ["x" * 129, "two words", "semi;colon", "quo\"te", "é".encode("latin-1"), "<script>", "{}"],
                         ids=lambda v: repr(v)[:20])
def test_a_correlation_id_of_another_form_is_replaced(nobody, given):
    back = nobody.site("GET", "/health/live", headers={"X-Correlation-Id": given}).headers["X-Correlation-Id"]
    assert back != given and len(back) == 36


def test_each_request_without_a_correlation_id_gets_its_own(nobody):
    assert len({nobody.site("GET", "/health/live").headers["X-Correlation-Id"] for _ in range(20)}) == 20


def test_private_replies_are_never_cached(client, mara):
    for path in ("/personality", f"/personality/{mara['profileId']}", "/auth/me"):
        assert client.get(path, expect=200).headers["Cache-Control"] == "no-store"
    assert client.get("/personality/018f0000-0000-7000-8000-000000000000", expect=404).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("request_line,status", [("GET /nothing HTTP/1.1", 404), ("POST /api/v1/auth/login HTTP/1.1", 400),
                                                 ("DELETE /health HTTP/1.1", 405), ("GET /api/v1/auth/me HTTP/1.1", 401),
                                                 ("GET /health/live HTTP/1.1", 200)])
def test_every_status_has_the_security_headers_once(system, contract, request_line, status):
    with tls_socket(system) as stream:
        stream.sendall(f"{request_line}\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        got, headers, body = read_reply(stream)
    assert got == status
    method, path, _ = request_line.split()
    contract.check(method, path, got, headers, body)
    names = [name.lower() for name, _ in headers.multi_items()]
    assert len(names) == len(set(names)), "a field twice"


def test_what_the_proxy_refuses_by_itself_is_a_problem_document_too(system, contract):
    with tls_socket(system) as stream:
        stream.sendall(b"POST /api/v1/personality HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 150000\r\n"
                       b"Connection: close\r\n\r\n" + b" " * 150000)
        reply = read_reply(stream)
    assert reply[0] == 413
    contract.check("POST", "/api/v1/personality", *reply)


# The connection.

def test_http2_is_spoken(people):
    client = people.client(http2=True)
    reply = client.site("GET", "/health/live", expect=200)
    assert reply.http_version == "HTTP/2"
    client.post("/auth/login", {"email": "nobody@example.org", "password": "x"}, expect=401)


@pytest.mark.parametrize("version,spoken", [(ssl.TLSVersion.TLSv1, False), (ssl.TLSVersion.TLSv1_1, False),
                                            (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_only_tls_1_2_and_1_3_are_spoken(system, version, spoken):
    context = system.ssl_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", system.port), 10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
                assert spoken, stream.version()
        except (ssl.SSLError, ConnectionError):
            assert not spoken


def test_weak_ciphers_are_refused(system):
    context = system.ssl_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA:AES256-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", system.port), 10) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_plain_http_on_the_tls_port_gets_nothing_of_the_program(system):
    with socket.create_connection(("127.0.0.1", system.port), 10) as plain:
        plain.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        reply = read_reply(plain)
    assert reply is None or (reply[0] == 400 and b"uptime" not in reply[2])


def test_both_doors_serve_and_only_through_their_sockets(system):
    for name in ("api", "stream"):
        assert fcgi_request(system.door(name), uri="/health/live")[0] == 200
        assert system.door(name).stat().st_mode & 0o007 == 0, "the door is open to every user of the machine"


@pytest.mark.last
def test_every_operation_was_served_in_this_run(contract):
    missed = sorted({o.id for o in contract.operations} - contract.served)
    assert not missed, f"never answered with success: {missed}"


@pytest.mark.last
def test_nothing_in_this_run_was_answered_with_500(contract):
    """Not even while parts of the system were being killed: that is what 503 and 504 are for."""
    assert not [seen for seen in contract.seen if seen[1] in (500, 502)]
