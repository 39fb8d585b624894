"""Passwords by NIST SP 800-63B and ASVS 5: any characters, brought to one form; not short, not guessable, not known from breaches."""
import hashlib
import os
import subprocess

import pytest

from client import violations
from people import SECRETS, People
from system import ROOT


def remember(password):
    """But for what any log holds by chance."""
    if len(set(password)) > 6:
        SECRETS.add(password)


def registration(people, password, **changes):
    remember(password)
    return {"email": people.address(), "password": password, "firstName": "Per", "lastName": "Son", **changes}


def confirmed(people, client, password):
    """The address of a new account with this password."""
    body = registration(people, password)
    client.post("/auth/register", body, expect=202)
    client.post("/auth/confirm-email", {"token": people.mailbox.token(body["email"])}, expect=204)
    return body["email"]


def log_in(client, address, password, expect):
    remember(password)
    return client.post("/auth/login", {"email": address, "password": password}, expect=expect)


# Chosen, then typed on another keyboard.
SAME = {
    "a ligature": ("\ufb01ve-wizards-jump-7", "five-wizards-jump-7"),
    "full width": ("five-wizards-jump-8", "\uff46\uff49\uff56\uff45-wizards-jump-8"),
    "a ring of its own": ("\u00c5ngstr\u00f6m-fjord-4711", "A\u030angstro\u0308m-fjord-4711"),
    "Hangul by letters": ("\ud55c\uad6d-lantern-4711-x", "\u1112\u1161\u11ab\u1100\u116e\u11a8-lantern-4711-x"),
    "emoji": ("\U0001f989-owls-hunt-mice-\u2764\ufe0f", "\U0001f989-owls-hunt-mice-\u2764\ufe0f"),
    "blanks at both ends": ("  blank-ends-are-kept  ", "  blank-ends-are-kept  "),
    "a tab and a line feed": ("tab\tand\nline-feed-kept", "tab\tand\nline-feed-kept"),
    "128 characters": (("saffron-kettle-\u00e9\u00fc-" * 8)[:128], ("saffron-kettle-e\u0301u\u0308-" * 8)[:142]),
}


@pytest.mark.parametrize("kind", SAME)
def test_a_password_is_the_same_however_it_is_typed(people, nobody, kind):
    chosen, typed = SAME[kind]
    address = confirmed(people, nobody, chosen)
    log_in(nobody, address, typed, 200)
    log_in(nobody, address, typed.strip()[:-1], 401)


def test_the_same_rules_hold_for_a_change_and_a_reset(people, nobody):
    account = people.logged_in()
    chosen, typed = SAME["a ligature"]
    again, other = SAME["a ring of its own"]
    SECRETS.update((chosen, typed, again, other))
    body = {"currentPassword": account.password, "newPassword": "\uff50assword1234"}
    assert violations(account.client.post("/auth/change-password", body)) == {"/newPassword": "breached"}
    account.client.post("/auth/change-password", {"currentPassword": account.password, "newPassword": chosen}, expect=204)
    account.client.post("/auth/change-password", {"currentPassword": typed, "newPassword": again}, expect=204)
    log_in(nobody, account.email, other, 200)

    nobody.post("/auth/forgot-password", {"email": account.email}, expect=202)
    token = people.mailbox.token(account.email, subject="Choose a new password")
    assert violations(nobody.post("/auth/reset-password", {"token": token, "password": "password1234"})) == {"/password": "breached"}
    assert violations(nobody.post("/auth/reset-password", {"token": token, "password": "\ufb01" * 65})) == {"/password": "too_long"}
    nobody.post("/auth/reset-password", {"token": token, "password": typed}, expect=204)
    log_in(nobody, account.email, chosen, 200)


def test_blanks_are_not_cut_off(people, nobody):
    address = confirmed(people, nobody, "blank-at-the-end-kept ")
    log_in(nobody, address, "blank-at-the-end-kept", 401)
    log_in(nobody, address, "blank-at-the-end-kept ", 200)


def test_the_73rd_byte_counts(people, nobody):
    start = ("violet-anchor-" * 6)[:72]
    address = confirmed(people, nobody, start + "X")
    # In this order: after two failures the guard asks for a pause.
    log_in(nobody, address, start + "X", 200)
    log_in(nobody, address, start + "Y", 401)
    log_in(nobody, address, start, 401)


@pytest.mark.parametrize("password,rule", [
    ("Kw9$zQ!v-2x", "too_short"),
    ("\U0001f989\U0001f98a\U0001f43b\U0001f41d", "too_short"),
    ("Kw9$zQ!v-2A\u030a\u0301"[:12], "too_short"),
    ("saffron-kettle-7" * 8 + "x", "too_long"),
    ("\ufb01" * 65, "too_long"),
    ("password1234", "breached"),
    ("\uff50assword1234", "breached"),
    ("aaaaaaaaaaaaaaaa", "too_weak"),
    ("digitalmedigitalme", "too_weak"),
    ("Rosalind-Featherstone", "too_weak"),
])
def test_each_refusal_says_its_rule_and_not_the_password(people, nobody, password, rule):
    body = registration(people, password, firstName="Rosalind", lastName="Featherstone")
    reply = nobody.post("/auth/register", body, expect=422)
    assert violations(reply) == {"/password": rule}
    assert password not in reply.text


@pytest.mark.parametrize("raw", [rb'"nul-\u0000-in-the-middle"', rb'"lone-surrogate-\ud83d-high"', rb'"lone-surrogate-\ude00-low"',
                                 b'"bytes-\xff\xfe-no-utf-8"', b'"overlong-\xc0\xaf-slash"', b'"cesu-\xed\xa0\xbd\xed\xb8\x80"'])
def test_what_is_no_text_is_no_password(people, nobody, database, raw):
    address = people.address()
    for path in ("/auth/register", "/auth/login"):
        head = b'{"email":"%s","firstName":"A","lastName":"B","password":' % address.encode()
        if path == "/auth/login":
            head = b'{"email":"%s","password":' % address.encode()
        nobody.post(path, content=head + raw + b"}", expect=400)
    assert database.value("SELECT count(*) FROM account WHERE email = %s", address) == 0


def test_a_huge_password_is_refused_before_it_is_hashed(people, nobody):
    address = people.address()
    for length in (513, 20_000):
        for path, body in (("/auth/login", {"email": address}), ("/auth/register", registration(people, "x", email=address))):
            reply = nobody.post(path, {**body, "password": "\u00e9" * length}, expect=422)
            assert list(violations(reply)) == ["/password"]


def test_marks_without_end_cost_nothing_much(people, nobody):
    """Sorting a letter's marks is quadratic in the worst case."""
    marks = "a" + "\u0301\u0323" * 255
    reply = log_in(nobody, people.address(), marks, 401)
    assert reply.elapsed.total_seconds() < 5


# The list of breached passwords.

def start_with_list(system, path):
    env = {**os.environ, "DIGITALME_PASSWORD_BREACHED_FILE": str(path)}
    return subprocess.run([system.program("digitalme-api"), "--config", system.config_file], env=env, capture_output=True, text=True,
                          timeout=30, check=False)


@pytest.mark.parametrize("text,words", [
    (None, "no such file"),
    ("", "empty"),
    ("password\n123456\n", "no line of a SHA-1"),
    ("F" * 40 + "\n" + "0" * 40 + "\n", "not sorted"),
])
def test_the_program_does_not_start_with_a_list_that_is_none(system, tmp_path, text, words):
    path = tmp_path / "list.sha1"
    if text is not None:
        path.write_text(text)
    done = start_with_list(system, path)
    assert done.returncode != 0 and str(path) in done.stderr and words in done.stderr, done.stderr


def test_doctor_tells_of_a_list_that_is_none(system, tmp_path):
    done = subprocess.run([system.program("digitalmectl"), "-c", system.config_file, "doctor"], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "DIGITALME_PASSWORD_BREACHED_FILE": str(tmp_path / "none")}, check=False)
    assert done.returncode == 1 and "breached passwords" in done.stdout and "no such file" in done.stdout


def test_a_list_replaced_or_lost_while_the_program_runs(own_system, contract, tmp_path):
    """A new list counts at once; without one no password is taken unseen, log-ins go on, and the program lives."""
    path = tmp_path / "list.sha1"
    path.write_bytes((ROOT / "share" / "passwords" / "common.sha1").read_bytes())
    people = People(own_system({"password.breached_file": path}), contract)
    nobody = people.client()
    try:
        password = "velvet-harbour-quartz-9"
        address = confirmed(people, nobody, password)
        again = registration(people, password)
        new = tmp_path / "new.sha1"
        new.write_text(hashlib.sha1(password.encode()).hexdigest().upper() + ":7\r\n")
        new.replace(path)
        assert violations(nobody.post("/auth/register", again, expect=422)) == {"/password": "breached"}
        log_in(nobody, address, password, 200)
        for spoil in (lambda: path.write_text("half a li"), lambda: path.write_text(""), path.unlink):
            spoil()
            reply = nobody.post("/auth/register", registration(people, "another-velvet-quartz-9"), expect=503)
            assert int(reply.headers["Retry-After"]) >= 1 and str(path) not in reply.text
            log_in(nobody, address, password, 200)
        new.write_text("F" * 40 + "\n")
        new.replace(path)
        nobody.post("/auth/register", again, expect=202)
    finally:
        people.close()


def test_a_changed_cost_rehashes_at_log_in(own_system, contract):
    system = own_system({"password.cost": "10"})
    people = People(system, contract)
    try:
        account = people.logged_in()

        def cost():
            return system.sql(f"SELECT substr(password_hash, 1, 7) FROM account WHERE id = '{account.id}'")[0][0]

        assert cost() == "$2b$10$"
        system.settings["password.cost"] = "11"
        system._write_program_config()
        system.restart("digitalme-api")
        account.log_in()
        assert cost() == "$2b$11$"
        account.log_in()
        assert cost() == "$2b$11$"
        account.client.get("/auth/me", expect=200)
    finally:
        people.close()
