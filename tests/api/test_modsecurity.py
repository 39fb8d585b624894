"""The OWASP Core Rule Set before the program, refusing: people's own flows and ordinary talk pass, attacks where no such text belongs do
not. Members of every call are held against its exclusions, so that a new one is thought of."""
import json
import re
import time

import pytest

import bodies
from chatter import messages
from client import read_reply, tls_socket, violations
from environment import PROXY, contract
from people import People
from system import ROOT, System

pytestmark = pytest.mark.skipif(PROXY != "nginx", reason="ModSecurity is a module of nginx")
RULES = (ROOT / "proxy-conf" / "nginx" / "modsecurity" / "digitalme.conf").read_text()
EXCLUDED = [re.compile(pattern) for pattern in re.findall(r"!ARGS:'/(.*)/'", RULES)]


@pytest.fixture(scope="module")
def guarded(own_system):
    return own_system(modsecurity="On")


@pytest.fixture(scope="module")
def guests(guarded, contract):
    people = People(guarded, contract)
    yield people
    people.close()


@pytest.fixture(scope="module")
def guest(guests):
    return guests.logged_in()


@pytest.fixture(scope="module")
def visitor(guests):
    return guests.client()


def told(system):
    """The ids of the rules that have matched, in order."""
    return re.findall(r'\[id "(\d+)"\]', (system.log_dir / "modsecurity.log").read_text(errors="replace"))


# What is free, and what is not.

# Members that are looked at: short, and of a form of their own.
INSPECTED = {"email", "newEmail", "firstName", "lastName", "name", "profession", "location", "language", "category", "url", "hours", "timezone",
             "allowedRoutes", "allowedIpRanges", "reason"}


def texts_of(schema, name=""):
    """Each place of a request where any text may stand, as ModSecurity names it."""
    schema = contract().resolve(schema)
    if "anyOf" in schema:
        schema = contract().resolve(next(one for one in schema["anyOf"] if one != {"type": "null"}))
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if kind == "object" and "properties" not in schema:
        yield f"{name}.anything", schema
    elif kind == "object":
        for member, below in schema["properties"].items():
            yield from texts_of(below, f"{name}.{member}")
    elif kind == "array":
        yield from texts_of(schema["items"], f"{name}.array_0")
    elif kind == "string" and "enum" not in schema and schema.get("format") not in ("uuid", "date-time"):
        yield name, schema


@pytest.mark.parametrize("operation", [o for o in contract().operations if o.request_schema()], ids=lambda o: o.id)
def test_each_member_is_either_free_or_looked_at(operation):
    for name, schema in texts_of(operation.request_schema(), "json"):
        free = any(pattern.search(name) for pattern in EXCLUDED)
        looked_at = re.sub(r"\.array_0$", "", name).split(".")[-1] in INSPECTED
        assert free != looked_at, f"{name}: say in proxy-conf/nginx/modsecurity/digitalme.conf or here what it is"
        assert free or schema.get("format") != "password", name


# What passes.

def test_the_main_job_is_done(guest, guests, guarded):
    """Register, confirm and log in have passed already."""
    client = guest.client
    profile = client.post("/personality", bodies.SAMPLE["profile"], expect=201).json()
    path = f"/personality/{profile['id']}"
    for noun in ("traits", "patterns", "memories"):
        for item in bodies.SAMPLE[noun]:
            client.post(f"{path}/{noun}", item, expect=201)
    conversation = client.post("/conversations", {"profileId": profile["id"], "title": "Who wrote 'SELECT * FROM boats'?"}, expect=201).json()
    turn = client.post(f"/conversations/{conversation['id']}/messages", {"content": "Who taught you to rivet?"}, expect=201).json()
    assert "Arvid" in turn["reply"]["content"]
    client.patch(path, {"location": "Orust, Sweden"}, headers={"Content-Type": "application/merge-patch+json"}, expect=200)
    client.put(path, bodies.full_profile(), headers={"If-Match": '"2"'}, expect=200)
    client.get("/personality?limit=5", expect=200)
    key = client.post("/api-keys", {"name": "A program", "scopes": ["personality:read"], "allowedRoutes": ["personality.*"],
                                    "allowedIpRanges": ["127.0.0.0/8", "2001:db8::/32"]}, expect=201).json()
    guests.client(token=key["key"]).get(path, expect=200)
    client.patch("/auth/me", {"firstName": "Zoë", "lastName": "O'Neill-Åberg"}, expect=200)
    client.post("/auth/refresh", {"refreshToken": guest.session["refreshToken"]}, expect=200)
    client.site("OPTIONS", "/api/v1/personality", expect=204)
    client.site("GET", "/api/v1/openapi.json", expect=200)
    client.site("GET", "/.well-known/jwks.json", expect=200)
    client.delete(path, expect=204)


def test_a_thousand_ordinary_messages_pass(guest, guarded):
    """To a conversation that is not there: past the rules a 404 comes, and nothing is kept. In a place that is looked at, most are attacks."""
    as_names = [guest.client.post("/personality", {"name": text[:100]}, expect=(201, 403, 422)).status_code for text in messages(60)]
    assert as_names.count(403) > 30
    started = time.monotonic()
    nowhere = "/conversations/018f0000-0000-7000-8000-000000000000/messages"
    refused = [text for text in messages(1000) if guest.client.post(nowhere, {"content": text}, expect=(403, 404)).status_code == 403]
    print(f"1000 messages in {time.monotonic() - started:.1f} s")
    assert refused == []


def test_ordinary_messages_are_kept_and_answered(guest):
    client = guest.client
    profile = client.post("/personality", bodies.profile(description="\n".join(messages(20))), expect=201).json()
    conversation = client.post("/conversations", {"profileId": profile["id"]}, expect=201).json()
    for text in messages(25):
        turn = client.post(f"/conversations/{conversation['id']}/messages", {"content": text}, expect=201).json()
        assert turn["message"]["content"] == text
        client.post(f"/personality/{profile['id']}/memories", bodies.memory(text=text), expect=201)
    body = bodies.profile(exampleDialogues=[{"user": text, "reply": text} for text in messages(50)], coreValues=[text[:200].strip() for text in messages(60) if text.isprintable()],
                          communicationStyle={"whenUnsure": messages(10)}, technicalPreferences={"notes": {"deep": messages(10)}})
    client.put(f"/personality/{profile['id']}", body, expect=200)


def test_a_password_may_look_like_anything(guests, visitor):
    """And a wrong one is told by the program, not by the rules."""
    for password in ("' OR '1'='1' -- plum", "<script>alert(1)</script>", "$(cat /etc/passwd); rm -rf /"):
        visitor.post("/auth/login", {"email": guests.address(), "password": password}, expect=401)


def test_what_the_program_refuses_it_still_tells_itself(guest):
    """422, 415, 406, 404 and 400 come from the program, with their pointers."""
    client = guest.client
    assert violations(client.post("/personality", {"name": "a < b"})) == {"/name": "markup"}
    client.post("/personality", content=b"{}", headers={"Content-Type": "text/plain"}, expect=415)
    client.get("/personality", headers={"Accept": "text/html"}, expect=406)
    client.get("/personality/018f0000-0000-7000-8000-000000000000", expect=404)
    client.post("/personality", content=b'{"name": ', expect=400)
    client.post("/personality", content=b'{"name":' + b"[" * 60 + b"]" * 60 + b"}", expect=413)


# What does not.

ATTACKS = {
    "SQL in a query": ("GET", "/api/v1/personality?limit=1%20UNION%20SELECT%20password%20FROM%20users--", None, {}),
    "SQL in an address": ("POST", "/api/v1/auth/login", {"email": "x' OR 1=1; --", "password": "p"}, {}),
    "SQL in a cursor": ("GET", "/api/v1/conversations?cursor=1'%20or%20'1'='1", None, {}),
    "a script in a name": ("POST", "/api/v1/auth/register", bodies.registration(firstName="<script>alert(1)</script>"), {}),
    "an image that runs, in a name": ("POST", "/api/v1/personality", bodies.profile(name='"><img src=x onerror=alert(1)>'), {}),
    "a shell command in a name": ("POST", "/api/v1/api-keys", {"name": "x; cat /etc/passwd", "scopes": ["personality:read"]}, {}),
    "a file by its path, in a query": ("GET", "/api/v1/personality?cursor=../../../../etc/passwd", None, {}),
    "PHP in a query": ("GET", "/api/v1/personality?cursor=%3C%3Fphp%20system($_GET['c'])%3B%3F%3E", None, {}),
    "a class loader in a header": ("GET", "/api/v1/personality", None, {"User-Agent": "java.lang.ProcessBuilder"}),
    "a function in a header": ("GET", "/api/v1/personality", None, {"User-Agent": "() { :; }; /bin/bash -c id"}),
    "a scanner": ("GET", "/api/v1/personality", None, {"User-Agent": "sqlmap/1.7"}),
    "a place in Java's runtime": ("POST", "/api/v1/conversations", {"profileId": "java.lang.Runtime.getRuntime().exec"}, {}),
    "a file beside the site": ("GET", "/.git/config", None, {}),
    "a process of Node's, in a query": ("GET", "/api/v1/personality?cursor=require('child_process').exec('id')", None, {}),
}


@pytest.mark.parametrize("kind", ATTACKS)
def test_an_attack_is_refused_with_a_problem_document_and_told(guarded, guest, kind):
    method, path, body, headers = ATTACKS[kind]
    before = len(told(guarded))
    options = {} if body is None else {"body": body}
    reply = guest.client.site(method, path, headers=headers, **options)
    assert reply.status_code == 403, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json" and reply.json()["type"] == "urn:digitalme:problem:forbidden"
    assert reply.headers["X-Content-Type-Options"] == "nosniff" and reply.headers["X-Correlation-Id"]
    rules = told(guarded)[before:]
    assert "949110" in rules and len(rules) >= 2, rules  # the sum, and at least one rule that made it


@pytest.mark.parametrize("path", ["/api/v1/../../etc/passwd", "/api/v1/personality/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/shadow"])
def test_a_way_out_of_the_site_is_refused_as_it_stands(guarded, contract, path):
    """Sent as it stands: a library would tidy it."""
    with tls_socket(guarded) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode())
        status, headers, body = read_reply(stream)
    assert status in (400, 403), status
    assert json.loads(body)["status"] == status and headers["Content-Type"] == "application/problem+json"


def test_a_body_that_cannot_be_read_does_not_slip_through(guest):
    """What ModSecurity reads no further than, the program does not get."""
    body = b'{"name":' + b"[" * 200 + b"]" * 200 + b"}"
    assert guest.client.post("/personality", content=body).status_code in (400, 413)


def test_the_log_holds_no_secret(guarded, guest, visitor, guests):
    """Not what stands in the members that hold secrets, nor in the headers."""
    password = "' UNION SELECT s3cret-one FROM x -- "
    visitor.post("/auth/login", {"email": guests.address(), "password": password}, expect=401)
    visitor.get("/personality?cursor=../../etc/passwd", headers={"Authorization": "Bearer s3cret-two' OR 1=1 --"})
    guest.client.get("/personality?cursor=../../etc/passwd", expect=403)
    log = (guarded.log_dir / "modsecurity.log").read_text(errors="replace")
    assert "930" in log and "s3cret" not in log and guest.session["accessToken"] not in log


def test_detection_only_tells_and_lets_pass(own_system, contract):
    system = own_system(modsecurity="DetectionOnly")
    people = People(system, contract)
    try:
        assert violations(people.client().post("/auth/login", {"email": "x' OR 1=1; --", "password": "p"})) == {"/email": "format"}
        assert "949110" in told(system)
    finally:
        people.close()


def test_nothing_of_it_is_needed_by_a_system_without_it(system):
    """The site's line is a comment there, and no module is loaded."""
    assert isinstance(system, System) and "modsecurity" not in (system.dir / "conf" / "nginx.conf").read_text()
