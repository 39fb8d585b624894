"""Accounts: register, confirm, log in, see oneself, log out. Nobody learns whether an address is known."""
import pytest

from client import violations


def comparable(reply):
    """What a stranger could tell two replies apart by."""
    body = reply.json() if reply.content else {}
    body.pop("correlationId", None)
    return reply.status_code, body, set(reply.headers) - {"date"}


def registration(people, address=None, **changes):
    return {"email": address or people.address(), "password": people.password(), "firstName": "Åsa", "lastName": "Öberg", **changes}


def test_the_way_in_register_read_the_mail_confirm_log_in(people):
    account = people.registered()
    mail = people.mailbox.wait(account.email)
    assert mail["Subject"] == "Confirm your e-mail address" and mail["To"] == account.email
    account.client.post("/auth/confirm-email", {"token": people.mailbox.token(account.email)}, expect=204)
    session = account.log_in()
    assert session["tokenType"] == "Bearer" and session["expiresAt"] < session["refreshExpiresAt"]
    me = account.client.get("/auth/me", expect=200).json()
    assert me == session["user"]
    assert (me["email"], me["firstName"], me["role"], me["emailConfirmed"]) == (account.email, "Per", "User", True)


def test_registering_answers_the_same_for_a_known_address(people, nobody, alice):
    new = nobody.post("/auth/register", registration(people))
    known = nobody.post("/auth/register", registration(people, alice.email))
    assert new.status_code == 202 and comparable(new) == comparable(known)


def test_registering_a_known_address_changes_nothing_and_tells_its_owner(people, nobody):
    account = people.confirmed()
    nobody.post("/auth/register", registration(people, account.email.upper()), expect=202)
    people.mailbox.wait(account.email, subject="already have an account")
    account.log_in()
    assert account.session["user"]["firstName"] == "Per"


def test_confirming_confirms_the_password_its_own_registration_chose(people, nobody):
    """Who registers somebody else's unconfirmed address again must not get in when the owner follows the first mail."""
    account = people.registered()
    first = people.mailbox.token(account.email)
    stranger = registration(people, account.email)
    nobody.post("/auth/register", stranger, expect=202)
    people.mailbox.wait(account.email, 2)
    account.client.post("/auth/confirm-email", {"token": first}, expect=204)
    account.log_in()
    nobody.post("/auth/login", {"email": account.email, "password": stranger["password"]}, expect=401)


def test_no_log_in_before_the_address_is_confirmed(people):
    account = people.registered()
    account.client.post("/auth/login", {"email": account.email, "password": account.password}, expect=401)


def test_a_wrong_password_and_an_unknown_address_look_the_same(people, nobody, alice):
    wrong = nobody.post("/auth/login", {"email": alice.email, "password": people.password()}, expect=401)
    unknown = nobody.post("/auth/login", {"email": people.address(), "password": people.password()}, expect=401)
    assert comparable(wrong) == comparable(unknown)


def test_log_in_takes_the_address_in_any_case(people, nobody):
    account = people.confirmed()
    nobody.post("/auth/login", {"email": account.email.upper(), "password": account.password}, expect=200)


def test_a_confirmation_token_works_once(people, nobody):
    account = people.registered()
    token = people.mailbox.token(account.email)
    nobody.post("/auth/confirm-email", {"token": token}, expect=204)
    assert violations(nobody.post("/auth/confirm-email", {"token": token})) == {"/token": "invalid_token"}


def test_an_expired_confirmation_token_is_refused(people, nobody, database):
    account = people.registered()
    token = people.mailbox.token(account.email)
    database.rows("UPDATE one_time_token SET expires_at = now() - interval '1 s' WHERE account_id ="
                  " (SELECT id FROM account WHERE email = %s)", account.email)
    assert violations(nobody.post("/auth/confirm-email", {"token": token})) == {"/token": "invalid_token"}


def test_a_made_up_confirmation_token_is_refused(nobody):
    assert violations(nobody.post("/auth/confirm-email", {"token": "A" * 43})) == {"/token": "invalid_token"}


def test_resending_sends_another_token_that_works(people, nobody):
    account = people.registered()
    first = people.mailbox.token(account.email)
    nobody.post("/auth/resend-confirmation", {"email": account.email}, expect=202)
    second = people.mailbox.token(account.email, 2)
    assert first != second
    nobody.post("/auth/confirm-email", {"token": second}, expect=204)
    account.log_in()


def test_resending_answers_the_same_whether_or_not_the_address_waits(people, nobody, alice):
    waiting = people.registered()
    replies = [nobody.post("/auth/resend-confirmation", {"email": address}, expect=202)
               for address in (waiting.email, alice.email, people.address())]
    assert comparable(replies[0]) == comparable(replies[1]) == comparable(replies[2])


def test_strangers_cannot_flood_a_mailbox(people, nobody, database):
    account = people.registered()
    for _ in range(12):
        nobody.post("/auth/resend-confirmation", {"email": account.email}, expect=202)
    assert database.value("SELECT mail_count FROM account WHERE email = %s", account.email) < 12
    assert database.value("SELECT count(*) FROM one_time_token t JOIN account a ON a.id = t.account_id WHERE a.email = %s",
                          account.email) < 12


@pytest.mark.parametrize("password", ["short-7a", "password1234", "aaaaaaaaaaaaaaaa", "qwertyuiop12"])
def test_a_weak_password_is_refused_with_a_pointer(people, nobody, database, password):
    body = registration(people, password=password)
    assert list(violations(nobody.post("/auth/register", body))) == ["/password"]
    assert database.value("SELECT count(*) FROM account WHERE email = %s", body["email"]) == 0


def test_a_password_made_of_the_own_address_is_refused(people, nobody):
    body = registration(people)
    assert list(violations(nobody.post("/auth/register", {**body, "password": body["email"][:20]}))) == ["/password"]


def test_a_password_may_be_any_characters_and_counts_whole(people, nobody):
    """bcrypt alone would cut at 72 bytes."""
    account = people.registered()
    long = "näive 🦉 zebra-" + "correct horse battery " * 4
    body = registration(people, people.address(), password=long + "A")
    nobody.post("/auth/register", body, expect=202)
    nobody.post("/auth/confirm-email", {"token": people.mailbox.token(body["email"])}, expect=204)
    nobody.post("/auth/login", {"email": body["email"], "password": long + "B"}, expect=401)
    nobody.post("/auth/login", {"email": body["email"], "password": long + "A"}, expect=200)
    assert account.email != body["email"]


def test_passwords_and_tokens_are_stored_as_hashes_only(people, database):
    account = people.logged_in()
    account.client.post("/auth/forgot-password", {"email": account.email}, expect=202)
    token, code = (read(account.email, subject="Choose a new password") for read in (people.mailbox.token, people.mailbox.code))
    stored = str(database.rows("SELECT a::text, s::text, t::text FROM account a JOIN session s ON s.account_id = a.id"
                               " JOIN one_time_token t ON t.account_id = a.id WHERE a.id = %s", account.id))
    assert stored != "[]"
    for secret in (account.password, account.session["refreshToken"], account.session["accessToken"], token, code.replace(" ", "")):
        assert secret not in stored


def test_me_is_refused_without_a_token(nobody):
    assert nobody.get("/auth/me", expect=401).headers["WWW-Authenticate"] == "Bearer"


def test_after_log_out_the_token_is_dead_at_once(someone):
    someone.client.get("/auth/me", expect=200)
    someone.client.post("/auth/logout", expect=204)
    someone.client.get("/auth/me", expect=401)
    someone.client.get("/personality", expect=401)


def test_log_out_ends_this_session_and_no_other(people):
    account = people.logged_in()
    first = account.session
    account.log_in()
    account.client.post("/auth/logout", expect=204)
    account.client.get("/auth/me", expect=401)
    account.client.token = first["accessToken"]
    account.client.get("/auth/me", expect=200)


def test_log_out_kills_the_refresh_token_too(someone, nobody):
    someone.client.post("/auth/logout", expect=204)
    nobody.post("/auth/refresh", {"refreshToken": someone.session["refreshToken"]}, expect=401)


def test_each_step_leaves_an_audit_event(people, database):
    account = people.logged_in()
    account.client.post("/auth/logout", expect=204)
    actions = [action for action, in database.rows("SELECT action FROM audit_event WHERE entity_id = %s OR created_by = %s ORDER BY id",
                                                    account.id, account.id)]
    assert actions == ["account.register", "account.confirm_email", "session.create", "session.logout"]


def test_a_disabled_account_cannot_log_in(people, nobody, database):
    account = people.confirmed()
    database.rows("UPDATE account SET state = 'disabled' WHERE email = %s", account.email)
    nobody.post("/auth/login", {"email": account.email, "password": account.password}, expect=401)
