"""Guessing passwords: what it costs the guesser, and that it costs the owner nothing on a device that has logged in before."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from people import SECRETS
from test_auth import comparable


@pytest.fixture
def account(people):
    return people.logged_in()


def log_in(client, account, password=None, **body):
    reply = client.post("/auth/login", {"email": account.email, "password": password or account.password, **body}, expect=(200, 401))
    if reply.status_code == 200:
        SECRETS.update(reply.json()[name] for name in ("accessToken", "refreshToken", "deviceToken"))
    return reply


def pass_time(database, interval):
    database.rows("UPDATE login_guard SET window_at = window_at - %s::interval, retry_at = retry_at - %s::interval,"
                  " locked_until = locked_until - %s::interval", *[interval] * 3)


def lock(database, client, account, **body):
    """Five wrong passwords, each after the delay that the one before brought."""
    for _ in range(5):
        log_in(client, account, "wrong", **body)
        pass_time(database, "8 s")


def test_five_failures_lock_the_account_for_a_quarter_of_an_hour(account, nobody, database):
    lock(database, nobody, account)
    assert log_in(nobody, account).status_code == 401
    pass_time(database, "891 s")
    assert log_in(nobody, account).status_code == 401
    pass_time(database, "9 s")
    assert log_in(nobody, account).status_code == 200


def test_after_the_second_failure_a_try_is_refused_unseen(account, nobody, database):
    for _ in range(2):
        log_in(nobody, account, "wrong")
    assert log_in(nobody, account).status_code == 401
    pass_time(database, "1 s")
    assert log_in(nobody, account).status_code == 200


def test_a_stranger_cannot_lock_the_owner_out(account, nobody, database):
    lock(database, nobody, account)
    assert log_in(nobody, account).status_code == 401
    assert log_in(nobody, account, deviceToken=account.session["deviceToken"]).status_code == 200


def test_a_known_device_may_guess_no_more_than_others(account, nobody, database):
    token = account.session["deviceToken"]
    lock(database, nobody, account, deviceToken=token)
    assert log_in(nobody, account, deviceToken=token).status_code == 401


def test_a_device_token_helps_its_own_account_only(people, account, nobody, database):
    other = people.logged_in()
    lock(database, nobody, account)
    for token in (other.session["deviceToken"], account.session["deviceToken"][:-1] + "A", "1.x.y", account.session["accessToken"][:128]):
        if token != account.session["deviceToken"]:
            assert log_in(nobody, account, deviceToken=token).status_code == 401


def test_a_device_token_opens_nothing_by_itself(account, nobody):
    for token in (account.session["deviceToken"],):
        nobody.get("/auth/me", headers={"Authorization": f"Bearer {token}"}, expect=401)
        nobody.post("/auth/refresh", {"refreshToken": token}, expect=401)
    assert log_in(nobody, account, "wrong", deviceToken=account.session["deviceToken"]).status_code == 401


def test_a_password_reset_opens_the_lock_and_ends_the_trust_in_devices(people, account, nobody, database):
    token = account.session["deviceToken"]
    lock(database, nobody, account)
    nobody.post("/auth/forgot-password", {"email": account.email}, expect=202)
    account.password = people.password()
    nobody.post("/auth/reset-password", {"token": people.mailbox.token(account.email, 1, "Choose a new password"), "password": account.password}, expect=204)
    assert log_in(nobody, account).status_code == 200
    lock(database, nobody, account)
    assert log_in(nobody, account, deviceToken=token).status_code == 401


def test_the_owner_gets_one_mail_a_lock_with_what_when_and_where(people, account, nobody, database):
    lock(database, nobody, account)
    for _ in range(5):
        log_in(nobody, account, "wrong")
    text = people.mailbox.wait(account.email, subject="locked").get_body(("plain",)).get_content()
    assert "127.0.0.1" in text and "UTC" in text and "15 minutes" in text and "Python" in text
    pass_time(database, "900 s")
    lock(database, nobody, account)
    people.mailbox.wait(account.email, 2, subject="locked")
    assert len([m for m in people.mailbox.to(account.email) if "locked" in m["Subject"]]) == 2
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'account.login_locked' AND entity_id = %s", account.id) == 2


def test_after_a_hundred_failures_in_a_row_time_does_not_help(people, account, nobody, database):
    lock(database, nobody, account)
    database.rows("UPDATE login_guard SET failures_in_row = 99 WHERE failures_in_row = 5 AND key LIKE 'e:%%'")
    pass_time(database, "900 s")
    log_in(nobody, account, "wrong")
    people.mailbox.wait(account.email, subject="new password")
    pass_time(database, "90 days")
    assert log_in(nobody, account).status_code == 401
    assert log_in(nobody, account, deviceToken=account.session["deviceToken"]).status_code == 200


def test_a_lock_cannot_be_told_from_a_wrong_password(people, account, nobody, database):
    wrong = log_in(nobody, account, "wrong")
    lock(database, nobody, account)
    stranger = people.registered()
    stranger.id = None
    assert comparable(wrong) == comparable(log_in(nobody, account)) == comparable(log_in(nobody, account, "wrong"))
    stranger.email = people.address()
    for _ in range(8):
        assert comparable(log_in(nobody, stranger, "wrong")) == comparable(wrong)


def test_of_fifty_guesses_at_once_no_more_than_five_are_looked_at(people, account, database):
    clients = [people.client(timeout_s=120) for _ in range(50)]
    database.rows("DELETE FROM login_guard")
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda c: c.post("/auth/login", {"email": account.email, "password": "wrong"}, expect=(401, 503)), clients))
    looked_at = database.value("SELECT max(failures_in_row) FROM login_guard WHERE key LIKE 'e:%'")
    assert 1 <= looked_at <= 5
    assert {reply.status_code for reply in replies} <= {401, 503}


def test_fifty_right_log_ins_at_once_all_succeed(people, database):
    account = people.confirmed()
    clients = [people.client(timeout_s=120) for _ in range(50)]
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda c: c.post("/auth/login", {"email": account.email, "password": account.password}, expect=(200, 503)),
                                clients))
    good = [reply.json() for reply in replies if reply.status_code == 200]
    SECRETS.update(body[name] for body in good for name in ("accessToken", "refreshToken", "deviceToken"))
    assert len(good) >= 10
    assert len({body["refreshToken"] for body in good}) == len(good)
    assert len({body["deviceToken"] for body in good}) == 1
    id = good[0]["user"]["id"]
    assert database.value("SELECT count(*) FROM session WHERE account_id = %s AND ended_at IS NULL", id) == len(good)
    assert database.value("SELECT count(*) FROM device WHERE account_id = %s", id) == 1
