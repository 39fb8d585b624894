"""Access tokens by the rules: each test says which of RFC 8725 (JSON Web Token Best Current Practices), RFC 6750 (bearer tokens) and RFC 9700
(OAuth security) it holds the API to. What only a unit test can reach stands in tests/unit/base/jwt_test.c under the same names."""
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import tokens
from authenticator import first_step, turn_on
from client import BASE, read_reply, tls_socket
from people import SECRETS
from system import fcgi_request
from test_account import SUBJECT as NEW_ADDRESS
from test_lockout import lock

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


def test_an_access_token_is_what_it_is_said_to_be(system, genuine, alice):
    header, claims = genuine
    assert set(header) == {"alg", "typ", "kid"} and header["alg"] == "ES256" and header["typ"] == "JWT"
    assert (system.dir / "keys" / f"{header['kid']}.pem").exists()
    assert set(claims) == {"iss", "aud", "sub", "sid", "iat", "nbf", "exp", "jti", "role", "scope", "token_use"}
    assert claims["sub"] == alice.id and claims["token_use"] == "access" and claims["role"] == "User" and "personality:read" in claims["scope"]
    assert claims["exp"] - claims["iat"] == 3600 and claims["nbf"] == claims["iat"]


def test_no_two_tokens_share_an_id(someone):
    ids = [tokens.parts(someone.log_in()["accessToken"])[1] for _ in range(2)]
    assert ids[0]["jti"] != ids[1]["jti"] and ids[0]["sid"] != ids[1]["sid"]


# RFC 8725 3.1 and 3.2: the algorithm is the key's.

@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", " none", "none\u0000"])
def test_3_2_alg_none_is_refused(people, genuine, algorithm):
    header, claims = genuine
    text = tokens.unsigned({**header, "alg": algorithm}, claims)
    for signature in ("", "AA", "A" * 86):
        assert refused(people, f"{text}.{signature}")


def test_3_1_hs256_with_the_public_key_as_secret_is_refused(people, key, genuine):
    header, claims = genuine
    for secret in (*tokens.public_forms(key), header["kid"].encode(), b"", b"\0" * 32):
        assert refused(people, tokens.hs256({**header, "alg": "HS256"}, claims, secret))
        assert refused(people, tokens.hs256(header, claims, secret))


def test_3_1_an_rsa_token_is_refused(people, genuine):
    header, claims = genuine
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for algorithm, scheme in (("RS256", padding.PKCS1v15()), ("PS256", padding.PSS(padding.MGF1(hashes.SHA256()), 32))):
        text = tokens.unsigned({**header, "alg": algorithm}, claims)
        assert refused(people, text + "." + tokens.encode(other.sign(text.encode(), scheme, hashes.SHA256())))


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES384", "ES512", "ES256K", "EdDSA", "es256", "ES256 ", None, 1, ["ES256"], {}])
def test_3_1_a_good_signature_under_another_algorithms_name_is_refused(people, key, genuine, algorithm):
    header, claims = genuine
    assert refused(people, tokens.es256({**header, "alg": algorithm}, claims, key))
    assert refused(people, tokens.es256({k: v for k, v in header.items() if k != "alg"}, claims, key))


def test_3_1_another_curve_or_hash_is_refused(people, key, genuine):
    header, claims = genuine
    for curve, algorithm in ((ec.SECP384R1(), "ES384"), (ec.SECP256K1(), "ES256K"), (ec.SECP521R1(), "ES512")):
        other = ec.generate_private_key(curve)
        assert refused(people, tokens.es256(header, claims, other))
        assert refused(people, tokens.es256({**header, "alg": algorithm}, claims, other))
    assert refused(people, tokens.es256(header, claims, key, hashes.SHA512()))
    assert refused(people, tokens.es256({**header, "alg": "ES512"}, claims, key, hashes.SHA512()))


# RFC 8725 3.3: all of it is validated.

def test_3_3_a_token_with_any_letter_changed_is_refused(people, genuine, key):
    token = tokens.es256(*genuine, key)
    for at in range(0, len(token), 7):
        letter = "A" if token[at] not in "A." else "B"
        changed = token[:at] + letter + token[at + 1:]
        assert refused(people, changed), at


def test_3_3_another_persons_claims_under_ones_own_signature_are_refused(people, alice, bob):
    head, _, signature = alice.session["accessToken"].split(".")
    claims = bob.session["accessToken"].split(".")[1]
    assert refused(people, f"{head}.{claims}.{signature}")


@pytest.mark.parametrize("signature", [b"\x00" * 64, b"\xff" * 64, b"\x00" * 63 + b"\x01", b"", b"\x30\x06\x02\x01\x01\x02\x01\x01"])
def test_3_3_a_made_up_signature_is_refused(people, genuine, signature):
    """Zeros were a valid signature in more than one library."""
    assert refused(people, tokens.unsigned(*genuine) + "." + tokens.encode(signature))


def test_3_3_a_der_signature_is_refused(people, genuine, key):
    text = tokens.unsigned(*genuine)
    assert refused(people, text + "." + tokens.encode(key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))))


def test_3_3_a_nested_or_encrypted_token_is_refused(people, genuine, key):
    header, claims = genuine
    inner = tokens.es256(header, claims, key)
    assert refused(people, tokens.es256(header, inner, key))
    assert refused(people, tokens.es256({**header, "cty": "JWT"}, inner, key))
    assert refused(people, tokens.es256(header, json.dumps(inner), key))
    jwe = tokens.encode(json.dumps({"alg": "dir", "enc": "A128GCM", "kid": header["kid"]}).encode())
    assert refused(people, f"{jwe}..{'A' * 16}.{'A' * 40}.{'A' * 22}")
    assert refused(people, inner + "." + inner)


@pytest.mark.parametrize("change", [lambda t: t + "=", lambda t: t + "==", lambda t: t.replace(".", "=.", 1), lambda t: t + ".", lambda t: t + ".AAAA",
                                    lambda t: "." + t, lambda t: t.replace(".", ".."), lambda t: t.rpartition(".")[0] + ".",
                                    lambda t: "..", lambda t: t + " x", lambda t: t[:40] + " " + t[40:], lambda t: t[:40] + "%20" + t[40:], lambda t: "a.b.c",
                                    lambda t: t[:-1], lambda t: t.partition(".")[2], lambda t: t + ", " + t, lambda t: f'"{t}"'])
def test_3_3_a_token_of_another_form_is_refused(people, alice, change):
    assert refused(people, change(alice.session["accessToken"]))


def test_3_3_the_alphabet_of_base64_is_refused(people, genuine, key):
    """'+' and '/' for '-' and '_': another text for the same bytes."""
    token = next(token for token in (tokens.es256(*genuine, key) for _ in range(200)) if "-" in token.rpartition(".")[2] or "_" in token.rpartition(".")[2])
    head, _, signature = token.rpartition(".")
    assert refused(people, head + "." + signature.replace("-", "+").replace("_", "/"))


def test_3_3_left_over_bits_are_refused(people, genuine, key):
    """The last letter of 64 bytes has four bits that say nothing: one text only is right."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = tokens.es256(*genuine, key)
    at = alphabet.index(token[-1])
    people.client(token=token).get("/auth/me", expect=200)
    for bits in range(1, 16):
        assert refused(people, token[:-1] + alphabet[at | bits])


def test_3_3_a_claim_or_header_given_twice_is_refused(people, genuine, key):
    """Two readers would see two tokens."""
    header, claims = genuine
    text = json.dumps(claims)
    for name in ("sub", "exp", "iss", "role"):
        assert refused(people, tokens.es256(header, text[:-1] + f', "{name}": {json.dumps(claims[name])}}}', key))
    head = json.dumps(header)
    assert refused(people, tokens.es256(head[:-1] + ', "alg": "ES256"}', claims, key))
    assert refused(people, tokens.es256('{"alg": "none", ' + head[1:], claims, key))
    assert refused(people, tokens.es256(head.replace('"alg"', '"al\\u0067"'), claims, key))


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "1", "{}", '{"sub": NaN}', "{'sub': 1}", "\ufeff{}"])
def test_3_3_claims_that_are_no_object_are_refused(people, genuine, key, text):
    assert refused(people, tokens.es256(genuine[0], text, key))


def test_3_3_a_nul_in_a_claim_is_refused(people, genuine, key):
    header, claims = genuine
    for name in ("iss", "aud", "sub", "sid", "role", "token_use"):
        assert refused(people, tokens.es256(header, {**claims, name: claims[name] + "\0"}, key))
        assert refused(people, tokens.es256(header, {**claims, name: claims[name] + "\0x"}, key))
    assert refused(people, tokens.es256(header, json.dumps(claims).replace('"sub"', '"sub\x00"'), key))


# RFC 8725 3.8, 3.9 and 3.12: whose token it is, for whom, for what; and when (RFC 7519 4.1).

CLAIMS = {
    "expired": lambda now: {"iat": now - 4000, "nbf": now - 4000, "exp": now - 60},
    "not yet valid": lambda now: {"iat": now + 120, "nbf": now + 120, "exp": now + 600},
    "issued in the future": lambda now: {"iat": now + 3600},
    "issued a little beyond the leeway": lambda now: {"iat": now + 45, "nbf": now},
    "of another issuer": lambda now: {"iss": "https://evil.example"},
    "of nearly our issuer": lambda now: {"iss": "https://localhost/"},
    "of two issuers": lambda now: {"iss": ["https://localhost"]},
    "for another audience": lambda now: {"aud": "someone-else"},
    "for others too": lambda now: {"aud": ["digitalme", "someone-else"]},
    "without an audience": lambda now: {"aud": None},
    "without an issuer": lambda now: {"iss": None},
    "without an end": lambda now: {"exp": None},
    "without a beginning": lambda now: {"nbf": None},
    "without its time of issue": lambda now: {"iat": None},
    "with an end that is text": lambda now: {"exp": "tomorrow"},
    "with an end that is a number as text": lambda now: {"exp": str(now + 600)},
    "with an end that is no integer": lambda now: {"exp": now + 600.5},
    "with an end before all time": lambda now: {"exp": -1},
    "with an end far out of range": lambda now: {"exp": 10**40},
    "with the greatest end": lambda now: {"exp": 2**63 - 1},
    "with an end past that of any token": lambda now: {"exp": now + 86400},
    "with an end that is true": lambda now: {"exp": True},
    "with a beginning that is text": lambda now: {"nbf": str(now)},
    "without a subject": lambda now: {"sub": None},
    "with a subject that is no id": lambda now: {"sub": "' OR 1=1 --"},
    "with a subject that is a list": lambda now: {"sub": [ABSENT]},
    "with a session that is not": lambda now: {"sid": ABSENT},
    "without a session": lambda now: {"sid": None},
    "without an id": lambda now: {"jti": None},
    "with a role that is not": lambda now: {"role": "God"},
    "without a role": lambda now: {"role": None},
    "for another use": lambda now: {"token_use": "refresh"},
    "for the second step of a log-in": lambda now: {"token_use": "mfa"},
    "without a use": lambda now: {"token_use": None},
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_3_8_3_9_3_12_a_well_signed_token_is_refused_when_it_is(people, key, genuine, kind):
    header, claims = genuine
    change = CLAIMS[kind](int(time.time()))
    assert set(change) <= set(claims), f"the token has no such claim: {sorted(claims)}"
    claims = {name: value for name, value in {**claims, **change}.items() if value is not None}
    assert refused(people, tokens.es256(header, claims, key))


def test_a_clock_that_is_a_little_ahead_is_borne(people, key, genuine):
    """Within the leeway of 30 s."""
    header, claims = genuine
    now = int(time.time())
    people.client(token=tokens.es256(header, {**claims, "iat": now + 20, "nbf": now + 20, "exp": now + 600}, key)).get("/auth/me", expect=200)


# RFC 8725 3.10: what the token says about its key is not believed.

@pytest.mark.parametrize("kid", ["another", "", "../../../../dev/null", "/dev/null", "{kid}/../{kid}", "{kid}.pem", "{kid} ", "{kid}\u0000", "' OR '1'='1", "*",
                                 "{kid}%00", "A" * 5000, None, 7, ["{kid}"], {"kid": "{kid}"}, True])
def test_3_10_a_kid_of_the_attackers_choice_is_refused(people, genuine, key, kid):
    header, claims = genuine
    chosen = json.loads(json.dumps(kid).replace("{kid}", header["kid"]))
    assert refused(people, tokens.es256({**header, "kid": chosen}, claims, key))


def test_3_10_a_token_of_another_key_is_refused(people, genuine):
    header, claims = genuine
    other = ec.generate_private_key(ec.SECP256R1())
    assert refused(people, tokens.es256(header, claims, other))
    assert refused(people, tokens.es256({k: v for k, v in header.items() if k != "kid"}, claims, other))


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "cty", "enc", "epk", "apu", "iss", "x"])
def test_3_10_a_header_that_changes_the_meaning_is_refused(people, genuine, key, name):
    header, claims = genuine
    other = ec.generate_private_key(ec.SECP256R1())
    values = {"jwk": tokens.jwk(other), "crit": ["exp"], "b64": False, "x5c": ["MIIB"], "epk": tokens.jwk(other)}
    extra = {name: values.get(name, "https://evil.example/jwks.json")}
    assert refused(people, tokens.es256({**header, **extra}, claims, other))
    # Even when all the rest is right.
    assert refused(people, tokens.es256({**header, **extra}, claims, key))


@pytest.mark.parametrize("type_", ["at+jwt", "secevent+jwt", "jwt", "JWE", ""])
def test_3_11_a_token_of_another_type_is_refused(people, genuine, key, type_):
    header, claims = genuine
    assert refused(people, tokens.es256({**header, "typ": type_}, claims, key))


# Size.

@pytest.mark.parametrize("length", [4000, 8192, 9000, 30_000])
def test_an_overlong_token_is_refused_by_the_program_or_before_it(people, length):
    people.client(token="A" * length).get("/auth/me", expect=(400, 401, 431))


def test_a_token_of_nine_megabytes_is_refused_by_the_program_itself(system, alice):
    """A library once died of it. No proxy lets it through, so it goes to the door."""
    head, claims, signature = alice.session["accessToken"].split(".")
    for token in ("A" * 9_000_000, f"{head}.{claims}{'A' * 9_000_000}.{signature}", "." * 9_000_000):
        status = fcgi_request(system.door("api"), uri=BASE + "/auth/me", params={"HTTP_AUTHORIZATION": "Bearer " + token}, timeout_s=30)[0]
        assert status in (400, 401, 413, 431)
    assert fcgi_request(system.door("api"), uri=BASE + "/auth/me", params={"HTTP_AUTHORIZATION": f"Bearer {alice.session['accessToken']}"})[0] == 200


def test_a_body_token_of_nine_megabytes_is_refused(system, nobody):
    body = json.dumps({"refreshToken": "A" * 9_000_000}).encode()
    assert fcgi_request(system.door("api"), "POST", BASE + "/auth/refresh", body, {"CONTENT_TYPE": "application/json"}, 30)[0] == 413
    nobody.post("/auth/refresh", {"refreshToken": "A" * 100_000}, expect=422)


# RFC 6750 2 and RFC 9700 4.3.2: where a token may stand.

@pytest.mark.parametrize("name", ["access_token", "token", "accessToken", "authorization", "Authorization", "jwt", "api_key"])
def test_6750_2_3_a_token_in_the_query_does_not_count(people, alice, name):
    token = alice.session["accessToken"]
    people.client().get(f"/auth/me?{name}={token}", expect=(400, 401, 422))
    people.client().get(f"/auth/me?{name}=Bearer%20{token}", expect=(400, 401, 422))


def test_6750_2_2_a_token_in_the_body_does_not_count(people, alice):
    token = alice.session["accessToken"]
    people.client().post("/auth/logout", {"access_token": token}, expect=401)
    people.client().post("/auth/logout", content=f"access_token={token}".encode(), headers={"Content-Type": "application/x-www-form-urlencoded"},
                         expect=(401, 415))


def test_a_token_in_a_cookie_does_not_count(people, alice):
    for name in ("Authorization", "access_token", "token"):
        people.client().get("/auth/me", headers={"Cookie": f"{name}={alice.session['accessToken']}"}, expect=401)


def test_6750_2_1_a_token_is_taken_with_the_scheme_in_any_case(people, alice):
    for scheme in ("bearer", "BEARER", "bEaReR"):
        people.client().get("/auth/me", headers={"Authorization": f"{scheme} {alice.session['accessToken']}"}, expect=200)


@pytest.mark.parametrize("form", ["{}", "Bearer{}", "Bearer\t{}", "Token {}", "Basic {}", "JWT {}", "Bearer: {}", "Bearer Bearer {}", "Bearer {}, Bearer {}", "Bearer x {}"])
def test_6750_2_1_a_token_under_another_scheme_does_not_count(people, alice, form):
    people.client().get("/auth/me", headers={"Authorization": form.replace("{}", alice.session["accessToken"])}, expect=(400, 401))


def test_9110_two_authorization_headers_never_count_as_the_second(system, alice, bob):
    """Whoever stands between may have judged by another of the two than we do."""
    mine, theirs = (person.session["accessToken"] for person in (alice, bob))
    for first, second in ((mine, theirs), (mine, "x"), ("x", mine)):
        with tls_socket(system) as stream:
            stream.sendall((f"GET {BASE}/auth/me HTTP/1.1\r\nHost: 127.0.0.1:{system.port}\r\nAuthorization: Bearer {first}\r\n"
                            f"Authorization: Bearer {second}\r\nConnection: close\r\n\r\n").encode())
            status, _, body = read_reply(stream)
        assert status in (400, 401), (status, body[:200])


def test_6750_3_the_challenge_says_what_was_wrong_and_no_more(nobody, people, alice):
    assert nobody.get("/auth/me", expect=401).headers["WWW-Authenticate"] == "Bearer"
    replies = [people.client(token=token).get("/auth/me", expect=401) for token in
               ("x", alice.session["accessToken"][:-2], tokens.unsigned({"alg": "none"}, {}) + ".")]
    assert {reply.headers["WWW-Authenticate"] for reply in replies} == {'Bearer error="invalid_token"'}
    assert len({reply.json()["detail"] for reply in replies}) == 1


# RFC 8725 3.12: no kind of token stands in for another.

class Kinds:
    """One good token of each kind, and a way to show any token at the place where a kind is due."""

    def __init__(self, people, nobody, database):
        self.nobody, self.new_password, new_address = nobody, people.password(), people.address()
        self.account, self.guarded, moving = people.logged_in(), people.logged_in(), people.logged_in()
        waiting, forgetful = people.registered(), people.confirmed()
        moving.client.post("/auth/change-email", {"newEmail": new_address, "password": moving.password}, expect=202)
        nobody.post("/auth/forgot-password", {"email": forgetful.email}, expect=202)
        self.authenticator = turn_on(self.guarded, database)
        key = self.account.client.post("/api-keys", {"name": "A program", "scopes": ["personality:read"]}, expect=201).json()["key"]
        session = self.account.session
        self.tokens = {"access": session["accessToken"], "refresh": session["refreshToken"], "device": session["deviceToken"], "API key": key,
                       "confirmation": people.mailbox.token(waiting.email), "new address": people.mailbox.token(new_address, subject=NEW_ADDRESS),
                       "reset": people.mailbox.token(forgetful.email, subject="Choose a new password"),
                       "second step": first_step(self.guarded, nobody)}
        SECRETS.update(self.tokens.values())
        # From now on only the known device gets in.
        lock(database, nobody, self.account)

    def show(self, place, token):
        return {
            "access": lambda: self.nobody.get("/auth/me", headers={"Authorization": f"Bearer {token}"}),
            "API key": lambda: self.nobody.get("/personality", headers={"X-API-Key": token}),
            "refresh": lambda: self.nobody.post("/auth/refresh", {"refreshToken": token}),
            "confirmation": lambda: self.nobody.post("/auth/confirm-email", {"token": token}),
            "new address": lambda: self.nobody.post("/auth/confirm-email-change", {"token": token}),
            "reset": lambda: self.nobody.post("/auth/reset-password", {"token": token, "password": self.new_password}),
            "device": lambda: self.nobody.post("/auth/login", {"email": self.account.email, "password": self.account.password, "deviceToken": token}),
            "second step": lambda: self.nobody.post("/auth/mfa/verify", {"mfaToken": token, "code": self.authenticator.code()}),
        }[place]().status_code


KINDS = ["access", "API key", "refresh", "confirmation", "new address", "reset", "device", "second step"]
MAILED = ("confirmation", "new address", "reset")


@pytest.fixture(scope="module")
def kinds(people, nobody, database):
    return Kinds(people, nobody, database)


@pytest.mark.parametrize("place", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_3_12_a_token_is_refused_where_another_is_due(kinds, kind, place):
    if kind != place:
        assert kinds.show(place, kinds.tokens[kind]) in (401, 403, 422)


def test_3_12_and_each_is_taken_where_it_is_due(kinds):
    """After all that misuse: nothing was used up by it."""
    assert {kind: kinds.show(kind, kinds.tokens[kind]) for kind in KINDS} == {**dict.fromkeys(KINDS, 200), **dict.fromkeys(MAILED, 204)}
