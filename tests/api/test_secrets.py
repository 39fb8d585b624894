"""Secrets at rest: digitalmectl puts them under a new key beside the running service, and doctor tells when a key is missing."""
import base64
import hashlib
import os
import re
import subprocess
import uuid

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg2.extras import execute_values

import tokens
from authenticator import first_step, second_step, turn_on
from database import Database
from people import People
from tools import wait_for

MANY = 1200


class Key:
    def __init__(self, text=None):
        self.text = text or base64.b64encode(os.urandom(32)).decode()
        self.bytes = base64.b64decode(self.text)
        self.id = hashlib.sha256(b"digitalme sealed key id\0" + self.bytes).hexdigest()[:8]

    def seal(self, factor_id, plain):
        nonce = os.urandom(12)
        sealed = AESGCM(self.bytes).encrypt(nonce, plain, f"second_factor.secret/{factor_id}".encode())
        return f"v1.{self.id}.{tokens.encode(nonce + sealed)}"

    def open(self, factor_id, text):
        version, key_id, sealed = text.split(".")
        assert (version, key_id) == ("v1", self.id)
        raw = tokens.decode(sealed)
        return AESGCM(self.bytes).decrypt(raw[:12], raw[12:], f"second_factor.secret/{factor_id}".encode())


class Site:
    """A system of the test's own, whose key can be changed."""

    def __init__(self, system, contract):
        self.system = system
        self.people = People(system, contract)
        self.database = Database(system)
        self.key = Key(system._load()["encryption_key"])

    def configure(self, key, previous):
        self.key = key
        self.system.settings.update({"encryption.key": key.text, "encryption.previous_key": previous.text if previous else ""})
        self.system.prepare()
        self.system.restart("digitalme-api")

    def change_key(self):
        old = self.key
        self.configure(Key(), old)
        return old

    def command(self, *words):
        return [self.system.program("digitalmectl"), "--config", self.system.config_file, *words]

    def ctl(self, *words):
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=120, check=False)

    def key_ids(self):
        return dict(self.database.rows("SELECT split_part(secret, '.', 2), count(*) FROM second_factor GROUP BY 1"))

    def fill(self, n):
        """Accounts with a factor under the present key; {factor id: secret}."""
        secrets = {str(uuid.uuid4()): os.urandom(20) for _ in range(n)}
        with self.database.connection.cursor() as cursor:
            execute_values(cursor, "INSERT INTO account (id, email, email_key, password_hash, first_name, last_name) VALUES %s",
                           [(row_id, f"{row_id}@example.org", f"{row_id}@example.org") for row_id in secrets],
                           "(%s, %s, %s, '$2b$10$' || repeat('a', 53), 'A', 'B')")
            execute_values(cursor, "INSERT INTO second_factor (id, account_id, kind, secret, confirmed_at) VALUES %s",
                           [(row_id, row_id, self.key.seal(row_id, secret)) for row_id, secret in secrets.items()],
                           "(%s, %s, 'totp', %s, now())")
        return secrets


@pytest.fixture(scope="module")
def the_site(own_system, contract):
    site = Site(own_system(), contract)
    yield site
    site.people.close()
    site.database.connection.close()


@pytest.fixture
def site(the_site):
    """Without an account, under a key of its own."""
    the_site.database.rows("DELETE FROM account")
    the_site.configure(Key(), None)
    return the_site


def test_every_secret_goes_under_the_new_key_and_still_opens(site, contract):
    account = site.people.logged_in()
    authenticator = turn_on(account, site.database)
    nobody = site.people.client()
    old = site.change_key()
    second_step(account, nobody, first_step(account, nobody), authenticator.code())
    assert site.key_ids() == {old.id: 1}
    done = site.ctl("secrets", "reencrypt")
    assert (done.returncode, done.stdout) == (
        0, f"second_factor.secret: 1 encrypted anew, 1 now under key {site.key.id}; left as they are: 0 under unknown keys, 0 damaged\n")
    factor_id, sealed = site.database.rows("SELECT id::text, secret FROM second_factor")[0]
    assert site.key.open(factor_id, sealed) == base64.b32decode(authenticator.secret)
    site.configure(site.key, None)
    second_step(account, nobody, first_step(account, nobody), authenticator.code())
    assert site.ctl("secrets", "reencrypt").stdout.startswith("second_factor.secret: 0 encrypted anew, 1 now")
    for text in (old.text, site.key.text):
        assert text not in (site.system.log_dir / "digitalme-api.log").read_text()


def test_it_may_be_killed_midway_and_run_again_while_people_log_in(site):
    account = site.people.logged_in()
    authenticator = turn_on(account, site.database)
    nobody = site.people.client()
    secrets = site.fill(MANY)
    old = site.change_key()
    running = subprocess.Popen(site.command("secrets", "reencrypt"), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: site.key_ids().get(site.key.id, 0) > 100, "a part to be done", 30)
    finally:
        running.kill()
        running.wait()
    part = site.key_ids()
    assert part[site.key.id] > 100 and part[old.id] > 100, "it was to be killed midway"
    second_step(account, nobody, first_step(account, nobody), authenticator.code())

    running = subprocess.Popen(site.command("secrets", "reencrypt"), stdout=subprocess.PIPE, text=True)
    while running.poll() is None:
        second_step(account, nobody, first_step(account, nobody), authenticator.code())
    assert running.returncode == 0 and running.stdout.read().endswith("0 under unknown keys, 0 damaged\n")
    assert site.key_ids() == {site.key.id: MANY + 1}
    stored = dict(site.database.rows("SELECT id::text, secret FROM second_factor WHERE account_id <> %s", account.id))
    assert {row_id: site.key.open(row_id, sealed) for row_id, sealed in stored.items()} == secrets
    second_step(account, nobody, first_step(account, nobody), authenticator.code())


def test_what_no_key_opens_is_told_and_left_as_it_is(site):
    secrets = site.fill(4)
    first, second, third, _ = secrets
    stranger = Key()
    site.database.rows("UPDATE second_factor SET secret = %s WHERE id = %s", stranger.seal(first, secrets[first]), first)
    site.database.rows("UPDATE second_factor SET secret = %s WHERE id = %s", site.key.seal(second, secrets[third]), third)
    before = dict(site.database.rows("SELECT id::text, secret FROM second_factor"))
    old = site.change_key()
    done = site.ctl("secrets", "reencrypt")
    assert done.returncode == 1 and re.search(r": 2 encrypted anew, 2 now under key [0-9a-f]{8}; left as they are: 1 under unknown keys, "
                                              r"1 damaged$", done.stdout.strip())
    after = dict(site.database.rows("SELECT id::text, secret FROM second_factor"))
    assert {row_id for row_id in before if before[row_id] == after[row_id]} == {first, third}
    doctor = site.ctl("doctor")
    assert re.search(rf"^FAIL +secrets at rest|^FAIL .*under keys that are not configured, one is {stranger.id}", doctor.stdout, re.M)
    assert doctor.returncode == 1 and "mend: put the key they are under into encryption.previous_key" in doctor.stdout
    assert old.id != site.key.id


def test_doctor_is_content_with_current_and_previous_key(site):
    site.fill(2)
    site.change_key()
    doctor = site.ctl("doctor")
    assert doctor.returncode == 0 and re.search(r"^ok +secrets at rest$", doctor.stdout, re.M), doctor.stdout


def test_without_the_key_nobody_gets_past_the_second_step_and_the_reason_is_in_the_log(site):
    account = site.people.logged_in()
    authenticator = turn_on(account, site.database)
    nobody = site.people.client()
    old = site.key
    site.configure(Key(), None)
    reply = second_step(account, nobody, first_step(account, nobody), authenticator.code(), expect=500)
    site.people.contract.expected("auth.second_step", 500)
    assert old.id not in reply.text
    log = (site.system.log_dir / "digitalme-api.log").read_text()
    assert f"sealed under the unknown key {old.id}" in log
    second_step(account, nobody, first_step(account, nobody), authenticator.recovery_codes[0])


def test_reencrypt_takes_no_arguments(ctl):
    assert ctl("secrets", "reencrypt", "now").returncode == 2
