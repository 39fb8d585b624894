"""Attack signals: counted by type and severity and told by the field's name, never its value; nobody is refused because of one."""
import json
import secrets

import pytest

import bodies
from chatter import messages
from client import violations
from system import wait_for

TYPES = ("sql_injection", "cross_site_scripting", "command_injection", "path_traversal")


@pytest.fixture
def told(system):
    """The attributes of the lines about signals of one correlation id, once there are n of them."""
    def read(correlation_id, n=1):
        def found():
            with open(system.log_dir / "digitalme-api.log", encoding="utf-8") as log:
                lines = [json.loads(line) for line in log if f'"{correlation_id}"' in line and line.endswith("\n")]
            # The request's own line is written last.
            return any(line["body"] == "request" for line in lines) and [line for line in lines if line["body"] == "attack signal"]
        lines = wait_for(lambda: found() is not False and [found()], f"log lines about {correlation_id}", 10)[0]
        assert len(lines) == n, lines
        return [{"level": line["severity"], **{name.removeprefix("digitalme.signal."): value for name, value in line["attributes"].items()}}
                for line in lines]
    return read


@pytest.fixture
def counts(nobody):
    """{(type, severity): requests so far}."""
    def read():
        lines = nobody.site("GET", "/metrics", expect=200).text.splitlines()
        return {(kind, level): int(line.split()[-1]) for line in lines for kind in TYPES for level in ("low", "high")
                if line.startswith(f'digitalme_attack_signals_total{{type="{kind}",severity="{level}"}}')}
    return read


def correlated():
    correlation_id = "signal-" + secrets.token_hex(8)
    return correlation_id, {"X-Correlation-Id": correlation_id}


OUT_OF_PLACE = {
    "query": ("GET", "/personality?limit=1%20UNION%20SELECT%20s3cret", None, "sql_injection", "limit"),
    "unknown parameter": ("GET", "/personality?s3cret=%3Cscript%3E", None, "cross_site_scripting", "?"),
    "name": ("POST", "/personality", {"name": "<script>s3cret</script>"}, "cross_site_scripting", "/name"),
    "id": ("POST", "/conversations", {"profileId": "s3cret; cat /etc/x"}, "command_injection", "/profileId"),
    "item": ("POST", "/api-keys", {"name": "k", "scopes": ["../../s3cret"]}, "path_traversal", "/scopes/0"),
    "unknown member": ("POST", "/personality", {"name": "n", "s3cret": "<script>"}, "cross_site_scripting", "/?"),
    "no JSON": ("POST", "/personality", b"<script>s3cret", "cross_site_scripting", None),
    "path": ("GET", "/s3cret/.git/config", None, "path_traversal", None),
}


@pytest.mark.parametrize("place", OUT_OF_PLACE)
def test_what_is_out_of_place_is_told_as_high_with_its_name_and_not_its_value(client, alice, told, counts, system, place):
    method, path, body, kind, field = OUT_OF_PLACE[place]
    before, (correlation_id, headers) = counts(), correlated()
    options = {"content": body} if isinstance(body, bytes) else {} if body is None else {"body": body}
    reply = client.call(method, path, headers=headers, **options)
    assert 400 <= reply.status_code < 500
    line, = told(correlation_id)
    assert (line["level"], line["severity"], line["type"], line.get("field")) == ("WARN", "high", kind, field)
    assert line["client.address"] == "127.0.0.1" and line["http.response.status_code"] == reply.status_code
    assert counts()[kind, "high"] == before[kind, "high"] + 1
    assert "s3cret" not in (system.log_dir / "digitalme-api.log").read_text()


def test_free_text_is_told_as_low_and_answered(client, mara, told, counts):
    before, (correlation_id, headers) = counts(), correlated()
    content = "Why does <script>alert(1)</script> run, and what is ' OR '1'='1?"
    turn = client.post(f"/conversations/{mara['conversationId']}/messages", {"content": content}, headers=headers, expect=201).json()
    assert turn["message"]["content"] == content
    lines = told(correlation_id, 2)
    assert {(line["level"], line["severity"], line["type"], line["field"]) for line in lines} == {
        ("INFO", "low", "sql_injection", "/content"), ("INFO", "low", "cross_site_scripting", "/content")}
    after = counts()
    assert all(after[kind, "high"] == before[kind, "high"] for kind in TYPES)


def test_a_user_agent_is_looked_at(nobody, told):
    correlation_id, headers = correlated()
    nobody.site("GET", "/health/live", headers={**headers, "User-Agent": "${jndi:ldap://s3cret/a}"}, expect=200)
    line, = told(correlation_id)
    assert (line["type"], line["part"], line["field"]) == ("command_injection", "header", "User-Agent")


def test_what_is_ordinary_is_not_told(client, mara, told, counts):
    before = counts()
    for body in (bodies.full_profile(), bodies.profile(name="O'Neill & Søn", description="a/b; c -- d")):
        client.post("/personality", body, expect=201)
    client.get("/personality?limit=5", expect=200)
    correlation_id, headers = correlated()
    client.post(f"/conversations/{mara['conversationId']}/messages", {"content": "Who taught you to rivet?"}, headers=headers, expect=201)
    assert told(correlation_id, 0) == [] and counts() == before


def test_ordinary_messages_about_attacks_are_never_refused(client, new_profile):
    """A thousand of them, each kept to the letter, forty at a time in what a profile holds of free text."""
    profile = new_profile()
    for start in range(0, 1000, 40):
        texts = messages(1000)[start:start + 40]
        body = bodies.profile(description="\n".join(texts)[:5000], technicalPreferences={"texts": texts},
                              exampleDialogues=[{"user": text, "reply": text} for text in texts])
        kept = client.put(f"/personality/{profile['id']}", body, expect=200).json()
        assert kept["technicalPreferences"] == {"texts": texts} and kept["exampleDialogues"] == body["exampleDialogues"]
    assert violations(client.put(f"/personality/{profile['id']}", bodies.profile(name="<b>"))) == {"/name": "markup"}
