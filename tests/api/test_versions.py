"""Majors, old paths, and what is deprecated. That each reply of what is deprecated says so, and no other does, contract.py sees to; majors
beside each other: deprecation_test.c and route_test.c."""
import json
import os
import re
import subprocess
from email.utils import parsedate_to_datetime

import pytest

import bodies
from client import violations
from environment import CTL, contract
from people import SECRETS
from system import ROOT

ALIASES = contract().document["x-aliases"]
ABSENT = "018f0000-0000-7000-8000-000000000000"
DEPRECATION_FIELDS = {"deprecation", "sunset", "link"}
FIRST_DAY, SUNSET = 1795392000, 1826928000  # 2026-11-23 and a year later


def old_paths(operation):
    """The operation's paths from before there were majors."""
    for alias in ALIASES:
        below = operation.path.removeprefix(alias["successor"])
        if below != operation.path and (not below or below.startswith("/")):
            yield alias["path"] + below


OLD = [(operation, path) for operation in contract().operations for path in old_paths(operation)]


def fill(path):
    return re.sub(r"\{\w+\}", ABSENT, path)


# What the site says of itself.

def test_versions_lists_the_majors_with_their_dates(nobody):
    reply = nobody.site("GET", "/api/versions", expect=200)
    assert reply.json()["items"] == [{"version": "1", "status": "current", "path": "/api/v1", "releasedAt": "2026-11-23T00:00:00.000Z",
                                      "links": {"openapi": "/api/v1/openapi.json"}}]
    assert reply.headers["API-Version"] == "1"
    nobody.site("GET", reply.json()["items"][0]["links"]["openapi"], expect=200)


def test_versions_lists_what_is_deprecated_besides(nobody, contract):
    told = nobody.site("GET", "/api/versions", expect=200).json()["deprecations"]
    dates = {"deprecatedAt": "2026-11-23T00:00:00.000Z", "sunsetAt": "2027-11-23T00:00:00.000Z"}
    rows = [o for o in contract.operations if o.row.get("deprecated")]
    assert [o.id for o in rows] == ["chat.send"]
    assert told == [*({"path": a["path"] + "/*", "successor": a["successor"] + "/*", **dates} for a in ALIASES),
                    {"method": "POST", "path": "/api/chat/send", "successor": "/api/v1/conversations/{conversationId}/messages", **dates}]


def test_the_old_paths_are_those_that_were_promised(nobody):
    assert {a["path"] for a in ALIASES} == {"/api/auth", "/api/personality", "/api/conversation", "/api/conversations"}
    assert len(OLD) > 40
    reply = nobody.site("POST", "/api/telegram/webhook", {}, expect=404)  # has no successor yet
    assert not DEPRECATION_FIELDS & set(reply.headers)


# Old paths.

def comparable(reply):
    """What does not differ from one call to the next."""
    body = reply.text
    if reply.headers.get("Content-Type") == "application/problem+json":
        body = {name: value for name, value in reply.json().items() if name not in ("instance", "correlationId")}
    fields = {name for name in reply.headers if name not in DEPRECATION_FIELDS}
    return reply.status_code, body, fields, reply.headers.get("Allow"), reply.headers.get("WWW-Authenticate")


@pytest.mark.parametrize("operation,path", OLD, ids=lambda v: getattr(v, "id", v))
def test_an_old_path_answers_as_its_successor(nobody, alice, operation, path):
    """To nobody, to somebody with a body that is none, to another method, to OPTIONS."""
    calls = [(nobody, operation.method, {}), (nobody, "OPTIONS", {}), (nobody, "PUT", {"content": b"{}"})]
    if operation.request_schema():
        calls.append((alice.client if operation.secured else nobody, operation.method, {"content": b"[]"}))
    for client, method, options in calls:
        old, new = (client.site(method, fill(one), **options) for one in (path, operation.path))
        assert comparable(old) == comparable(new)
        assert old.headers["Deprecation"] == f"@{FIRST_DAY}"
        assert parsedate_to_datetime(old.headers["Sunset"]).timestamp() == SUNSET
        assert old.headers["Link"] == f'<{fill(operation.path)}>; rel="successor-version", </api/versions>; rel="deprecation"'


@pytest.mark.parametrize("path", ["/api/auth", "/api/auth/", "/api/auth/nothing", "/api/authx/login", "/api/personality/", "/api/chat",
                                  "/api/personality/no-uuid", "/api/conversationss", "/api/v1/conversation", "/api/auth/login/x"])
def test_what_no_successor_answers_is_not_there(nobody, path):
    assert not DEPRECATION_FIELDS & set(nobody.site("GET", path, expect=404).headers)


def test_a_client_of_old_goes_its_whole_way(people, contract):
    account = people.confirmed()
    client = account.client
    reply = client.site("POST", "/api/auth/login", {"email": account.email, "password": account.password}, expect=200)
    account.take(reply.json())
    assert client.site("GET", "/api/auth/me", expect=200).json()["email"] == account.email
    made = client.site("POST", "/api/personality", bodies.SAMPLE["profile"], expect=201)
    profile = made.json()["id"]
    assert made.headers["Location"] == f"/api/v1/personality/{profile}" and made.headers["ETag"] == '"1"'
    client.site("POST", f"/api/personality/{profile}/memories", bodies.memory(text="The boat house is painted green."), expect=201)
    assert [p["id"] for p in client.site("GET", "/api/personality?limit=1", expect=200).json()["items"]] == [profile]
    client.site("PATCH", f"/api/personality/{profile}", {"name": "Mara L."}, headers={"If-Match": '"1"'}, expect=200)
    client.site("PATCH", f"/api/personality/{profile}", {"name": "Late"}, headers={"If-Match": '"1"'}, expect=412)
    talk = client.site("POST", "/api/conversation", {"profileId": profile}, expect=201)
    conversation = talk.json()["id"]
    assert talk.headers["Location"] == f"/api/v1/conversations/{conversation}"
    said = client.site("POST", "/api/chat/send", {"conversationId": conversation, "message": "Which colour is the boat house?"}, expect=201)
    assert "green" in said.json()["reply"]["content"]
    history = client.site("GET", f"/api/conversation/{conversation}/messages", expect=200).json()["items"]
    assert [m["id"] for m in history] == [said.json()[name]["id"] for name in ("message", "reply")]
    session = client.site("POST", "/api/auth/refresh", {"refreshToken": account.session["refreshToken"]}, expect=200).json()
    account.take(session)
    client.site("POST", "/api/auth/logout", expect=204)
    client.get("/auth/me", expect=401)


def test_a_retry_at_the_new_path_finds_what_was_made_at_the_old(client):
    headers = {"Idempotency-Key": os.urandom(8).hex()}
    body = bodies.profile(name="Moved house")
    first = client.site("POST", "/api/personality", body, headers=headers, expect=201)
    again = client.post("/personality", body, headers=headers, expect=201)
    assert again.json() == first.json() and again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]


# /api/chat/send, which has a body of its own.

def chat(client, body, **options):
    return client.site("POST", "/api/chat/send", body, **options)


def test_chat_send_answers_as_a_message_does(client, mara):
    conversation = client.post("/conversations", {"profileId": mara["profileId"]}, expect=201).json()["id"]
    path = f"/api/v1/conversations/{conversation}/messages"
    for name in ("content", "message"):
        old = chat(client, {"conversationId": conversation, name: "Who taught you to rivet?"}, expect=201)
        new = client.site("POST", path, {"content": "Who taught you to rivet?"}, expect=201)
        assert old.json()["reply"]["content"] == new.json()["reply"]["content"]
        assert old.json()["message"]["content"] == "Who taught you to rivet?"
        assert old.headers["Location"] == f"{path}/{old.json()['message']['id']}"
        assert old.headers["Link"] == f'<{path}>; rel="successor-version", </api/versions>; rel="deprecation"'
        assert {n for n in old.headers if n not in DEPRECATION_FIELDS} == set(new.headers)


def test_chat_send_takes_one_text_and_no_more(client, mara):
    where = {"conversationId": mara["conversationId"]}
    assert violations(chat(client, where)) == {"/content": "required"}
    assert violations(chat(client, {**where, "content": "a", "message": "a"})) == {"/message": "unknown"}
    assert violations(chat(client, {"message": "a"})) == {"/conversationId": "required"}
    assert violations(chat(client, {**where, "message": ""})) == {"/message": "too_short"}
    assert violations(chat(client, {**where, "message": " "})) == {"/message": "blank"}
    assert violations(chat(client, {**where, "message": "a" * 10001})) == {"/message": "too_long"}
    assert violations(chat(client, {**where, "message": "a", "userId": "b"})) == {"/userId": "unknown"}


def test_chat_send_says_nothing_in_somebody_elses_conversation(bob, mara, database):
    before = database.counts()
    for conversation in (mara["conversationId"], ABSENT):
        chat(bob.client, {"conversationId": conversation, "message": "Hello?"}, expect=404)
    assert database.counts() == before


def test_chat_send_is_retried_like_any_other(client, mara):
    body = {"conversationId": mara["conversationId"], "message": "Once only."}
    headers = {"Idempotency-Key": os.urandom(8).hex()}
    first, again = (chat(client, body, headers=headers, expect=201) for _ in range(2))
    assert first.json() == again.json() and again.headers["Idempotency-Replayed"] == "true"


def test_chat_send_opens_to_a_key_of_its_scope_and_its_name(alice, people, mara):
    body = {"conversationId": mara["conversationId"], "message": "Hello!"}
    for routes, status in ((["chat.send"], 201), (["message.*"], 403)):
        key = alice.client.post("/api-keys", {"name": "Old program", "scopes": ["conversation:write"], "allowedRoutes": routes}, expect=201)
        SECRETS.add(key.json()["key"])
        chat(people.client(token=key.json()["key"]), body, expect=status)
        alice.client.delete(f"/api-keys/{key.json()['id']}", expect=204)


# The doors: which row waits, and what the proxy makes of it.

@pytest.fixture
def without_api_door(system):
    """The proxy finds nobody at the api door: 503 for whatever goes there."""
    door = system.door("api")
    aside = door.with_name("api-aside.sock")
    door.rename(aside)
    yield
    aside.rename(door)


def test_rows_that_wait_go_through_the_stream_door_by_every_path(ctl, nobody, contract, without_api_door):
    doors = {line.split()[4]: line.split()[3] for line in ctl("routes").stdout.splitlines()}
    wrong = []
    # Not every row of the api door: Caddy tries each for a while.
    waits = [o for o in contract.operations if doors[o.id] == "stream"]
    others = [contract.find("GET", "/api/v1/auth/me"), contract.find("GET", f"/api/v1/conversations/{ABSENT}/messages"),
              contract.find("GET", "/api/v1/conversations"), contract.find("POST", "/api/v1/auth/refresh")]
    assert len(waits) >= 10 and all(doors[o.id] == "api" for o in others)
    for operation in waits + others:
        for path in [operation.path, *old_paths(operation)]:
            reply = nobody.site(operation.method, fill(path), content=b"{}" if operation.request_schema() else None)
            found = "api" if reply.status_code == 503 and reply.headers["X-Instance-Id"] == "proxy" else "stream"
            if found != doors[operation.id]:
                wrong.append((operation.method, path, found))
    assert wrong == []


# digitalmectl api-diff; every rule by itself: openapi_diff_test.c.

@pytest.fixture
def diff(tmp_path):
    """diff(old, new, *options) of two documents, or of files: the finished process."""
    def run(old, new, *options):
        files = []
        for name, document in (("old.json", old), ("new.json", new)):
            if not isinstance(document, (dict, list)):
                files.append(document)
                continue
            (tmp_path / name).write_text(json.dumps(document))
            files.append(tmp_path / name)
        return subprocess.run([CTL, "api-diff", *options, *files], capture_output=True, text=True, timeout=60, check=False)
    return run


@pytest.fixture
def changed(contract):
    """Today's document and a copy to change."""
    return contract.document, json.loads(json.dumps(contract.document))


def test_nothing_has_changed_between_a_document_and_itself(diff, contract):
    done = diff(contract.document, contract.document)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 breaking, 0 allowed, 0 harmless\n", "")


def test_a_harmless_change_is_told_and_passes(diff, changed):
    old, new = changed
    new["components"]["schemas"]["Profile"]["properties"]["nickname"] = {"type": "string"}
    done = diff(old, new)
    assert done.returncode == 0 and done.stdout.endswith("0 breaking, 0 allowed, 1 harmless\n")
    assert re.search(r"^harmless reply\.member-added +new /components/schemas/Profile/properties/nickname ", done.stdout, re.M)


def test_breaking_changes_fail_and_are_told_in_json(diff, changed):
    old, new = changed
    del new["components"]["schemas"]["Profile"]["properties"]["name"]
    new["components"]["schemas"]["ProfileWrite"]["properties"]["name"]["maxLength"] = 99
    new["components"]["schemas"]["ProfileWrite"]["required"].append("age")
    del new["paths"]["/api/v1/auth/logout"]
    new["paths"]["/api/v1/personality"]["get"]["security"] = [{"bearer": ["personality:write"]}]
    done = diff(old, new, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["breaking"] == len([c for c in told["changes"] if c["effect"] == "breaking"])
    found = {(c["rule"], c["document"], c["pointer"]) for c in told["changes"] if c["effect"] == "breaking"}
    schemas, paths = "/components/schemas", "/paths/~1api~1v1"
    assert found == {("reply.member-removed", "old", f"{schemas}/Profile/properties/name"),
                     ("request.bound-narrower", "new", f"{schemas}/ProfileWrite/properties/name/maxLength"),
                     ("request.member-required", "new", f"{schemas}/ProfileWrite/properties/age"),
                     ("operation-removed", "old", f"{paths}~1auth~1logout/post"),
                     ("auth-tighter", "old", f"{paths}~1personality/get/security/0"),
                     ("auth-tighter", "old", f"{paths}~1personality/get/security/1")}


def test_what_is_allowed_passes_and_what_is_allowed_in_vain_does_not(diff, changed, tmp_path):
    old, new = changed
    del new["components"]["schemas"]["Profile"]["properties"]["age"]
    allowed = tmp_path / "allowed"
    line = "reply.member-removed /components/schemas/Profile/properties/age Nobody should ask."
    allowed.write_text(f"# Reasons.\n\n{line}\n")
    done = diff(old, new, "--allow", allowed)
    assert done.returncode == 0 and "Nobody should ask." in done.stdout and "0 breaking, 1 allowed" in done.stdout
    done = diff(old, old, "--allow", allowed)
    assert done.returncode == 1 and "unused   reply.member-removed" in done.stdout
    done = diff(old, old, "--allow", allowed, "--json")
    assert json.loads(done.stdout)["unused"] == [{"rule": "reply.member-removed", "pointer": "/components/schemas/Profile/properties/age"}]
    allowed.write_text(line.rpartition(" /")[0] + "\n")
    assert diff(old, new, "--allow", allowed).returncode == 2


@pytest.mark.parametrize("words,said", [
    ([], "usage:"), (["one.json"], "usage:"), (["--what", "a", "b"], "usage:"), (["a", "b", "c"], "usage:"), (["a", "b", "--allow"], "usage:"),
    (["/nonexistent/a.json", "/nonexistent/b.json"], "/nonexistent/a.json")])
def test_wrong_use_is_told_from_a_breaking_change(words, said):
    done = subprocess.run([CTL, "api-diff", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and done.stdout == "" and said in done.stderr


@pytest.mark.parametrize("document,said", [("{", "old.json: "), ("[]", "no paths"), ("{\"paths\": 1}", "no paths")])
def test_what_is_no_document_is_refused(diff, contract, tmp_path, document, said):
    (tmp_path / "bad-old.json").write_text(document)
    done = diff(tmp_path / "bad-old.json", contract.document)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_since_the_last_release_nothing_broke_but_what_is_allowed(diff, contract):
    releases = ROOT.glob("docs/openapi-[0-9]*.json")
    last = max(releases, key=lambda path: [int(n) for n in path.stem.removeprefix("openapi-").split(".")])
    done = diff(last, contract.document, "--allow", ROOT / "docs" / "openapi-allowed.txt")
    assert done.returncode == 0, done.stdout
