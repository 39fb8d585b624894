"""A forgotten password: asked for by anyone, set anew only by who reads the mail, once, within its time."""
import pytest

from client import violations
from system import wait_for
from test_auth import comparable

SUBJECT = "Choose a new password"
FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}


@pytest.fixture
def forgetful(people, nobody):
    """Makes an account that has asked for a new password: forgetful() gives the account and the mail's token."""
    def make(n=1, **options):
        account = people.logged_in(**options)
        nobody.post("/auth/forgot-password", {"email": account.email}, expect=202)
        return account, people.mailbox.token(account.email, n, SUBJECT)
    return make


def wrong(code):
    """Another code than this one."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def logs_in(account, password):
    reply = account.client.post("/auth/login", {"email": account.email, "password": password}, expect=(200, 401),
                                headers={"Authorization": None})
    return reply.status_code == 200


def tokens_of(database, account):
    return database.value("SELECT count(*) FROM one_time_token WHERE account_id = %s", account.id)


def jobs_done(database):
    wait_for(lambda: database.value("SELECT count(*) FROM job WHERE state = 'waiting'") == 0, "all jobs to be done", 30)


def test_the_way_back_in(people, nobody, forgetful, database):
    account, token = forgetful()
    new = people.password()
    nobody.post("/auth/reset-password", {"token": token, "password": new}, headers=FIREFOX, expect=204)
    account.client.get("/auth/me", expect=401)
    account.client.token = None
    account.client.post("/auth/refresh", {"refreshToken": account.session["refreshToken"]}, expect=401)
    assert not logs_in(account, account.password)
    assert logs_in(account, new)
    told = people.mailbox.text(account.email, subject="Your password was changed")
    assert "127.0.0.1" in told and "Firefox on Linux" in told
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'account.reset_password' AND entity_id = %s", account.id) == 1
    assert database.value("SELECT count(DISTINCT end_reason) FROM session WHERE account_id = %s AND end_reason = 'reset'", account.id) == 1


def test_the_code_stands_for_the_link(people, nobody, forgetful):
    account, _ = forgetful()
    code, new = people.mailbox.code(account.email, subject=SUBJECT), people.password()
    nobody.post("/auth/reset-password", {"email": account.email.upper(), "code": code, "password": new}, expect=204)
    assert logs_in(account, new)
    reply = nobody.post("/auth/reset-password", {"email": account.email, "code": code, "password": people.password()})
    assert violations(reply) == {"/code": "invalid_code"}


def test_asking_answers_the_same_for_every_address(people, nobody, database):
    disabled, waiting = people.logged_in(), people.registered()
    database.rows("UPDATE account SET state = 'disabled' WHERE id = %s", disabled.id)
    known = nobody.post("/auth/forgot-password", {"email": people.confirmed().email})
    assert known.status_code == 202
    for address in (people.address(), waiting.email, disabled.email):
        assert comparable(nobody.post("/auth/forgot-password", {"email": address})) == comparable(known)
    jobs_done(database)
    assert not [mail for mail in people.mailbox.to(disabled.email) if mail["Subject"] == SUBJECT]
    people.mailbox.wait(waiting.email, 2, "Confirm")


def test_a_link_works_once(people, nobody, forgetful):
    _, token = forgetful()
    nobody.post("/auth/reset-password", {"token": token, "password": people.password()}, expect=204)
    assert violations(nobody.post("/auth/reset-password", {"token": token, "password": people.password()})) == {"/token": "invalid_token"}


def test_only_the_newest_mail_is_good(people, nobody, forgetful):
    account, first = forgetful()
    nobody.post("/auth/forgot-password", {"email": account.email}, expect=202)
    second = people.mailbox.token(account.email, 2, SUBJECT)
    assert violations(nobody.post("/auth/reset-password", {"token": first, "password": people.password()})) == {"/token": "invalid_token"}
    nobody.post("/auth/reset-password", {"token": second, "password": people.password()}, expect=204)


def test_an_expired_mail_is_good_for_nothing(people, nobody, forgetful, database):
    account, token = forgetful()
    database.rows("UPDATE one_time_token SET expires_at = now() WHERE account_id = %s", account.id)
    code, new = people.mailbox.code(account.email, subject=SUBJECT), people.password()
    assert violations(nobody.post("/auth/reset-password", {"token": token, "password": new})) == {"/token": "invalid_token"}
    reply = nobody.post("/auth/reset-password", {"email": account.email, "code": code, "password": new})
    assert violations(reply) == {"/code": "invalid_code"}


def test_a_mail_is_good_for_its_own_purpose_only(people, nobody, forgetful):
    account, token = forgetful()
    code = people.mailbox.code(account.email, subject=SUBJECT)
    for path in ("/auth/confirm-email", "/auth/confirm-email-change"):
        assert violations(nobody.post(path, {"token": token})) == {"/token": "invalid_token"}
        assert violations(nobody.post(path, {"email": account.email, "code": code})) == {"/code": "invalid_code"}
    waiting = people.registered()
    confirmation = {"token": people.mailbox.token(waiting.email), "password": people.password()}
    assert violations(nobody.post("/auth/reset-password", confirmation)) == {"/token": "invalid_token"}
    nobody.post("/auth/reset-password", {"token": token, "password": people.password()}, expect=204)


def test_a_code_is_good_for_its_own_address_only(people, nobody, forgetful):
    account, _ = forgetful()
    other, _ = forgetful()
    code, own = (people.mailbox.code(one.email, subject=SUBJECT) for one in (account, other))
    reply = nobody.post("/auth/reset-password", {"email": other.email, "code": code, "password": people.password()})
    assert code == own or violations(reply) == {"/code": "invalid_code"}


def test_a_refused_password_uses_nothing_up(people, nobody, forgetful):
    account, token = forgetful()
    code = people.mailbox.code(account.email, subject=SUBJECT)
    for proof in ({"token": token}, {"email": account.email, "code": code}):
        for password, rule in (("short-1", "too_short"), ("aaaaaaaaaaaaaaaaaaaa", "too_weak")):
            reply = nobody.post("/auth/reset-password", {**proof, "password": password})
            assert violations(reply) == {"/password": rule} and password not in reply.text
    nobody.post("/auth/reset-password", {"token": token, "password": people.password()}, expect=204)


@pytest.mark.parametrize("proof, expected", [
    ({}, {"/token": "required"}),
    ({"email": "a@example.org"}, {"/code": "required"}),
    ({"code": "1234 5678"}, {"/email": "required"}),
    ({"token": "t", "code": "1234 5678"}, {"/code": "not_both"}),
    ({"token": "t", "email": "a@example.org"}, {"/email": "not_both"}),
    ({"token": "t", "email": "a@example.org", "code": "1234 5678"}, {"/code": "not_both"}),
    ({"token": ""}, {"/token": "too_short"}),
    ({"email": "a@example.org", "code": "1234567"}, {"/code": "invalid_code"}),
    ({"email": "a@example.org", "code": "1234 56789"}, {"/code": "invalid_code"}),
    ({"email": "a@example.org", "code": "1234 567x"}, {"/code": "invalid_code"}),
])
@pytest.mark.parametrize("path", ["/auth/confirm-email", "/auth/reset-password", "/auth/confirm-email-change"])
def test_a_proof_is_a_token_or_an_address_and_a_code(nobody, path, proof, expected):
    body = {**proof, "password": "some good long password 1"} if path == "/auth/reset-password" else proof
    assert violations(nobody.post(path, body)) == expected


def test_five_wrong_codes_kill_the_code_but_not_the_link(people, nobody, forgetful):
    account, token = forgetful()
    code, new = people.mailbox.code(account.email, subject=SUBJECT), people.password()
    for _ in range(5):
        reply = nobody.post("/auth/reset-password", {"email": account.email, "code": wrong(code), "password": new})
        assert violations(reply) == {"/code": "invalid_code"}
    reply = nobody.post("/auth/reset-password", {"email": account.email, "code": code, "password": new})
    assert violations(reply) == {"/code": "invalid_code"}
    nobody.post("/auth/reset-password", {"token": token, "password": new}, expect=204)


def test_four_wrong_codes_do_not(people, nobody, forgetful):
    account, _ = forgetful()
    code, new = people.mailbox.code(account.email, subject=SUBJECT), people.password()
    for _ in range(4):
        nobody.post("/auth/reset-password", {"email": account.email, "code": wrong(code), "password": new}, expect=422)
    nobody.post("/auth/reset-password", {"email": account.email, "code": code, "password": new}, expect=204)


def test_parallel_guesses_are_counted_one_by_one(people, nobody, forgetful, database):
    account, _ = forgetful()
    code, new = people.mailbox.code(account.email, subject=SUBJECT), people.password()
    before = database.value("SELECT count(*) FROM audit_event WHERE action = 'account.code_refused'")
    guesses = [f"{(int(code.replace(' ', '')) + n) % 10 ** 8:08}" for n in range(1, 41)]
    replies = people.at_once(40, lambda client, i: client.post("/auth/reset-password", {
        "email": account.email, "code": guesses[i], "password": new}))
    assert {reply.status_code for reply in replies} == {422}
    assert database.value("SELECT code_tries FROM one_time_token WHERE account_id = %s", account.id) == 5
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'account.code_refused'") == before + 40
    nobody.post("/auth/reset-password", {"email": account.email, "code": code, "password": new}, expect=422)


def test_a_wrong_code_and_an_unknown_address_are_answered_alike(people, nobody, forgetful, database):
    account, _ = forgetful()
    code, new = people.mailbox.code(account.email, subject=SUBJECT), people.password()
    known = nobody.post("/auth/reset-password", {"email": account.email, "code": wrong(code), "password": new})
    before = database.counts()
    unknown = nobody.post("/auth/reset-password", {"email": people.address(), "code": wrong(code), "password": new})
    assert comparable(known) == comparable(unknown)
    # Both are one write to the audit trail, which the worker seals by and by.
    assert {name for name, n in database.counts().items() if n != before[name]} - {"audit_unsealed"} == {"audit_event"}


def test_of_many_at_once_one_token_works_once(people, forgetful, database):
    account, token = forgetful()
    passwords = [people.password() for _ in range(50)]
    statuses = people.at_once(50, lambda client, i: client.post("/auth/reset-password", {
        "token": token, "password": passwords[i]}).status_code)
    assert statuses.count(204) == 1 and set(statuses) <= {204, 422, 503}
    assert statuses.count(422) >= 2, "nobody raced"
    assert logs_in(account, passwords[statuses.index(204)])
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'account.reset_password' AND entity_id = %s", account.id) == 1


def test_a_changed_password_kills_the_mail(people, nobody, forgetful, database):
    account, token = forgetful()
    new = people.password()
    account.client.post("/auth/change-password", {"currentPassword": account.password, "newPassword": new}, expect=204)
    assert tokens_of(database, account) == 0
    assert violations(nobody.post("/auth/reset-password", {"token": token, "password": people.password()})) == {"/token": "invalid_token"}


def test_a_disabled_account_is_not_set_anew(people, nobody, forgetful, database):
    account, token = forgetful()
    database.rows("UPDATE account SET state = 'disabled' WHERE id = %s", account.id)
    assert violations(nobody.post("/auth/reset-password", {"token": token, "password": people.password()})) == {"/token": "invalid_token"}


def test_nobody_can_flood_a_mailbox_nor_use_up_the_owners_mails(people, nobody, database):
    account = people.confirmed()
    for _ in range(8):
        nobody.post("/auth/register", {"email": account.email, "password": people.password(), "firstName": "A", "lastName": "B"}, expect=202)
    for _ in range(8):
        nobody.post("/auth/forgot-password", {"email": account.email}, expect=202)
    jobs_done(database)
    subjects = [mail["Subject"] for mail in people.mailbox.to(account.email)]
    assert (subjects.count("You already have an account"), subjects.count(SUBJECT)) == (3, 2)
