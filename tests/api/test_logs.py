"""What the programs write: one JSON object a line with OpenTelemetry's names, one access line a request."""
import json
import re
import secrets

import pytest

import bodies
from system import wait_for

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture
def lines_of(system):
    """The log's lines about one correlation id."""
    def read(correlation_id, n=1):
        def found():
            with open(system.log_dir / "digitalme-api.log", encoding="utf-8") as log:
                lines = [json.loads(line) for line in log if f'"{correlation_id}"' in line and line.endswith("\n")]
            return len(lines) >= n and lines
        return wait_for(found, f"a log line about {correlation_id}", 10)
    return read


def correlated():
    correlation_id = "log-" + secrets.token_hex(8)
    return correlation_id, {"X-Correlation-Id": correlation_id}


@pytest.mark.parametrize("part", ["digitalme-api", "digitalme-worker"])
def test_each_line_is_one_json_object_with_the_otel_names(system, nobody, part):
    nobody.site("GET", "/health", expect=200)
    lines = (system.log_dir / f"{part}.log").read_text(encoding="utf-8").splitlines()
    assert lines
    for line in lines:
        entry = json.loads(line)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["timestamp"])
        assert entry["severity"] in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")
        assert entry["body"] and entry["service.name"] == part and isinstance(entry["attributes"], dict)


def test_a_request_leaves_one_access_line(client, alice, mara, lines_of):
    correlation_id, headers = correlated()
    client.get(f"/personality/{mara['profileId']}", headers=headers, expect=200)
    client.get("/auth/me", headers={"X-Correlation-Id": "log-other"}, expect=200)
    line, = lines_of(correlation_id)
    attributes = line["attributes"]
    assert line["body"] == "request" and line["severity"] == "INFO"
    assert attributes["http.request.method"] == "GET"
    assert attributes["http.route"] == "/api/v1/personality/{profileId}", "the row's path, never the raw one"
    assert attributes["http.response.status_code"] == 200
    assert 0 < attributes["http.server.request.duration"] < 30
    assert attributes["enduser.id"] == alice.id and attributes["client.address"] == "127.0.0.1"
    assert re.fullmatch(r"[0-9a-f]{32}", line["trace_id"]) and re.fullmatch(r"[0-9a-f]{16}", line["span_id"])
    assert mara["profileId"] not in json.dumps(line)


@pytest.mark.parametrize("method,path,body,status", [
    ("POST", "/auth/login", {"email": "nobody@example.org", "password": "wrong-horse-battery"}, 401), ("GET", "/nothing", None, 404),
    ("DELETE", "/personality", None, 405), ("POST", "/auth/refresh", {"nope": 1}, 422), ("GET", "/auth/me", None, 401)])
def test_a_refused_request_leaves_one_access_line_too(nobody, lines_of, method, path, body, status):
    correlation_id, headers = correlated()
    options = {} if body is None else {"body": body}
    nobody.call(method, path, headers=headers, expect=status, **options)
    line, = lines_of(correlation_id)
    assert line["attributes"]["http.response.status_code"] == status
    assert line["attributes"]["error.type"].startswith("urn:digitalme:problem:")
    assert "enduser.id" not in line["attributes"]


def test_a_correlation_id_is_one_from_the_request_to_the_reply_to_the_log_to_the_audit(client, lines_of, database):
    correlation_id, headers = correlated()
    reply = client.post("/personality", bodies.profile(), headers=headers, expect=201)
    assert reply.headers["X-Correlation-Id"] == correlation_id
    assert len(lines_of(correlation_id)) == 1
    assert database.value("SELECT count(*) FROM audit_event WHERE correlation_id = %s AND entity_id = %s", correlation_id,
                          reply.json()["id"]) == 1


def test_a_trace_is_continued(client, lines_of, database):
    correlation_id, headers = correlated()
    profile = client.post("/personality", bodies.profile(), headers={**headers, "traceparent": f"00-{TRACE}-{PARENT}-01"}, expect=201).json()
    line, = lines_of(correlation_id)
    assert line["trace_id"] == TRACE and line["span_id"] != PARENT
    assert database.value("SELECT trace_id FROM audit_event WHERE entity_id = %s", profile["id"]) == TRACE


@pytest.mark.parametrize("given", ["00-" + "0" * 32 + f"-{PARENT}-01", f"00-{TRACE}-" + "0" * 16 + "-01", f"ff-{TRACE}-{PARENT}-01",
                                   f"00-{TRACE.upper()}-{PARENT}-01", f"00-{TRACE}-{PARENT}", "nonsense", f"00-{TRACE}-{PARENT}-01-x"])
def test_a_traceparent_that_is_none_starts_a_new_trace(nobody, lines_of, given):
    correlation_id, headers = correlated()
    nobody.site("GET", "/health/live", headers={**headers, "traceparent": given}, expect=200)
    line, = lines_of(correlation_id)
    assert line["trace_id"] not in (TRACE, "0" * 32) and re.fullmatch(r"[0-9a-f]{32}", line["trace_id"])


def test_no_client_can_write_a_line_of_its_own(client, lines_of, system):
    correlation_id, headers = correlated()
    forged = '{"timestamp":"forged"}'
    client.post("/personality", bodies.profile(description=f"a\n{forged}\n"), headers={**headers, "User-Agent": forged}, expect=201)
    assert len(lines_of(correlation_id)) == 1
    assert "forged" not in (system.log_dir / "digitalme-api.log").read_text()
