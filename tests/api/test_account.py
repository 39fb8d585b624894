"""One's own account: names, password, address. What takes the trust away ends the other sessions and is told to the owner."""
import pytest

from client import violations
from test_auth import comparable, registration
from test_reset import FIREFOX, jobs_done, logs_in, wrong

SUBJECT = "Confirm your new e-mail address"


@pytest.fixture
def moving(people):
    """Makes an account that has asked for another address: moving() gives the account and that address."""
    def make(address=None):
        account = people.logged_in()
        address = address or people.address()
        account.client.post("/auth/change-email", {"newEmail": address, "password": account.password}, expect=202)
        return account, address
    return make


def second_session(people, account):
    client = people.client()
    session = client.post("/auth/login", {"email": account.email, "password": account.password}, expect=200).json()
    client.token = session["accessToken"]
    return client


def test_names_are_patched(someone, database):
    before = someone.client.get("/auth/me", expect=200).json()
    after = someone.client.patch("/auth/me", {"firstName": "Åsa"}, expect=200).json()
    assert (after["firstName"], after["lastName"]) == ("Åsa", before["lastName"])
    assert someone.client.patch("/auth/me", {}, expect=200).json()["firstName"] == "Åsa"
    assert someone.client.get("/auth/me", expect=200).json()["firstName"] == "Åsa"
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'account.rename' AND entity_id = %s", someone.id) == 2


@pytest.mark.parametrize("patch, pointers", [
    ({"firstName": None}, {"/firstName"}), ({"lastName": ""}, {"/lastName"}), ({"firstName": "x" * 101}, {"/firstName"}),
    ({"email": "a@example.org"}, {"/email"}), ({"role": "Admin"}, {"/role"}), ({"emailConfirmed": False}, {"/emailConfirmed"}),
])
def test_nothing_else_is_patched(someone, patch, pointers):
    before = someone.client.get("/auth/me", expect=200).json()
    assert set(violations(someone.client.patch("/auth/me", patch))) == pointers
    assert someone.client.get("/auth/me", expect=200).json() == before


def test_a_changed_password_ends_the_other_sessions(people, someone, database):
    other, new = second_session(people, someone), people.password()
    someone.client.post("/auth/change-password", {"currentPassword": someone.password, "newPassword": new}, headers=FIREFOX, expect=204)
    other.get("/auth/me", expect=401)
    someone.client.get("/auth/me", expect=200)
    assert not logs_in(someone, someone.password) and logs_in(someone, new)
    told = people.mailbox.text(someone.email, subject="Your password was changed")
    assert "127.0.0.1" in told and "Firefox on Linux" in told
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'account.change_password' AND entity_id = %s", someone.id) == 1


def test_a_password_is_changed_by_who_knows_it(people, someone):
    body = {"currentPassword": people.password(), "newPassword": people.password()}
    assert violations(someone.client.post("/auth/change-password", body)) == {"/currentPassword": "wrong"}
    body = {"currentPassword": someone.password, "newPassword": "aaaaaaaaaaaaaaaaaaaa"}
    assert violations(someone.client.post("/auth/change-password", body)) == {"/newPassword": "too_weak"}
    assert logs_in(someone, someone.password)


def test_of_parallel_changes_one_wins(people, someone):
    passwords = [people.password() for _ in range(6)]
    statuses = people.at_once(6, lambda client, i: client.post("/auth/change-password", {
        "currentPassword": someone.password, "newPassword": passwords[i]}).status_code, token=someone.client.token)
    assert statuses.count(204) == 1 and set(statuses) <= {204, 409, 422, 503}
    assert logs_in(someone, passwords[statuses.index(204)])


def test_the_address_moves_with_whom_reads_the_new_one(people, nobody, moving, database):
    account, address = moving()
    other = second_session(people, account)
    old = account.email
    asked = people.mailbox.text(old, subject="A new e-mail address was asked for")
    assert address in asked and "127.0.0.1" in asked
    assert account.client.get("/auth/me", expect=200).json()["email"] == old
    nobody.post("/auth/confirm-email-change", {"token": people.mailbox.token(address, subject=SUBJECT)}, expect=204)
    assert account.client.get("/auth/me", expect=200).json()["email"] == address
    other.get("/auth/me", expect=401)
    assert address in people.mailbox.text(old, subject="Your e-mail address was changed")
    assert not logs_in(account, account.password)
    account.email = address
    assert logs_in(account, account.password)
    detail = database.rows("SELECT detail FROM audit_event WHERE entity_id = %s", account.id)
    assert address not in str(detail) and old not in str(detail)


def test_the_code_moves_it_too(people, nobody, moving):
    account, address = moving()
    code = people.mailbox.code(address, subject=SUBJECT)
    body = {"email": address, "code": wrong(code)}
    assert violations(nobody.post("/auth/confirm-email-change", body)) == {"/code": "invalid_code"}
    assert violations(nobody.post("/auth/confirm-email-change", {"email": account.email, "code": code})) == {"/code": "invalid_code"}
    nobody.post("/auth/confirm-email-change", {"email": address, "code": code}, expect=204)
    assert account.client.get("/auth/me", expect=200).json()["email"] == address


def test_an_address_that_is_taken_is_answered_like_a_free_one(people, alice, database):
    account = people.logged_in()
    free = account.client.post("/auth/change-email", {"newEmail": people.address(), "password": account.password})
    taken = account.client.post("/auth/change-email", {"newEmail": alice.email, "password": account.password})
    assert free.status_code == 202 and comparable(free) == comparable(taken)
    people.mailbox.wait(alice.email, subject="This address already has an account")
    jobs_done(database)
    assert not [mail for mail in people.mailbox.to(alice.email) if mail["Subject"] == SUBJECT]


def test_an_address_taken_meanwhile_is_a_conflict(people, nobody, moving):
    account, address = moving()
    token = people.mailbox.token(address, subject=SUBJECT)
    nobody.post("/auth/register", registration(people, address), expect=202)
    nobody.post("/auth/confirm-email", {"token": people.mailbox.token(address, subject="Confirm your e-mail")}, expect=204)
    reply = nobody.post("/auth/confirm-email-change", {"token": token}, expect=409)
    assert "nothing was changed" in reply.json()["detail"]
    assert account.client.get("/auth/me", expect=200).json()["email"] == account.email


def test_a_registration_nobody_confirmed_gives_way(people, nobody, moving, database):
    squatter = people.registered()
    account, address = moving(squatter.email)
    nobody.post("/auth/confirm-email-change", {"token": people.mailbox.token(address, subject=SUBJECT)}, expect=204)
    assert account.client.get("/auth/me", expect=200).json()["email"] == address
    assert database.value("SELECT count(*) FROM account WHERE email_key = %s", address) == 1
    reply = nobody.post("/auth/confirm-email", {"token": people.mailbox.token(address)})
    assert violations(reply) == {"/token": "invalid_token"}


def test_the_owner_can_stop_a_thief_who_asked_for_another_address(people, nobody, moving):
    account, address = moving()
    token = people.mailbox.token(address, subject=SUBJECT)
    nobody.post("/auth/forgot-password", {"email": account.email}, expect=202)
    reset = people.mailbox.token(account.email, subject="Choose a new password")
    nobody.post("/auth/reset-password", {"token": reset, "password": people.password()}, expect=204)
    assert violations(nobody.post("/auth/confirm-email-change", {"token": token})) == {"/token": "invalid_token"}


def test_what_an_address_is_changed_to(people, someone):
    for body, expected in (({"newEmail": someone.email, "password": someone.password}, {"/newEmail": "unchanged"}),
                           ({"newEmail": people.address(), "password": people.password()}, {"/password": "wrong"}),
                           ({"newEmail": "nonsense", "password": someone.password}, {"/newEmail": "format"})):
        assert violations(someone.client.post("/auth/change-email", body)) == expected
    # The letters' case may change.
    upper = someone.email.upper()
    someone.client.post("/auth/change-email", {"newEmail": upper, "password": someone.password}, expect=202)
    someone.client.post("/auth/confirm-email-change", {"token": people.mailbox.token(upper, subject=SUBJECT)}, expect=204)
    assert someone.client.get("/auth/me", expect=200).json()["email"] == upper


def test_a_logged_in_person_cannot_flood_a_mailbox(people, someone):
    for _ in range(5):
        someone.client.post("/auth/change-email", {"newEmail": people.address(), "password": someone.password}, expect=202)
    reply = someone.client.post("/auth/change-email", {"newEmail": people.address(), "password": someone.password}, expect=429)
    assert int(reply.headers["Retry-After"]) > 60


def test_of_parallel_confirmations_one_moves_the_address(people, moving, database):
    account, address = moving()
    token = people.mailbox.token(address, subject=SUBJECT)
    statuses = people.at_once(20, lambda client, _: client.post("/auth/confirm-email-change", {"token": token}).status_code)
    assert sorted(set(statuses)) == [204, 422] and statuses.count(204) == 1
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'account.change_email' AND entity_id = %s", account.id) == 1


def test_of_parallel_registrations_of_one_address_one_account_comes(people, database):
    address = people.address()
    bodies = [registration(people, address) for _ in range(50)]
    statuses = people.at_once(50, lambda client, i: client.post("/auth/register", bodies[i]).status_code)
    assert set(statuses) <= {202, 503} and statuses.count(202) >= 2
    assert database.value("SELECT count(*) FROM account WHERE email_key = %s", address) == 1
