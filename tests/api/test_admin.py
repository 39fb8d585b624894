"""What administrators may do to accounts, and that nobody else may."""
import threading
from datetime import datetime, timedelta, timezone

import pytest

from client import violations

ABSENT = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def promote(database):
    """Gives an account another role behind the API's back, and logs it in anew."""
    def run(account, role):
        database.rows("UPDATE account SET role = %s WHERE id = %s", role, account.id)
        account.log_in()
        return account
    return run


@pytest.fixture(scope="module")
def chief(people, promote):
    return promote(people.logged_in(), "SuperAdmin")


@pytest.fixture(scope="module")
def deputy(people, promote):
    return promote(people.logged_in(), "Admin")


def path(account, more=""):
    return f"/admin/users/{account.id}{more}"


def events(database, account, action):
    return database.rows("SELECT detail, created_by::text FROM audit_event WHERE entity_id = %s AND action = %s ORDER BY id", account.id, action)


@pytest.mark.parametrize("method,route", [("GET", "/admin/users"), ("GET", "/admin/users/" + ABSENT), ("GET", "/admin/audit-events"),
                                          ("PATCH", "/admin/users/" + ABSENT), ("POST", f"/admin/users/{ABSENT}/logout"),
                                          ("POST", f"/admin/users/{ABSENT}/unlock")])
def test_a_user_may_do_nothing_here(client, nobody, method, route):
    body = {"state": "disabled"} if method == "PATCH" else ...
    for caller, status in ((client, 403), (nobody, 401)):
        caller.call(method, route, **({} if body is ... else {"body": body}), expect=status)


# Accounts


def test_accounts_are_found_by_the_beginning_of_their_address(people, deputy):
    first, second = people.registered(), people.confirmed()
    for account in (first, second):
        for text in (account.email, account.email.upper(), account.email[:-3]):
            items = deputy.client.get("/admin/users", params={"email": text}, expect=200).json()["items"]
            assert [item["email"] for item in items] == [account.email]
    for text in ("%", "_", "nobody-with-this", "person-\U0010ffff"):
        assert deputy.client.get("/admin/users", params={"email": text}, expect=200).json()["items"] == []


def test_accounts_are_filtered_by_role_and_state(people, deputy, chief):
    waiting = people.registered()
    assert {item["role"] for item in deputy.client.get("/admin/users?role=SuperAdmin", expect=200).json()["items"]} == {"SuperAdmin"}
    items = deputy.client.get("/admin/users", params={"state": "unconfirmed", "email": waiting.email}, expect=200).json()["items"]
    assert [(item["email"], item["emailConfirmed"]) for item in items] == [(waiting.email, False)]
    assert deputy.client.get("/admin/users", params={"state": "active", "email": waiting.email}).json()["items"] == []
    assert violations(deputy.client.get("/admin/users?role=King")) == {"/role": "choice"}


@pytest.mark.parametrize("query", ["", "role=User", "state=active", "email=person-", "role=SuperAdmin", "state=unconfirmed"])
def test_the_list_has_pages(people, deputy, database, query):
    for _ in range(3):
        people.registered()
    ids, cursor = [], None
    while True:
        page = deputy.client.get(f"/admin/users?limit=7&{query}" + (f"&cursor={cursor}" if cursor else ""), expect=200).json()
        ids += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    name, _, value = query.partition("=")
    where = {"": "true", "email": "email_key LIKE 'person-%%'"}.get(name, f"{name} = '{value}'")
    assert sorted(ids) == [id for id, in database.rows(f"SELECT id::text FROM account WHERE {where} ORDER BY id")]


def test_an_account_is_told_with_its_sessions(someone, deputy):
    user = deputy.client.get(path(someone), expect=200).json()
    assert (user["email"], user["role"], user["state"], user["sessions"]) == (someone.email, "User", "active", 1)
    someone.log_in()
    assert deputy.client.get(path(someone), expect=200).json()["sessions"] == 2
    assert not any("password" in name.lower() or "hash" in name.lower() for name in user)
    deputy.client.get("/admin/users/" + ABSENT, expect=404)


# Changes


def test_a_new_role_ends_the_sessions_is_audited_and_told(people, chief, database):
    account = people.logged_in()
    user = chief.client.patch(path(account), {"role": "Admin"}, expect=200).json()
    assert (user["role"], user["state"], user["sessions"]) == ("Admin", "active", 0)
    account.client.get("/auth/me", expect=401)
    assert events(database, account, "account.change_role") == [({"old": "User", "new": "Admin"}, chief.id)]
    mail = people.mailbox.wait(account.email, subject="role has changed")
    assert "the role Admin" in mail.get_body(("plain",)).get_content()
    account.log_in()
    account.client.get("/admin/users", expect=200)
    chief.client.patch(path(account), {"role": "User"}, expect=200)


def test_a_disabled_account_cannot_log_in_until_it_is_enabled(people, deputy, database):
    account = people.logged_in()
    assert deputy.client.patch(path(account), {"state": "disabled"}, expect=200).json()["state"] == "disabled"
    account.client.get("/auth/me", expect=401)
    account.client.post("/auth/refresh", {"refreshToken": account.session["refreshToken"]}, expect=401)
    credentials = {"email": account.email, "password": account.password}
    people.client().post("/auth/login", credentials, expect=401)
    people.mailbox.wait(account.email, subject="disabled")
    assert deputy.client.patch(path(account), {"state": "active"}, expect=200).json()["state"] == "active"
    account.log_in()
    people.mailbox.wait(account.email, subject="enabled again")
    assert events(database, account, "account.disable") == [({"old": "active", "new": "disabled"}, deputy.id)]
    assert events(database, account, "account.enable") == [({"old": "disabled", "new": "active"}, deputy.id)]


def test_enabling_does_not_confirm_an_address(people, deputy):
    account = people.registered()
    account.id = deputy.client.get("/admin/users", params={"email": account.email}).json()["items"][0]["id"]
    assert deputy.client.patch(path(account), {"state": "disabled"}, expect=200).json()["state"] == "disabled"
    user = deputy.client.patch(path(account), {"state": "active"}, expect=200).json()
    assert (user["state"], user["emailConfirmed"]) == ("unconfirmed", False)
    people.client().post("/auth/login", {"email": account.email, "password": account.password}, expect=401)


def test_what_changes_nothing_is_done_with_nothing(someone, deputy, database):
    for body in ({}, {"state": "active"}, {"role": "User"}):
        deputy.client.patch(path(someone), body, expect=200)
    someone.client.get("/auth/me", expect=200)
    assert not events(database, someone, "account.change_role") and not events(database, someone, "account.enable")


@pytest.mark.parametrize("body,pointer,code", [({"role": "King"}, "/role", "choice"), ({"role": None}, "/role", "required"),
                                               ({"state": "unconfirmed"}, "/state", "choice"), ({"state": None}, "/state", "required"),
                                               ({"email": "other@example.org"}, "/email", "unknown"), ({"state": 1}, "/state", "type")])
def test_what_cannot_be_given_is_told(someone, chief, body, pointer, code):
    assert violations(chief.client.patch(path(someone), body)) == {pointer: code}


def test_an_admin_changes_no_role_and_nobody_who_is_more_than_a_user(people, promote, chief, deputy, someone):
    other = promote(people.logged_in(), "Admin")
    deputy.client.patch(path(someone), {"role": "Admin"}, expect=403)
    deputy.client.patch(path(deputy), {"role": "SuperAdmin"}, expect=403)
    for account in (other, chief):
        deputy.client.patch(path(account), {"state": "disabled"}, expect=403)
        deputy.client.post(path(account, "/logout"), expect=403)
        account.client.get("/auth/me", expect=200)
    chief.client.patch(path(other), {"role": "User"}, expect=200)


def test_a_role_that_was_taken_away_counts_no_more_with_an_old_token(people, promote, chief, someone):
    fallen = promote(people.logged_in(), "SuperAdmin")
    chief.client.patch(path(fallen), {"role": "User"}, expect=200)
    fallen.client.patch(path(someone), {"state": "disabled"}, expect=401)


def test_the_last_superadmin_stays_one(chief, deputy, database):
    others = [id for id, in database.rows("SELECT id::text FROM account WHERE role = 'SuperAdmin' AND id <> %s", chief.id)]
    for other in others:
        chief.client.patch(f"/admin/users/{other}", {"role": "User"}, expect=200)
    for body in ({"role": "Admin"}, {"role": "User"}, {"state": "disabled"}):
        reply = chief.client.patch(path(chief), body, expect=409)
        assert "last active SuperAdmin" in reply.json()["detail"]
    chief.client.get("/admin/users", expect=200)


def test_superadmins_who_demote_each_other_at_once_leave_one(own_system, contract):
    from database import Database
    from people import People
    system = own_system()
    people = People(system, contract)
    with Database(system) as database:
        circle = [people.logged_in() for _ in range(4)]
        for _ in range(5):
            database.rows("UPDATE account SET role = 'SuperAdmin'")
            for account in circle:
                account.log_in()
            replies = []

            def demote(account, other):
                replies.append(account.client.patch(path(other), {"role": "User"}, expect=(200, 401, 403, 409)).status_code)

            threads = [threading.Thread(target=demote, args=(account, other)) for account in circle for other in circle]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(replies) == 16 and 200 in replies, replies  # a 503 would be a deadlock
            assert database.value("SELECT count(*) FROM account WHERE role = 'SuperAdmin' AND state = 'active'") >= 1
            changed = database.value("SELECT count(*) FROM audit_event WHERE action = 'account.change_role'")
        assert changed >= replies.count(200)
    people.close()


def test_an_admin_ends_all_sessions_of_an_account(someone, deputy, database):
    someone.log_in()
    deputy.client.post(path(someone, "/logout"), expect=204)
    someone.client.get("/auth/me", expect=401)
    assert deputy.client.get(path(someone)).json()["sessions"] == 0
    [(detail, actor)] = events(database, someone, "account.end_sessions")
    assert (detail["sessions"], actor) == (2, deputy.id)
    deputy.client.post(f"/admin/users/{ABSENT}/logout", expect=404)


def test_an_admin_unlocks_an_account(people, deputy, database):
    account = people.logged_in()
    stranger = people.client(address="127.7.7.7")
    wrong = {"email": account.email, "password": "not-the-password-at-all"}
    while not deputy.client.get(path(account), expect=200).json()["locked"]:
        stranger.post("/auth/login", wrong, expect=401)
        database.rows("UPDATE login_guard SET retry_at = now() WHERE locked_until <= now()")
    deputy.client.post(path(account, "/unlock"), expect=204)
    assert deputy.client.get(path(account), expect=200).json()["locked"] is False
    stranger.post("/auth/login", {**wrong, "password": account.password}, expect=200)
    assert events(database, account, "account.unlock") == [(None, deputy.id)]
    deputy.client.post(f"/admin/users/{ABSENT}/unlock", expect=404)


def test_a_role_and_a_state_may_change_at_once(people, promote, chief):
    account = promote(people.logged_in(), "Admin")
    user = chief.client.patch(path(account), {"role": "User", "state": "disabled"}, expect=200).json()
    assert (user["role"], user["state"], user["sessions"]) == ("User", "disabled", 0)
    account.client.get("/auth/me", expect=401)


# The audit trail


def read(client, **filters):
    return client.get("/admin/audit-events", params={"limit": "100", **filters}, expect=200).json()["items"]


def test_events_are_read_newest_first_with_every_filter(people, deputy):
    account = people.logged_in()
    [profile] = [account.client.post("/personality", {"name": "N", "description": "d"}, expect=201).json()["id"]]
    mine = read(deputy.client, actorId=account.id)
    assert [e["action"] for e in mine][:2] == ["profile.create", "session.create"]
    assert all(e["actorId"] == account.id for e in mine)
    assert [e["action"] for e in read(deputy.client, entityId=account.id)] == ["account.confirm_email", "account.register"]
    assert [e["entityId"] for e in read(deputy.client, actorId=account.id, action="profile.create")] == [profile]
    assert {e["entity"] for e in read(deputy.client, entity="session", actorId=account.id)} == {"session"}
    assert [e["action"] for e in read(deputy.client, entity="profile", entityId=profile)] == ["profile.create"]
    assert read(deputy.client, actorId=ABSENT) == []
    times = [e["createdAt"] for e in read(deputy.client)]
    assert times == sorted(times, reverse=True)


def test_events_are_read_by_time(people, deputy):
    before = datetime.now(timezone.utc)
    account = people.logged_in()
    after = datetime.now(timezone.utc) + timedelta(seconds=1)

    def stamp(at):
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    assert len(read(deputy.client, actorId=account.id, **{"from": stamp(before), "to": stamp(after)})) == 2
    assert read(deputy.client, actorId=account.id, to=stamp(before)) == []
    assert read(deputy.client, actorId=account.id, **{"from": stamp(after)}) == []


@pytest.mark.parametrize("query", ["", "action=session.create", "entity=account", "actor"])
def test_the_trail_has_pages(someone, deputy, query, database):
    where = {"": "true", "actor": f"created_by = '{someone.id}'"}.get(query) or "{} = '{}'".format(*query.split("="))
    if query == "actor":
        query = f"actorId={someone.id}"
        for _ in range(9):
            someone.log_in()
    newest = database.value("SELECT now()").astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ids, cursor = [], None
    while True:
        page = deputy.client.get(f"/admin/audit-events?limit=4&to={newest}&{query}" + (f"&cursor={cursor}" if cursor else ""), expect=200).json()
        ids += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None or len(ids) > 60:
            break
    expected = [id for id, in database.rows(f"SELECT id::text FROM audit_event WHERE {where} AND created_at < %s"
                                            " ORDER BY created_at DESC, id DESC LIMIT %s", newest, len(ids))]
    assert ids == expected and len(ids) >= 4


def test_an_action_that_there_is_not_is_refused(deputy):
    assert violations(deputy.client.get("/admin/audit-events?action=account.fly")) == {"/action": "choice"}
    assert violations(deputy.client.get("/admin/audit-events?actorId=me")) == {"/actorId": "format"}


def test_no_event_holds_an_address(database, people):
    assert database.value("SELECT count(*) FROM audit_event WHERE to_jsonb(audit_event)::text LIKE '%%@%%'") == 0
    assert database.value("SELECT count(*) FROM audit_event WHERE to_jsonb(audit_event)::text LIKE '%%127.0.0.%%'") == 0
