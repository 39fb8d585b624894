"""Tokens that must not count, doors that must stay shut, and what the logs must not hold."""
import json
import time

import pytest
import redis
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

import bodies
import tokens
from client import BASE
from environment import contract
from people import SECRETS
from system import fcgi_request

SECURED = [o for o in contract().operations if o.secured]
ABSENT = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def key(system):
    return tokens.signing_key(system)


@pytest.fixture(scope="module")
def genuine(alice):
    """Header and claims of a good token."""
    return tokens.parts(alice.session["accessToken"])


def refused(people, token):
    reply = people.client(token=token).get("/auth/me")
    return reply.status_code == 401 and "invalid_token" in reply.headers["WWW-Authenticate"]


def test_a_token_signed_by_the_key_itself_counts(people, key, genuine):
    """So that the refusals below are for the reason they say."""
    people.client(token=tokens.es256(*genuine, key)).get("/auth/me", expect=200)


def test_an_access_token_is_what_it_is_said_to_be(genuine):
    header, claims = genuine
    assert header["alg"] == "ES256" and header["kid"]
    assert {"iss", "aud", "sub", "exp", "iat", "nbf", "jti"} <= set(claims)
    assert claims["exp"] - claims["iat"] == 3600


CLAIMS = {
    "expired": lambda now: {"iat": now - 4000, "nbf": now - 4000, "exp": now - 60},
    "not yet valid": lambda now: {"iat": now + 120, "nbf": now + 120, "exp": now + 600},
    "issued in the future": lambda now: {"iat": now + 3600},
    "of another issuer": lambda now: {"iss": "https://evil.example"},
    "for another audience": lambda now: {"aud": "someone-else"},
    "without an audience": lambda now: {"aud": None},
    "without an end": lambda now: {"exp": None},
    "with an end that is text": lambda now: {"exp": "tomorrow"},
    "with an end far out of range": lambda now: {"exp": 10**40},
    "without a subject": lambda now: {"sub": None},
    "with a subject that is no id": lambda now: {"sub": "' OR 1=1 --"},
    "with a session that is not": lambda now: {"sid": ABSENT},
    "without a session": lambda now: {"sid": None},
    "with a role that is not": lambda now: {"role": "God"},
    "for another use": lambda now: {"token_use": "refresh"},
    "without a use": lambda now: {"token_use": None},
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_well_signed_token_is_refused_when_it_is(people, key, genuine, kind):
    header, claims = genuine
    change = CLAIMS[kind](int(time.time()))
    assert set(change) <= set(claims), f"the token has no such claim: {sorted(claims)}"
    claims = {name: value for name, value in {**claims, **change}.items() if value is not None}
    assert refused(people, tokens.es256(header, claims, key))


def test_a_token_of_another_key_is_refused(people, genuine):
    header, claims = genuine
    other = ec.generate_private_key(ec.SECP256R1())
    assert refused(people, tokens.es256(header, claims, other))
    assert refused(people, tokens.es256({**header, "kid": "another"}, claims, other))
    assert refused(people, tokens.es256({k: v for k, v in header.items() if k != "kid"}, claims, other))
    assert refused(people, tokens.es256({**header, "kid": "../../../../dev/null"}, claims, other))


def test_a_key_that_the_token_brings_along_is_not_believed(people, genuine):
    header, claims = genuine
    other = ec.generate_private_key(ec.SECP256R1())
    numbers = other.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": tokens.encode(numbers.x.to_bytes(32, "big")), "y": tokens.encode(numbers.y.to_bytes(32, "big"))}
    assert refused(people, tokens.es256({**header, "jwk": jwk}, claims, other))
    assert refused(people, tokens.es256({**header, "jku": "https://evil.example/jwks.json"}, claims, other))
    assert refused(people, tokens.es256({**header, "crit": ["exp"]}, claims, other))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
def test_alg_none_is_refused(people, genuine, algorithm):
    header, claims = genuine
    text = tokens.unsigned({**header, "alg": algorithm}, claims)
    for signature in ("", "AA", "A" * 86):
        assert refused(people, f"{text}.{signature}")


def test_hs256_with_the_public_key_as_secret_is_refused(people, key, genuine):
    header, claims = genuine
    for secret in (*tokens.public_forms(key), b""):
        assert refused(people, tokens.hs256({**header, "alg": "HS256"}, claims, secret))
        assert refused(people, tokens.hs256(header, claims, secret))


def test_another_curve_or_hash_is_refused(people, key, genuine):
    header, claims = genuine
    p384 = ec.generate_private_key(ec.SECP384R1())
    assert refused(people, tokens.es256(header, claims, p384))
    assert refused(people, tokens.es256({**header, "alg": "ES384"}, claims, p384))
    assert refused(people, tokens.es256({**header, "alg": "ES512"}, claims, key, hashes.SHA512()))


def test_a_token_with_any_letter_changed_is_refused(people, genuine, key):
    token = tokens.es256(*genuine, key)
    for at in range(0, len(token), 7):
        letter = "A" if token[at] not in "A." else "B"
        changed = token[:at] + letter + token[at + 1:]
        assert refused(people, changed), at


def test_another_persons_claims_under_ones_own_signature_are_refused(people, alice, bob):
    head, _, signature = alice.session["accessToken"].split(".")
    claims = bob.session["accessToken"].split(".")[1]
    assert refused(people, f"{head}.{claims}.{signature}")


@pytest.mark.parametrize("change", [lambda t: t + "=", lambda t: t + ".", lambda t: t + ".AAAA", lambda t: "." + t, lambda t: t.replace(".", ".."),
                                    lambda t: t.replace("-", "+").replace("_", "/") + "=", lambda t: t.rpartition(".")[0] + ".",
                                    lambda t: "..", lambda t: t + " x", lambda t: "a.b.c", lambda t: t[:-1], lambda t: t.partition(".")[2]])
def test_a_token_of_another_form_is_refused(people, alice, change):
    assert refused(people, change(alice.session["accessToken"]))


@pytest.mark.parametrize("length", [4000, 8192, 9000, 30_000])
def test_an_overlong_token_is_refused_by_the_program_or_before_it(people, length):
    people.client(token="A" * length).get("/auth/me", expect=(400, 401, 431))


@pytest.mark.parametrize("signature", [b"\x00" * 64, b"\xff" * 64, b"\x00" * 63 + b"\x01", b"", b"\x30\x06\x02\x01\x01\x02\x01\x01"])
def test_a_made_up_signature_is_refused(people, genuine, signature):
    """Zeros were a valid signature in more than one library."""
    assert refused(people, tokens.unsigned(*genuine) + "." + tokens.encode(signature))


@pytest.mark.parametrize("value", ["", "Bearer", "Basic YTpi", "Token x", "bearer", "Bearer null", "Bearer undefined"])
def test_a_header_that_holds_no_token_is_refused(nobody, value):
    nobody.get("/auth/me", headers={"Authorization": value}, expect=401)


def test_credentials_in_the_query_do_not_count(people, alice):
    token = alice.session["accessToken"]
    people.client().get(f"/auth/me?access_token={token}", expect=401)


def test_a_token_is_taken_with_the_scheme_in_any_case(people, alice):
    people.client().get("/auth/me", headers={"Authorization": f"bearer {alice.session['accessToken']}"}, expect=200)


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


# Doors.

def path_of(operation, ids):
    path = operation.path.removeprefix(BASE)
    for name in operation.params:
        path = path.replace("{" + name + "}", ids[name])
    return path


@pytest.mark.parametrize("operation", SECURED, ids=lambda o: o.id)
def test_nobody_is_let_in_without_a_credential(nobody, database, mara, operation):
    before = database.counts()
    body = {"body": bodies.valid(operation, mara)} if operation.request_schema() else {}
    for path in (path_of(operation, mara), path_of(operation, dict.fromkeys(mara, ABSENT))):
        reply = nobody.call(operation.method, path, **body)
        assert reply.status_code == 401 and reply.headers["WWW-Authenticate"] == "Bearer"
    nobody.call(operation.method, path_of(operation, mara), content=b"not json", expect=401)
    assert database.counts() == before


@pytest.mark.parametrize("operation", [o for o in SECURED if o.params], ids=lambda o: o.id)
def test_what_is_somebody_elses_looks_absent(bob, database, mara, operation):
    before = database.counts()
    body = {"body": bodies.valid(operation, mara)} if operation.request_schema() else {}
    theirs, absent = (bob.client.call(operation.method, path_of(operation, ids), expect=404, **body)
                      for ids in (mara, dict.fromkeys(mara, ABSENT)))

    def comparable(reply):
        return {k: v for k, v in reply.json().items() if k not in ("instance", "correlationId")}, set(reply.headers)
    assert comparable(theirs) == comparable(absent)
    assert database.counts() == before


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


def test_the_programs_database_role_can_neither_change_tables_nor_touch_audit_rows(database):
    for privilege in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"):
        assert not database.value("SELECT has_table_privilege('digitalme_api', 'audit_event', %s)", privilege), privilege
    assert not database.value("SELECT has_schema_privilege('digitalme_api', 'public', 'CREATE')")
    assert not database.value("SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls FROM pg_roles WHERE rolname = 'digitalme_api'")
    assert database.value("SELECT count(*) FROM pg_tables WHERE tableowner = 'digitalme_api'") == 0


@pytest.mark.last
def test_no_log_holds_a_password_a_token_or_what_was_mailed(system, people, database):
    """Everything that went through the whole run."""
    assert len(SECRETS) > 20
    logs = [path for path in system.log_dir.iterdir() if path.name.startswith("digitalme-") or "access" in path.name]
    assert len(logs) >= 2
    for path in logs:
        text = path.read_text(errors="replace")
        leaked = [secret for secret in SECRETS if secret in text]
        assert not leaked, (path, leaked[:3])
        assert "Your confirmation token" not in text and "eyJ" not in text and "$2b$" not in text
    pepper = json.loads((system.dir / "system.json").read_text())["pepper"]
    assert all(pepper not in path.read_text(errors="replace") for path in logs)


@pytest.mark.last
def test_no_database_log_holds_a_secret(system):
    text = (system.log_dir / "postgres.log").read_text(errors="replace")
    assert not [secret for secret in SECRETS if secret in text]
