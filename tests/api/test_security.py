"""Tokens that must not count, doors that must stay shut, and what the logs must not hold."""
import json
import re

import pytest
import redis

import bodies
from people import SECRETS
from system import fcgi_request


@pytest.mark.parametrize("value", ["", "Bearer", "Basic YTpi", "Token x", "bearer", "Bearer null", "Bearer undefined"])
def test_a_header_that_holds_no_token_is_refused(nobody, value):
    nobody.get("/auth/me", headers={"Authorization": value}, expect=401)


def test_an_api_key_that_is_not_is_refused(nobody):
    nobody.get("/personality", headers={"X-API-Key": "dm_live_000000000000"}, expect=401)


# Sessions.

def test_a_logged_out_token_stays_dead_when_redis_forgets(system, someone):
    someone.client.post("/auth/logout", expect=204)
    someone.client.get("/auth/me", expect=401)
    redis.Redis(unix_socket_path=str(system.redis_socket)).flushall()
    someone.client.get("/auth/me", expect=401)


def test_a_live_session_lives_on_when_redis_forgets(system, someone):
    redis.Redis(unix_socket_path=str(system.redis_socket)).flushall()
    someone.client.get("/auth/me", expect=200)


def test_redis_holds_no_token_and_no_address(system, someone):
    store = redis.Redis(unix_socket_path=str(system.redis_socket))
    someone.client.get("/auth/me", expect=200)
    held = b" ".join(key + (store.get(key) if store.type(key) == b"string" else b"") for key in store.keys())
    assert held
    for secret in (someone.session["accessToken"], someone.session["refreshToken"], someone.email, someone.password):
        assert secret.encode() not in held


# Doors. Who may call which row: test_authorisation.py.

def test_no_id_in_a_body_reaches_somebody_elses_self(bob, mara):
    bob.client.post("/conversations", {"profileId": mara["profileId"]}, expect=404)


def test_metrics_are_for_this_machine_only(system, people, nobody):
    nobody.site("GET", "/metrics", expect=200)
    for headers in ({"X-Forwarded-For": "127.0.0.1"}, {"X-Real-Ip": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
        people.client(address="127.0.0.77").site("GET", "/metrics", headers=headers, expect=(403, 404))
    for address in ("192.0.2.7", "10.0.0.1", "2001:db8::1", ""):
        assert fcgi_request(system.door("api"), uri="/metrics", params={"REMOTE_ADDR": address})[0] == 404


def test_sql_in_any_text_is_text(client, new_profile, database):
    evil = "'; DROP TABLE profile; --"
    profile = new_profile(bodies.profile(name=evil, description=evil, coreValues=[evil], communicationStyle={evil: evil}))
    assert client.get(f"/personality/{profile['id']}").json()["name"] == evil
    conversation = client.post("/conversations", {"profileId": profile["id"], "title": evil}, expect=201).json()
    client.post(f"/conversations/{conversation['id']}/messages", {"content": evil}, expect=201)
    assert database.value("SELECT count(*) FROM profile WHERE name = %s", evil) == 1


def leaked(text):
    """Eight digits stand by chance in one of thousands of trace ids: a code counts as a word of its own."""
    return [secret for secret in SECRETS if secret in text
            and (not secret.isdigit() or re.search(rf"(?<![0-9a-f-]){secret}(?![0-9a-f-])", text))]


@pytest.mark.last
def test_no_log_holds_a_password_a_token_or_what_was_mailed(system, people, database):
    """Everything that went through the whole run."""
    assert len(SECRETS) > 20
    logs = [path for path in system.log_dir.iterdir() if path.name.startswith("digitalme-") or "access" in path.name]
    assert len(logs) >= 2
    for path in logs:
        text = path.read_text(errors="replace")
        assert not leaked(text), (path, leaked(text)[:3])
        assert "Your confirmation token" not in text and "eyJ" not in text and "$2b$" not in text
    pepper = json.loads((system.dir / "system.json").read_text())["pepper"]
    assert all(pepper not in path.read_text(errors="replace") for path in logs)


@pytest.mark.last
def test_no_database_log_holds_a_secret(system):
    text = (system.log_dir / "postgres.log").read_text(errors="replace")
    assert not leaked(text)
