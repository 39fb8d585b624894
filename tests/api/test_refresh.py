"""Refresh tokens: each good for one refresh, a copy is found out at its first use."""
from concurrent.futures import ThreadPoolExecutor

import pytest

import tokens
from people import SECRETS


def refresh(client, token, expect):
    reply = client.post("/auth/refresh", {"refreshToken": token}, expect=expect)
    if expect == 200:
        SECRETS.update((reply.json()["accessToken"], reply.json()["refreshToken"]))
        return reply.json()
    return None


def test_a_refresh_gives_both_tokens_new_and_they_work(someone, nobody):
    before = someone.session
    after = refresh(nobody, before["refreshToken"], 200)
    assert after["refreshToken"] != before["refreshToken"] and after["accessToken"] != before["accessToken"]
    assert after["user"] == before["user"]
    someone.client.token = after["accessToken"]
    someone.client.get("/auth/me", expect=200)
    refresh(nobody, after["refreshToken"], 200)


def test_within_the_grace_the_same_token_gives_the_same_successor(someone, nobody):
    first = refresh(nobody, someone.session["refreshToken"], 200)
    again = refresh(nobody, someone.session["refreshToken"], 200)
    assert first["refreshToken"] == again["refreshToken"]


def test_reuse_after_the_grace_ends_the_session_for_everyone(people, someone, nobody, database):
    stolen = someone.session["refreshToken"]
    current = refresh(nobody, stolen, 200)
    database.rows("UPDATE session SET rotated_at = rotated_at - interval '11 seconds' WHERE account_id = %s", someone.id)
    refresh(nobody, stolen, 401)
    refresh(nobody, current["refreshToken"], 401)
    someone.client.get("/auth/me", expect=401)
    assert database.value("SELECT end_reason FROM session WHERE account_id = %s", someone.id) == "reuse"
    people.mailbox.wait(someone.email, subject="sessions was ended")


def test_an_old_token_whose_successor_was_used_is_reuse_even_within_the_grace(someone, nobody):
    second = refresh(nobody, someone.session["refreshToken"], 200)
    third = refresh(nobody, second["refreshToken"], 200)
    refresh(nobody, someone.session["refreshToken"], 401)
    refresh(nobody, third["refreshToken"], 401)


def test_reuse_leaves_other_sessions_alone(people, nobody):
    account = people.logged_in()
    first = account.session
    account.log_in()
    second = refresh(nobody, first["refreshToken"], 200)
    refresh(nobody, second["refreshToken"], 200)
    refresh(nobody, first["refreshToken"], 401)
    account.client.get("/auth/me", expect=200)


def test_eight_refreshes_at_once_all_get_the_one_successor(someone, people, database):
    clients = [people.client() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda client: refresh(client, someone.session["refreshToken"], 200), clients))
    assert len({reply["refreshToken"] for reply in replies}) == 1
    assert database.value("SELECT count(*) FROM session WHERE account_id = %s AND ended_at IS NULL", someone.id) == 1
    refresh(clients[0], replies[0]["refreshToken"], 200)


@pytest.mark.parametrize("column", ["idle_expires_at", "absolute_expires_at"])
def test_a_session_past_its_time_cannot_be_refreshed(someone, nobody, database, column):
    database.rows("UPDATE session SET idle_expires_at = now() - interval '1 second' WHERE account_id = %s", someone.id)
    if column == "absolute_expires_at":
        database.rows("UPDATE session SET absolute_expires_at = now() - interval '1 second' WHERE account_id = %s", someone.id)
    refresh(nobody, someone.session["refreshToken"], 401)


def test_refreshing_never_prolongs_a_session_past_its_absolute_end(someone, nobody, database):
    database.rows("UPDATE session SET idle_expires_at = now() + interval '1 hour', absolute_expires_at = now() + interval '1 hour'"
                  " WHERE account_id = %s", someone.id)
    end = database.value("SELECT absolute_expires_at FROM session WHERE account_id = %s", someone.id)
    after = refresh(nobody, someone.session["refreshToken"], 200)
    assert after["refreshExpiresAt"][:19] == end.strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize("change", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: t[:-1], lambda t: t + "A",
                                    lambda t: "A" * 65, lambda t: t.swapcase()],
                         ids=["last letter", "cut", "longer", "made up", "case"])
def test_a_token_that_is_not_quite_right_is_refused(someone, nobody, change):
    refresh(nobody, change(someone.session["refreshToken"]), 401)


def test_an_access_token_is_no_refresh_token(someone, nobody):
    reply = nobody.post("/auth/refresh", {"refreshToken": someone.session["accessToken"][:128]})
    assert reply.status_code == 401


def test_fifty_refreshes_at_once_give_one_successor_and_log_nobody_out(someone, people, database):
    clients = [people.client(timeout_s=120) for _ in range(50)]
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda client: refresh(client, someone.session["refreshToken"], 200), clients))
    assert len({reply["refreshToken"] for reply in replies}) == 1
    assert database.rows("SELECT count(*), count(ended_at) FROM session WHERE account_id = %s", someone.id) == [(1, 0)]
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'session.reuse_detected' AND created_by = %s", someone.id) == 0
    for reply in replies[::10]:
        someone.client.token = reply["accessToken"]
        someone.client.get("/auth/me", expect=200)
    refresh(clients[0], replies[0]["refreshToken"], 200)


def test_a_refresh_that_races_the_end_of_its_session_gives_nothing_that_works(people, nobody):
    """Whichever comes first: afterwards neither the access token nor the successor is good."""
    account = people.logged_in()
    outcomes = set()
    for _ in range(12):
        account.log_in()
        session, other = account.session, people.client()
        with ThreadPoolExecutor(2) as pool:
            refreshed = pool.submit(other.post, "/auth/refresh", {"refreshToken": session["refreshToken"]}, expect=(200, 401))
            ended = pool.submit(account.client.post, "/auth/logout", expect=204)
            ended.result()
            reply = refreshed.result()
        outcomes.add(reply.status_code)
        if reply.status_code == 200:
            SECRETS.update((reply.json()["accessToken"], reply.json()["refreshToken"]))
            other.token = reply.json()["accessToken"]
            other.get("/auth/me", expect=401)
            refresh(nobody, reply.json()["refreshToken"], 401)
        refresh(nobody, session["refreshToken"], 401)
    assert outcomes <= {200, 401}


def test_a_changed_password_ends_the_refresh_tokens_of_the_other_sessions(people, nobody):
    """RFC 9700 §4.14.2: revoked on a security event."""
    account = people.logged_in()
    first = account.session
    account.log_in()
    new = people.password()
    account.client.post("/auth/change-password", {"currentPassword": account.password, "newPassword": new}, expect=204)
    refresh(nobody, first["refreshToken"], 401)
    refresh(nobody, account.session["refreshToken"], 200)


def test_a_refresh_keeps_to_what_the_session_was_opened_for(someone, nobody):
    """RFC 9700 §4.14.2: bound to the scope consented to; a refresh takes no other."""
    before = tokens.parts(someone.session["accessToken"])[1]
    reply = nobody.post("/auth/refresh", {"refreshToken": someone.session["refreshToken"], "scope": "admin"})
    assert reply.status_code == 422
    after = tokens.parts(refresh(nobody, someone.session["refreshToken"], 200)["accessToken"])[1]
    assert {name: after[name] for name in ("sub", "sid", "role", "scope", "token_use")} == \
        {name: before[name] for name in ("sub", "sid", "role", "scope", "token_use")}
    assert after["jti"] != before["jti"]


def test_a_refresh_token_is_no_access_token(someone, nobody):
    nobody.get("/auth/me", headers={"Authorization": f"Bearer {someone.session['refreshToken']}"}, expect=401)


def test_reuse_is_written_down_for_the_owner_and_the_auditor(people, someone, nobody, database):
    second = refresh(nobody, someone.session["refreshToken"], 200)
    refresh(nobody, second["refreshToken"], 200)
    refresh(nobody, someone.session["refreshToken"], 401)
    people.mailbox.wait(someone.email, subject="sessions was ended")
    assert database.value("SELECT count(*) FROM audit_event e JOIN session s ON s.id = e.entity_id"
                          " WHERE e.action = 'session.reuse_detected' AND s.account_id = %s", someone.id) == 1
    someone.client.get("/auth/me", expect=401)


def test_a_session_is_one_row_however_often_it_is_refreshed(someone, nobody, database):
    token = someone.session["refreshToken"]
    before = database.counts()
    for _ in range(10):
        token = refresh(nobody, token, 200)["refreshToken"]
    after = database.counts()
    assert after["session"] == before["session"]
    assert database.value("SELECT count(*) FROM session WHERE account_id = %s", someone.id) == 1
