"""Nobody learns who has an account: not by what is answered, not by how long it takes (OWASP ASVS 5 V6.3.8)."""
import os
import random
import time

import pytest

from ranks import mann_whitney_p
from tools import wait_for

LONG = bool(os.environ.get("DM_TEST_LONG"))
TRIES = 200 if LONG else 60  # of each class; 200 take more than a minute
ALPHA = 0.01
ROUNDS = 3


def face(reply):
    """What a stranger sees, but for ids, the date and what is left of the caller's own limits."""
    body = reply.json() if reply.content else {}
    body.pop("correlationId", None)
    headers = {name: value for name, value in reply.headers.items()
               if name not in ("date", "x-correlation-id", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset")}
    return reply.status_code, body, headers


def disable(database, account):
    database.rows("UPDATE account SET state = 'disabled' WHERE email = %s", account.email)


def lock(database, nobody, account, until="15 minutes"):
    """As five wrong passwords would: the key is found by what one does to it."""
    database.rows("DELETE FROM login_guard WHERE locked_until < now()")
    nobody.post("/auth/login", {"email": account.email, "password": "wrong"}, expect=401)
    database.rows("UPDATE login_guard SET locked_until = now() + %s::interval WHERE key LIKE 'e:%%' AND locked_until < now()", until)


@pytest.fixture(scope="module")
def kinds(people, nobody, database):
    """{how the account stands: its address}"""
    known, locked, disabled = (people.confirmed() for _ in range(3))
    disable(database, disabled)
    lock(database, nobody, locked, "30 days")
    return {"unknown": people.address(), "another unknown": people.address(), "known": known.email,
            "unconfirmed": people.registered().email, "locked": locked.email, "disabled": disabled.email}


def open_the_others(database):
    database.rows("UPDATE login_guard SET failures = 0, failures_in_row = 0, retry_at = now(), window_at = now()"
                  " WHERE locked_until < now() + interval '1 day'")


def test_log_in_answers_all_alike(kinds, nobody, database):
    open_the_others(database)
    faces = {kind: face(nobody.post("/auth/login", {"email": address, "password": "not this one 9"})) for kind, address in kinds.items()}
    assert faces["unknown"][0] == 401
    assert {kind for kind, seen in faces.items() if seen != faces["unknown"]} == set()


def test_the_right_password_of_an_account_that_may_not_log_in_looks_like_a_wrong_one(people, nobody, database):
    wrong = face(nobody.post("/auth/login", {"email": people.address(), "password": "not this one 9"}))
    unconfirmed, disabled, locked = people.registered(), people.confirmed(), people.confirmed()
    disable(database, disabled)
    lock(database, nobody, locked)
    for account in (unconfirmed, disabled, locked):
        assert face(nobody.post("/auth/login", {"email": account.email, "password": account.password})) == wrong


@pytest.mark.parametrize("path", ["/auth/resend-confirmation", "/auth/forgot-password"])
def test_asking_for_a_mail_answers_all_alike(kinds, nobody, path):
    faces = {kind: face(nobody.post(path, {"email": address})) for kind, address in kinds.items()}
    assert faces["unknown"][0] == 202
    assert {kind for kind, seen in faces.items() if seen != faces["unknown"]} == set()


def test_registering_answers_all_alike(kinds, people, nobody):
    def register(address):
        return face(nobody.post("/auth/register", {"email": address, "password": people.password(), "firstName": "A", "lastName": "B"}))
    faces = {kind: register(address) for kind, address in kinds.items() if kind != "another unknown"}
    assert faces["unknown"][0] == 202
    assert {kind for kind, seen in faces.items() if seen != faces["unknown"]} == set()


def test_refresh_answers_all_alike(people, nobody, database):
    """A token that never was, one of a session past its time, and one of a session that was ended."""
    idle, ended = people.logged_in(), people.logged_in()
    database.rows("UPDATE session SET idle_expires_at = now() - interval '1 s' WHERE account_id = %s", idle.id)
    ended.client.post("/auth/logout", expect=204)
    faces = [face(nobody.post("/auth/refresh", {"refreshToken": token}))
             for token in ("A" * 65, idle.session["refreshToken"], ended.session["refreshToken"])]
    assert faces[0][0] == 401 and faces[0] == faces[1] == faces[2]


def measure(kinds, ask, between, tries):
    """
    {kind: milliseconds of each try}: one of each in turn, so that whatever else the machine does meets all alike, and in an order drawn anew
    each time, so that what one leaves to the next (a warm cache, a busy disk) does too.
    """
    times = {kind: [] for kind in kinds}
    for _ in range(tries):
        between()
        for kind in random.sample(kinds, len(kinds)):
            start = time.perf_counter()
            ask(kind)
            times[kind].append((time.perf_counter() - start) * 1000)
    return times


def told_apart(kinds, ask, between=lambda: None, tries=TRIES):
    """
    Kinds whose times differ from the first one's. A kind that differs (p ≤ ALPHA) is measured again with fresh tries, up to ROUNDS times
    in all, and counts only if it differed each time: the rounds are independent, so of kinds that are equal one in a million is called
    different (ALPHA to the third), while one that does differ does so every time (test_ranks.py).
    """
    reference, *suspects = kinds
    seen = []
    for _ in range(ROUNDS):
        times = measure([reference, *suspects], ask, between, tries)
        p = {kind: mann_whitney_p(times[reference], times[kind]) for kind in suspects}
        seen.append(p)
        suspects = [kind for kind in suspects if p[kind] <= ALPHA]
        if not suspects:
            break
    return suspects, seen


def test_log_in_takes_all_the_same_time(kinds, nobody, database):
    def ask(kind):
        nobody.post("/auth/login", {"email": kinds[kind], "password": "not this one 9"}, expect=401)

    suspects, seen = told_apart(kinds, ask, lambda: open_the_others(database))
    assert suspects == [], seen


def test_log_in_with_the_right_password_takes_the_same_time_while_locked(people, nobody, database):
    """Else the lock would not keep a guesser from learning that the guess was right."""
    account = people.confirmed()
    lock(database, nobody, account, "30 days")

    def ask(password):
        nobody.post("/auth/login", {"email": account.email, "password": password}, expect=401)

    suspects, seen = told_apart([account.password[:-1] + "x", account.password], ask)
    assert suspects == [], seen


@pytest.mark.parametrize("path", ["/auth/resend-confirmation", "/auth/forgot-password"])
def test_asking_for_a_mail_takes_all_the_same_time(kinds, nobody, path):
    def ask(kind):
        nobody.post(path, {"email": kinds[kind]}, expect=202)

    suspects, seen = told_apart(kinds, ask)
    assert suspects == [], seen


def test_a_wrong_code_takes_all_the_same_time(kinds, nobody, database):
    """Of an address that was sent one and of one that has no account; else asking for a reset and then guessing would tell."""
    nobody.post("/auth/forgot-password", {"email": kinds["known"]}, expect=202)
    code = "SELECT count(*) FROM one_time_token t JOIN account a ON a.id = t.account_id WHERE a.email = %s AND t.code_hash IS NOT NULL"
    wait_for(lambda: database.rows(code, kinds["known"])[0][0] > 0, "the code")

    def ask(kind):
        nobody.post("/auth/reset-password", {"email": kinds[kind], "code": "00000000", "newPassword": "a long one, never used 7"}, expect=422)

    suspects, seen = told_apart(["unknown", "another unknown", "known"], ask, lambda: database.rows("UPDATE one_time_token SET code_tries = 0"))
    assert suspects == [], seen
