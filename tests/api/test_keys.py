"""Signing keys as operators and verifiers see them: rotated under load with nothing refused, taken away at once, never lost to a bad file."""
import itertools
import os
import re
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import tokens
from beside import Beside
from people import People
from system import fcgi_request, wait_for

LONG = bool(os.environ.get("DM_TEST_LONG"))
KID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
SECRET = "a-secret-of-this-test-that-is-long-enough"


# digitalmectl keys, in folders of their own.

@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "keys"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def keys(ctl, folder):
    """digitalmectl keys … with that folder: status, words."""
    def run(*words, env=None):
        done = ctl("keys", *words, env={"DIGITALME_TOKEN_KEY_DIR": str(folder), **(env or {})})
        return done.returncode, done.stdout + done.stderr
    return run


def states(listing):
    """{kid: state}"""
    return dict(line.split()[:2] for line in listing.splitlines()[1:])


def stamp(seconds_ago):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - seconds_ago))


def put_key(folder, kid, curve=ec.SECP256R1, mode=0o600):
    path = folder / f"{kid}.pem"
    path.write_bytes(ec.generate_private_key(curve()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    path.chmod(mode)


def test_a_first_key_signs_at_once_and_the_next_waits(keys, folder):
    status, words = keys("rotate")
    first = KID.search(words).group()
    assert status == 0 and states(keys("list")[1]) == {first: "current"}
    assert (folder / f"{first}.pem").stat().st_mode & 0o777 == 0o600
    status, words = keys("rotate", "--lead", "1h")
    assert status == 0
    second = KID.search(words).group()
    assert states(keys("list")[1]) == {first: "current", second: "next"}
    status, words = keys("rotate")
    assert status == 1 and second in words and "already" in words
    assert sorted(path.name for path in folder.iterdir()) == sorted([f"{first}.pem", f"{second}.pem"])


def test_rotate_if_due_looks_at_the_keys_age(keys, folder):
    put_key(folder, stamp(29 * 86400))
    assert keys("rotate", "--if-due") == (0, "nothing is due\n")
    assert keys("rotate", "--if-older-than", "30d") == (0, "nothing is due\n")
    assert len(list(folder.iterdir())) == 1
    status, words = keys("rotate", "--if-older-than", "28d")
    assert status == 0 and words.startswith("made ")
    assert keys("rotate", "--if-older-than", "28d") == (0, "nothing is due\n")
    assert keys("rotate", "--if-due", env={"DIGITALME_TOKEN_ROTATE_S": "3600"}) == (0, "nothing is due\n")


def test_of_eight_rotations_at_once_one_makes_a_key(keys, folder):
    put_key(folder, stamp(60))
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: keys("rotate", "--if-older-than", "30s"), range(8)))
    assert sum(words.startswith("made ") for _, words in done) == 1
    assert {words for status, words in done if status == 0 and not words.startswith("made ")} <= {"nothing is due\n"}
    assert all("another program changes the keys" in words for status, words in done if status != 0)
    assert len(list(folder.iterdir())) == 2


def test_rotate_removes_what_is_past(keys, folder):
    past, old, current = stamp(9 * 86400), stamp(8 * 86400), stamp(60)
    for kid in (past, old, current):
        put_key(folder, kid)
    assert states(keys("list")[1]) == {past: "past", old: "retired", current: "current"}
    assert keys("rotate", "--if-due") == (0, f"removed {past}\n")
    assert states(keys("list")[1]) == {old: "retired", current: "current"}


def test_a_key_in_use_is_retired_only_when_that_is_said(keys, folder):
    old, current = stamp(8 * 86400), stamp(60)
    put_key(folder, old)
    put_key(folder, current)
    status, words = keys("retire", current)
    assert status == 1 and "rotate first" in words
    status, words = keys("retire", old)
    assert status == 1 and "--now" in words
    assert keys("retire", old, "--now") == (0, f"removed {old}\n")
    status, words = keys("retire", current, "--now")
    assert status == 0 and f"removed {current}" in words
    assert list(states(keys("list")[1]).values()) == ["current"]
    status, words = keys("retire", "unknown")
    assert status == 1 and "holds no key unknown" in words
    for kid in ("../keys/x", "a/b", "*"):
        assert keys("retire", kid, "--now")[0] == 1


def test_what_is_done_to_keys_is_in_the_audit_trail(keys, folder, database):
    put_key(folder, stamp(60))
    made = KID.search(keys("rotate")[1]).group()
    keys("retire", made)
    assert database.rows("SELECT action, entity, entity_id FROM audit_event WHERE detail = jsonb_build_object('kid', %s::text) ORDER BY id",
                         made) == [("signing_key.rotate", "signing_key", None), ("signing_key.retire", "signing_key", None)]


def test_keys_rotate_without_the_database_and_say_so(keys):
    status, words = keys("rotate", env={"DIGITALME_DATABASE_CONNINFO": "host=/nonexistent dbname=x user=y"})
    assert status == 0 and words.startswith("made ") and "not written to the audit trail" in words


@pytest.mark.parametrize("words", [["rotate", "--lead"], ["rotate", "--lead", "soon"], ["rotate", "--lead", "-5s"], ["rotate", "--lead", "5"],
                                   ["rotate", "--if-due", "--if-older-than", "5d"], ["rotate", "now"], ["retire"], ["retire", "a", "b"],
                                   ["retire", "--now"], ["list", "all"]])
def test_wrong_use_shows_the_usage_and_does_nothing(keys, folder, words):
    status, said = keys(*words)
    assert status == 2 and ("usage:" in said or "takes no arguments" in said)
    assert not list(folder.iterdir())


def test_a_folder_that_is_not_there_or_bad_files_are_told(keys, folder):
    put_key(folder, stamp(60))
    put_key(folder, "p384", ec.SECP384R1)
    status, words = keys("list")
    assert status == 1 and "p384.pem: not an unencrypted P-256 private key" in words and "current" in words
    shutil.rmtree(folder)
    for words in (["list"], ["rotate"], ["retire", "a"]):
        status, said = keys(*words)
        assert status == 1 and str(folder) in said
    assert "make it first" in keys("rotate")[1]
    assert keys("rotate", "--lead", "1s")[0] == 1


def test_hs256_has_no_files(keys):
    status, words = keys("rotate", env={"DIGITALME_TOKEN_ALGORITHM": "HS256", "DIGITALME_TOKEN_HS256_SECRET": SECRET})
    assert status == 1 and "HS256" in words and SECRET not in words


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_hs256_wants_a_secret_as_long_as_its_hash(ctl, secret):
    done = ctl("config", "check", env={"DIGITALME_TOKEN_ALGORITHM": "HS256", "DIGITALME_TOKEN_HS256_SECRET": secret})
    assert done.returncode == 1 and "token.hs256_secret" in done.stderr


def doctor(ctl, folder):
    return ctl("doctor", env={"DIGITALME_TOKEN_KEY_DIR": str(folder)}).stdout


def test_doctor_tells_keys_that_others_can_read_that_are_bad_or_too_old(ctl, folder):
    kid = stamp(60)
    put_key(folder, kid)
    assert re.search(r"^ok +signing keys$", doctor(ctl, folder), re.M)
    (folder / f"{kid}.pem").chmod(0o644)
    assert re.search(rf"^FAIL .*{kid}\.pem has mode 644", doctor(ctl, folder), re.M)
    (folder / f"{kid}.pem").chmod(0o600)
    folder.chmod(0o755)
    assert re.search(r"^FAIL .*has mode 755", doctor(ctl, folder), re.M)
    folder.chmod(0o700)
    (folder / "broken.pem").write_text("no key")
    assert re.search(r"^FAIL .*broken\.pem: not an unencrypted", doctor(ctl, folder), re.M)
    (folder / "broken.pem").unlink()
    (folder / f"{kid}.pem").rename(folder / f"{stamp(40 * 86400)}.pem")
    assert re.search(r"^FAIL .*has signed for 40 days", doctor(ctl, folder), re.M)


# What verifiers see.

def test_the_jwk_set_holds_public_halves_and_may_be_kept_for_less_than_the_lead(nobody):
    reply = nobody.site("GET", "/.well-known/jwks.json", expect=200)
    assert reply.headers["Cache-Control"] == "public, max-age=300"
    for key in reply.json()["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")


def verify_as_another(token, jwks):
    """As a service that knows only our JWK Set and has its own library would."""
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(jwks).keys}
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key.key, algorithms=["ES256"], audience="digitalme", leeway=30,
                      options={"require": ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid"]})


def test_another_library_verifies_our_tokens_by_our_jwk_set(nobody, alice):
    claims = verify_as_another(alice.session["accessToken"], nobody.site("GET", "/.well-known/jwks.json").json())
    assert claims["sub"] == alice.id
    head, body, signature = alice.session["accessToken"].split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        verify_as_another(f"{head}.{body}.{signature[::-1]}", nobody.site("GET", "/.well-known/jwks.json").json())


# A closed site: HS256.

def test_an_hs256_site_publishes_nothing_and_takes_its_own_tokens_only(system, people, someone, nobody):
    es256 = someone.session["accessToken"]
    env = {"DIGITALME_TOKEN_ALGORITHM": "HS256", "DIGITALME_TOKEN_HS256_SECRET": SECRET}
    with Beside(system, "hs256", env) as closed:
        assert closed.ask("/.well-known/jwks.json") == (200, {"keys": []})
        hs256 = closed.log_in(someone)["accessToken"]
        header, claims = tokens.parts(hs256)
        assert header["alg"] == "HS256" and header["kid"].startswith("hs256-")
        assert jwt.decode(hs256, SECRET, algorithms=["HS256"], audience="digitalme")["sub"] == someone.id
        assert closed.me(hs256) == 200
        # Neither site takes the other's.
        assert closed.me(es256) == 401
        someone.client.token = hs256
        someone.client.get("/auth/me", expect=401)
        # Nor anything that was made with less than the secret.
        assert closed.me(tokens.hs256(header, claims, SECRET.encode())) == 200
        for secret in (b"", b"secret", SECRET[:-1].encode(), header["kid"].encode(), *tokens.public_forms(tokens.signing_key(system))):
            assert closed.me(tokens.hs256(header, claims, secret)) == 401
        for algorithm in ("none", "HS384", "HS512", "ES256", "hs256"):
            assert closed.me(tokens.hs256({**header, "alg": algorithm}, claims, SECRET.encode())) == 401
        assert closed.me(tokens.es256({**header, "alg": "ES256"}, claims, tokens.signing_key(system))) == 401


# The life of keys in a running site of two processes.

@pytest.fixture(scope="module")
def site(own_system):
    return own_system(settings={"token.access_s": "60", "password.cost": "10"})


@pytest.fixture(scope="module")
def crowd(site, contract):
    people = People(site, contract)
    yield people
    people.close()


@pytest.fixture(scope="module")
def second(site):
    with Beside(site, "second") as process:
        yield process


def keys_of(site, *words):
    done = subprocess.run([site.program("digitalmectl"), "--config", site.config_file, "keys", *words], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kid_of(token):
    return tokens.parts(token)[0]["kid"]


class Load:
    """People who log in, refresh and read at both processes, each token at once and again, until told to stop. What was refused is kept."""

    def __init__(self, crowd, second, account):
        self.crowd, self.second, self.account = crowd, second, account
        self.done = threading.Event()
        self.lock = threading.Lock()
        self.refused, self.kids, self.live = [], set(), {}
        self.counts = {"read": 0, "refresh": 0, "log-in": 0, "jwks": 0}
        self.threads = [threading.Thread(target=target) for target in (self.refresh, self.refresh, self.read, self.read, self.log_in, self.look)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def note(self, what, status, detail=""):
        with self.lock:
            self.counts[what] += 1
            if status != 200:
                self.refused.append((what, status, detail))

    def take(self, token):
        header, claims = tokens.parts(token)
        with self.lock:
            self.kids.add(header["kid"])
            self.live[token] = (header["kid"], claims["exp"])
        return token

    def at_both(self, client, token):
        client.token = token
        reply = client.get("/auth/me")
        self.note("read", reply.status_code, reply.text)
        self.note("read", self.second.me(token), "at the second process")

    def refresh(self):
        session, client = self.account.client.post("/auth/login", {"email": self.account.email, "password": self.account.password},
                                                   expect=200).json(), self.crowd.client()
        while not self.done.is_set():
            client.token = None
            reply = client.post("/auth/refresh", {"refreshToken": session["refreshToken"]})
            self.note("refresh", reply.status_code, reply.text)
            if reply.status_code != 200:
                return
            session = reply.json()
            self.at_both(client, self.take(session["accessToken"]))

    def read(self):
        """Old tokens too: any that has still some seconds to live."""
        client = self.crowd.client()
        for turn in itertools.count():
            if self.done.is_set():
                return
            with self.lock:
                good = [token for token, (_, exp) in self.live.items() if exp > time.time() + 5]
            if good:
                self.at_both(client, good[turn % len(good)])

    def log_in(self):
        while not self.done.is_set():
            try:
                token = self.second.log_in(self.account)["accessToken"]
            except AssertionError as refused:
                self.note("log-in", 500, str(refused))
                return
            self.note("log-in", 200)
            self.at_both(self.account.client, self.take(token))

    def look(self):
        """The JWK Set of either process has the key of every token in flight, and another library agrees."""
        client = self.crowd.client()
        while not self.done.is_set():
            with self.lock:
                live = {token: kid for token, (kid, exp) in self.live.items() if exp > time.time() + 5}
            for jwks in (client.site("GET", "/.well-known/jwks.json", expect=200).json(), self.second.ask("/.well-known/jwks.json")[1]):
                missing = set(live.values()) - {key["kid"] for key in jwks["keys"]}
                self.note("jwks", 404 if missing else 200, str(missing))
                for token in list(live)[-3:]:
                    if live[token] not in missing:
                        verify_as_another(token, jwks)


def test_rotation_under_load_refuses_no_token(site, crowd, second):
    account = crowd.logged_in()
    with Load(crowd, second, account) as load:
        for _ in range(4):
            made = KID.search(keys_of(site, "rotate", "--lead", "3s")).group()
            wait_for(lambda: made in load.kids, f"{made} to sign", 60)
        if LONG:
            first = min(load.kids)
            wait_for(lambda: first in keys_of(site, "rotate", "--if-due"), f"{first} to be past", 300, 1)
            wait_for(lambda: first not in str(second.ask("/.well-known/jwks.json")[1]), "the processes to drop it", 10)
    print(load.counts)
    assert not load.refused, (len(load.refused), load.refused[:5])
    assert len(load.kids) >= 5 and all(count > 20 for name, count in load.counts.items() if name != "log-in") and load.counts["log-in"] > 2


def test_a_key_taken_away_takes_its_tokens_along_at_both_processes(site, crowd, second):
    account = crowd.logged_in()
    token = account.session["accessToken"]
    for _ in range(2):
        # Both have it in their caches.
        account.client.get("/auth/me", expect=200)
        assert second.me(token) == 200
    keys_of(site, "retire", kid_of(token), "--now")
    started = time.monotonic()
    wait_for(lambda: account.client.get("/auth/me").status_code == 401 and second.me(token) == 401, "the tokens to be void", 10)
    assert time.monotonic() - started < 5
    # The session lives on, with a token of the new key.
    account.client.token = None
    session = account.client.post("/auth/refresh", {"refreshToken": account.session["refreshToken"]}, expect=200).json()
    account.take(session)
    assert kid_of(session["accessToken"]) != kid_of(token)
    account.client.get("/auth/me", expect=200)
    assert second.me(session["accessToken"]) == 200
    assert kid_of(token) not in str(second.ask("/.well-known/jwks.json")[1])


def test_a_new_key_that_signs_at_once_is_found_by_a_process_that_has_not_seen_it(site, crowd, second):
    account = crowd.logged_in()
    assert second.me(account.session["accessToken"]) == 200
    put_key(site.dir / "keys", stamp(0) + "-hurried")
    wait_for(lambda: "hurried" in kid_of(account.log_in()["accessToken"]), "the new key to sign", 10)
    assert second.me(account.session["accessToken"]) == 200


def faults(site):
    text = fcgi_request(site.door("api"), uri="/metrics")[2].decode()
    return int(re.search(r'^digitalme_signing_key_loads_total\{result="fault"\} (\d+)', text, re.M).group(1))


def test_a_broken_file_takes_no_service_down_and_is_told(site, crowd):
    account = crowd.logged_in()
    broken = site.dir / "keys" / "20991231T235959Z-broken.pem"
    before = faults(site)
    broken.write_text("half a k")
    wait_for(lambda: faults(site) > before, "the fault to be counted", 10)
    account.client.get("/auth/me", expect=200)
    account.log_in()
    assert "20991231T235959Z-broken.pem: not an unencrypted" in (site.log_dir / "digitalme-api.log").read_text()
    counted = faults(site)
    site.restart("digitalme-api")
    account.client.get("/auth/me", expect=200)
    broken.unlink()
    assert counted == before + 1


def test_a_folder_that_vanishes_takes_no_service_down(site, crowd):
    account = crowd.logged_in()
    home, away = site.dir / "keys", site.dir / "keys-away"
    before = faults(site)
    home.rename(away)
    try:
        wait_for(lambda: faults(site) > before, "the fault to be counted", 10)
        account.client.get("/auth/me", expect=200)
        account.log_in()
    finally:
        away.rename(home)
    account.client.get("/auth/me", expect=200)
