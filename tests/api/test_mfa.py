"""The second step: enrol, confirm, log in with it, lose it. A code counts once, and nobody guesses one."""
import base64
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import tokens
from authenticator import enrol, first_step, second_step, turn_on
from client import violations
from people import SECRETS, People
from tools import run

AT_ONCE = 20


@pytest.fixture
def guarded(people, database):
    """An account with its second step on, and its authenticator."""
    account = people.logged_in()
    return account, turn_on(account, database)


def comparable(reply):
    """What a stranger could tell two replies apart by."""
    body = reply.json()
    body.pop("correlationId", None)
    return reply.status_code, body, set(reply.headers) - {"date"}


def at_once(people, calls):
    """The statuses of calls made at the same time, each by a client of its own."""
    clients = [people.client() for _ in calls]
    for client in clients:
        client.site("GET", "/health/live", expect=200)  # the connection stands
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda pair: pair[1](pair[0]).status_code, zip(clients, calls)))


def challenge_row(database, account, column):
    return database.value(f"SELECT {column} FROM mfa_challenge WHERE account_id = %s ORDER BY created_at DESC LIMIT 1", account.id)


# The way in.

def test_the_way_in_enrol_confirm_log_in_with_both_steps(people, nobody, database):
    account = people.logged_in()
    assert account.client.get("/auth/mfa", expect=200).json() == {"enabled": False, "required": False, "recoveryCodesLeft": 0}
    authenticator = turn_on(account, database)
    state = account.client.get("/auth/mfa", expect=200).json()
    assert state.pop("since") and state == {"enabled": True, "required": False, "recoveryCodesLeft": 10}
    token = first_step(account, nobody)
    session = second_step(account, nobody, token, authenticator.code()).json()
    assert session["tokenType"] == "Bearer" and "mfaEnrolmentDue" not in session
    assert account.client.get("/auth/me", expect=200).json() == session["user"]
    nobody.post("/auth/refresh", {"refreshToken": session["refreshToken"]}, expect=200)
    people.mailbox.wait(account.email, subject="second step is on")


def test_what_an_authenticator_app_is_told(people, database):
    account = people.logged_in()
    authenticator = enrol(account, database)
    assert (authenticator.uri.scheme, authenticator.uri.netloc) == ("otpauth", "totp")
    assert authenticator.label() == f"DigitalMe:{account.email}"
    assert authenticator.parameters() == {"secret": authenticator.secret, "issuer": "DigitalMe", "algorithm": "SHA1", "digits": "6",
                                          "period": "30"}
    assert len(base64.b32decode(authenticator.secret)) == 20
    assert len(set(authenticator.recovery_codes)) == 10
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{6}-){3}[0-9A-HJKMNP-TV-Z]{6}", code) for code in authenticator.recovery_codes)


def test_until_it_is_confirmed_log_in_does_not_ask_for_it(people, nobody, database):
    account = people.logged_in()
    authenticator = enrol(account, database)
    account.log_in()
    assert account.client.get("/auth/mfa", expect=200).json() == {"enabled": False, "required": False, "recoveryCodesLeft": 0}
    assert violations(account.client.post("/auth/mfa/totp/confirm", {"code": authenticator.wrong_code()})) == {"/code": "wrong"}
    assert violations(account.client.post("/auth/mfa/totp/confirm", {"code": authenticator.recovery_codes[0]})) == {"/code": "wrong"}
    account.client.post("/auth/mfa/totp/confirm", {"code": authenticator.code()}, expect=204)
    first_step(account, nobody)


def test_enrolling_again_voids_the_enrolment_before(people, database):
    account = people.logged_in()
    first, second = enrol(account, database), enrol(account, database)
    assert first.secret != second.secret and not set(first.recovery_codes) & set(second.recovery_codes)
    assert violations(account.client.post("/auth/mfa/totp/confirm", {"code": first.code()})) == {"/code": "wrong"}
    account.client.post("/auth/mfa/totp/confirm", {"code": second.code()}, expect=204)


def test_an_enrolment_waits_half_an_hour(people, database):
    account = people.logged_in()
    authenticator = enrol(account, database)
    database.rows("UPDATE second_factor SET created_at = now() - interval '31 minutes' WHERE account_id = %s", account.id)
    account.client.post("/auth/mfa/totp/confirm", {"code": authenticator.code()}, expect=409)


def test_nothing_to_confirm_nothing_to_take_off(someone):
    someone.client.post("/auth/mfa/totp/confirm", {"code": "123456"}, expect=409)
    proof = {"password": someone.password, "code": "123456"}
    someone.client.delete("/auth/mfa/totp", proof, expect=409)
    someone.client.post("/auth/mfa/recovery-codes", proof, expect=409)


def test_it_is_enrolled_once(guarded):
    account, _ = guarded
    account.client.post("/auth/mfa/totp", {"password": account.password}, expect=409)


def test_enrolling_asks_for_the_password(people, someone, database):
    assert violations(someone.client.post("/auth/mfa/totp", {"password": people.password()})) == {"/password": "wrong"}
    assert violations(someone.client.post("/auth/mfa/totp", {})) == {"/password": "required"}
    assert database.value("SELECT count(*) FROM second_factor WHERE account_id = %s", someone.id) == 0


@pytest.mark.parametrize("method,path", [("GET", "/auth/mfa"), ("POST", "/auth/mfa/totp"), ("POST", "/auth/mfa/totp/confirm"),
                                         ("DELETE", "/auth/mfa/totp"), ("POST", "/auth/mfa/recovery-codes")])
def test_a_stranger_gets_nowhere(nobody, method, path):
    nobody.call(method, path, expect=401)


def test_confirming_keeps_this_session_and_ends_the_others(people, nobody, database):
    account = people.logged_in()
    other = account.session
    account.log_in()
    turn_on(account, database)
    account.client.get("/auth/me", expect=200)
    nobody.post("/auth/refresh", {"refreshToken": other["refreshToken"]}, expect=401)
    assert database.rows("SELECT end_reason, mfa_at IS NULL FROM session WHERE account_id = %s ORDER BY id", account.id) == [
        ("mfa", True), (None, False)]


# A code counts once.

def test_a_code_is_good_for_one_log_in(guarded, nobody):
    account, authenticator = guarded
    code = authenticator.code()
    second_step(account, nobody, first_step(account, nobody), code)
    second_step(account, nobody, first_step(account, nobody), code, expect=401)


def test_the_code_that_confirmed_it_is_used(people, nobody, database):
    account = people.logged_in()
    authenticator = enrol(account, database)
    code = authenticator.code()
    account.client.post("/auth/mfa/totp/confirm", {"code": code}, expect=204)
    second_step(account, nobody, first_step(account, nobody), code, expect=401)


def test_of_twenty_log_ins_at_once_with_one_code_one_succeeds(people, guarded, nobody, database):
    account, authenticator = guarded
    waiting = [first_step(account, nobody) for _ in range(AT_ONCE)]
    code = authenticator.code()
    statuses = at_once(people, [lambda client, token=token: client.post("/auth/mfa/verify", {"mfaToken": token, "code": code})
                                for token in waiting])
    assert sorted(statuses) == [200] + [401] * (AT_ONCE - 1)
    assert database.value("SELECT count(*) FROM session WHERE account_id = %s AND ended_at IS NULL", account.id) == 2


def test_of_twenty_answers_at_once_to_one_token_one_succeeds(people, guarded, nobody, database):
    """Each with a recovery code of its own or a code of the app: the token itself is good once."""
    account, authenticator = guarded
    token = first_step(account, nobody)
    codes = [*authenticator.recovery_codes, authenticator.code()]
    statuses = at_once(people, [lambda client, code=code: client.post("/auth/mfa/verify", {"mfaToken": token, "code": code})
                                for code in codes])
    assert sorted(statuses) == [200] + [401] * (len(codes) - 1)
    assert database.value("SELECT count(*) FROM recovery_code WHERE account_id = %s AND used_at IS NOT NULL", account.id) <= 1


def test_an_older_step_is_refused_after_a_newer(guarded, nobody):
    account, authenticator = guarded
    now = authenticator.code()
    second_step(account, nobody, first_step(account, nobody), authenticator.code(+1))
    second_step(account, nobody, first_step(account, nobody), now, expect=401)


@pytest.mark.parametrize("steps,status", [(-2, 401), (-1, 200), (0, 200), (+1, 200), (+2, 401)])
def test_a_clock_may_be_one_step_off(guarded, nobody, steps, status):
    account, authenticator = guarded
    token = first_step(account, nobody)
    second_step(account, nobody, token, authenticator.code(steps), expect=status)


@pytest.mark.parametrize("typed", [lambda code: f"{code[:3]} {code[3:]}", lambda code: f" {code} ", lambda code: f"{code[:3]}-{code[3:]}"],
                         ids=["in groups", "with blanks", "with a hyphen"])
def test_a_code_may_be_typed_as_it_is_shown(guarded, nobody, typed):
    account, authenticator = guarded
    second_step(account, nobody, first_step(account, nobody), typed(authenticator.code()))


# Nobody guesses one.

def test_five_wrong_codes_and_the_log_in_is_over(guarded, nobody):
    account, authenticator = guarded
    token, wrong = first_step(account, nobody), authenticator.wrong_code()
    for _ in range(5):
        second_step(account, nobody, token, wrong, expect=401)
    second_step(account, nobody, token, authenticator.code(), expect=401)
    second_step(account, nobody, first_step(account, nobody), authenticator.code())


def test_after_four_wrong_codes_the_fifth_may_be_right(guarded, nobody):
    account, authenticator = guarded
    token, wrong = first_step(account, nobody), authenticator.wrong_code()
    for _ in range(4):
        second_step(account, nobody, token, wrong, expect=401)
    second_step(account, nobody, token, authenticator.code())


def test_twenty_guesses_at_once_are_still_five(people, guarded, nobody, database):
    account, authenticator = guarded
    token, wrong = first_step(account, nobody), authenticator.wrong_code()
    statuses = at_once(people, [lambda client: client.post("/auth/mfa/verify", {"mfaToken": token, "code": wrong})] * AT_ONCE)
    assert statuses == [401] * AT_ONCE
    assert database.value("SELECT failures FROM second_factor WHERE account_id = %s", account.id) == 5


def test_new_log_ins_do_not_give_new_guesses_without_end(people, guarded, nobody, database):
    """Ten wrong codes, and codes are not taken for a while; the owner is told, and gets in with a recovery code."""
    account, authenticator = guarded
    wrong = authenticator.wrong_code()
    for _ in range(2):
        token = first_step(account, nobody)
        for _ in range(5):
            second_step(account, nobody, token, wrong, expect=401)
    mail = people.mailbox.wait(account.email, subject="fails at your second step")
    assert "127.0.0.1" in mail.get_body(("plain",)).get_content()
    token = first_step(account, nobody)
    second_step(account, nobody, token, authenticator.code(), expect=401)
    second_step(account, nobody, token, authenticator.recovery_codes[0])
    second_step(account, nobody, first_step(account, nobody), authenticator.code())


def test_the_pause_ends_by_itself(guarded, nobody, database):
    account, authenticator = guarded
    database.rows("UPDATE second_factor SET failures = 10, locked_until = now() + interval '15 minutes' WHERE account_id = %s", account.id)
    second_step(account, nobody, first_step(account, nobody), authenticator.code(), expect=401)
    database.rows("UPDATE second_factor SET locked_until = locked_until - interval '15 minutes' WHERE account_id = %s", account.id)
    second_step(account, nobody, first_step(account, nobody), authenticator.code())
    assert database.rows("SELECT failures, locked_until FROM second_factor WHERE account_id = %s", account.id) == [(0, None)]


def test_after_a_hundred_failures_only_a_recovery_code_opens(guarded, nobody, database):
    account, authenticator = guarded
    database.rows("UPDATE second_factor SET failures = 99 WHERE account_id = %s", account.id)
    second_step(account, nobody, first_step(account, nobody), authenticator.wrong_code(), expect=401)
    assert database.value("SELECT locked_until = 'infinity' FROM second_factor WHERE account_id = %s", account.id)
    second_step(account, nobody, first_step(account, nobody), authenticator.code(), expect=401)
    second_step(account, nobody, first_step(account, nobody), authenticator.recovery_codes[3])
    second_step(account, nobody, first_step(account, nobody), authenticator.code())


def test_no_refusal_tells_what_was_wrong(people, guarded, nobody, database):
    account, authenticator = guarded
    wrong = authenticator.wrong_code()
    token = first_step(account, nobody)

    def answer(mfa_token, code):
        return comparable(nobody.post("/auth/mfa/verify", {"mfaToken": mfa_token, "code": code}, expect=401))

    wrong_code = answer(token, wrong)
    assert wrong_code == answer("A" * 43, wrong) == answer("x", wrong) == answer(token, "AAAAAA-AAAAAA-AAAAAA-AAAAAA")
    database.rows("UPDATE mfa_challenge SET expires_at = now() WHERE account_id = %s", account.id)
    assert wrong_code == answer(token, authenticator.code())


# Recovery codes.

def test_a_recovery_code_opens_once_and_the_owner_is_told(people, guarded, nobody):
    account, authenticator = guarded
    code = authenticator.recovery_codes[4]
    second_step(account, nobody, first_step(account, nobody), code)
    text = people.mailbox.wait(account.email, subject="recovery code was used").get_body(("plain",)).get_content()
    assert "codes left: 9." in text and code not in text
    second_step(account, nobody, first_step(account, nobody), code, expect=401)
    assert account.client.get("/auth/mfa", expect=200).json()["recoveryCodesLeft"] == 9


def test_of_twenty_log_ins_at_once_with_one_recovery_code_one_succeeds(people, guarded, nobody):
    account, authenticator = guarded
    waiting = [first_step(account, nobody) for _ in range(AT_ONCE)]
    code = authenticator.recovery_codes[0]
    statuses = at_once(people, [lambda client, token=token: client.post("/auth/mfa/verify", {"mfaToken": token, "code": code})
                                for token in waiting])
    assert sorted(statuses) == [200] + [401] * (AT_ONCE - 1)


def test_a_recovery_code_may_be_typed_as_people_type(guarded, nobody):
    account, authenticator = guarded
    typed = authenticator.recovery_codes[0].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    second_step(account, nobody, first_step(account, nobody), typed)


def test_a_recovery_code_is_its_own_accounts(people, guarded, nobody, database):
    account, authenticator = guarded
    other = people.logged_in()
    turn_on(other, database)
    second_step(other, nobody, first_step(other, nobody), authenticator.recovery_codes[0], expect=401)
    second_step(account, nobody, first_step(account, nobody), authenticator.recovery_codes[0])


def test_new_recovery_codes_void_the_old(people, guarded, nobody):
    account, authenticator = guarded
    proof = {"password": account.password, "code": authenticator.code()}
    codes = account.client.post("/auth/mfa/recovery-codes", proof, expect=200).json()["recoveryCodes"]
    SECRETS.update(codes)
    assert len(set(codes)) == 10 and not set(codes) & set(authenticator.recovery_codes)
    people.mailbox.wait(account.email, subject="new recovery codes")
    token = first_step(account, nobody)
    second_step(account, nobody, token, authenticator.recovery_codes[0], expect=401)
    second_step(account, nobody, token, codes[0])


def test_new_recovery_codes_ask_for_password_and_code(people, guarded):
    account, authenticator = guarded
    path, right = "/auth/mfa/recovery-codes", {"password": account.password, "code": authenticator.code()}
    assert violations(account.client.post(path, {**right, "password": people.password()})) == {"/password": "wrong"}
    assert violations(account.client.post(path, {**right, "code": authenticator.wrong_code()})) == {"/code": "wrong"}
    assert violations(account.client.post(path, {"password": account.password})) == {"/code": "required"}
    assert account.client.get("/auth/mfa", expect=200).json()["recoveryCodesLeft"] == 10


# The token between the steps.

def test_the_token_lasts_five_minutes(guarded, nobody, database):
    account, authenticator = guarded
    token = first_step(account, nobody)
    assert challenge_row(database, account, "extract(epoch FROM expires_at - created_at)") == 300
    database.rows("UPDATE mfa_challenge SET expires_at = now() - interval '1 second' WHERE account_id = %s", account.id)
    second_step(account, nobody, token, authenticator.code(), expect=401)


def test_the_token_works_once(guarded, nobody):
    account, authenticator = guarded
    token = first_step(account, nobody)
    second_step(account, nobody, token, authenticator.code())
    second_step(account, nobody, token, authenticator.code(), expect=401)


def test_the_token_is_for_its_own_account(people, guarded, nobody, database):
    account, authenticator = guarded
    other = people.logged_in()
    turn_on(other, database)
    second_step(account, nobody, first_step(other, nobody), authenticator.code(), expect=401)


def test_the_token_opens_nothing_else(people, guarded, nobody):
    account, _ = guarded
    token = first_step(account, nobody)
    nobody.get("/auth/me", headers={"Authorization": f"Bearer {token}"}, expect=401)
    nobody.post("/auth/refresh", {"refreshToken": token}, expect=401)
    assert violations(nobody.post("/auth/confirm-email", {"token": token})) == {"/token": "invalid_token"}


def test_no_other_token_stands_for_it(people, guarded, nobody):
    account, authenticator = guarded
    others = [account.session["refreshToken"], account.session["accessToken"][:128], people.mailbox.token(account.email)]
    for other in others:
        second_step(account, nobody, other, authenticator.code(), expect=401)


@pytest.mark.parametrize("change", ["state = 'disabled'", "password_hash = '$2b$10$' || repeat('a', 53)"], ids=["disabled", "password"])
def test_what_happens_to_the_account_between_the_steps_counts(guarded, nobody, database, change):
    account, authenticator = guarded
    token = first_step(account, nobody)
    database.rows(f"UPDATE account SET {change} WHERE id = %s", account.id)
    second_step(account, nobody, token, authenticator.code(), expect=401)


def test_taking_it_off_ends_log_ins_that_wait_for_it(guarded, nobody):
    account, authenticator = guarded
    token = first_step(account, nobody)
    account.client.delete("/auth/mfa/totp", {"password": account.password, "code": authenticator.code()}, expect=204)
    second_step(account, nobody, token, authenticator.recovery_codes[0], expect=401)


# Passwords are the other step.

def test_a_reset_password_does_not_get_past_it(people, guarded, nobody):
    account, authenticator = guarded
    waiting = first_step(account, nobody)
    nobody.post("/auth/forgot-password", {"email": account.email}, expect=202)
    token = people.mailbox.token(account.email, subject="password")
    new = people.password()
    nobody.post("/auth/reset-password", {"token": token, "password": new}, expect=204)
    second_step(account, nobody, waiting, authenticator.code(), expect=401)
    account.password = new
    second_step(account, nobody, first_step(account, nobody), authenticator.code())


def test_a_changed_password_does_not_get_past_it(people, guarded, nobody):
    account, authenticator = guarded
    waiting, new = first_step(account, nobody), people.password()
    account.client.post("/auth/change-password", {"currentPassword": account.password, "newPassword": new}, expect=204)
    second_step(account, nobody, waiting, authenticator.code(), expect=401)
    account.password = new
    second_step(account, nobody, first_step(account, nobody), authenticator.code())


def test_the_device_of_the_first_step_is_the_session_s(people, guarded, nobody, database):
    account, authenticator = guarded
    session = second_step(account, nobody, first_step(account, nobody), authenticator.code()).json()
    reply = nobody.post("/auth/login", {"email": account.email, "password": account.password, "deviceToken": session["deviceToken"]},
                        expect=200).json()
    SECRETS.add(reply["mfaToken"])
    second_step(account, nobody, reply["mfaToken"], authenticator.code())
    devices = database.rows("SELECT device_id FROM session WHERE account_id = %s ORDER BY id DESC LIMIT 2", account.id)
    assert devices[0] == devices[1] and devices[0][0]


# Taking it off.

def test_taking_it_off_asks_for_password_and_code(people, guarded, nobody):
    account, authenticator = guarded
    right = {"password": account.password, "code": authenticator.code()}
    assert violations(account.client.delete("/auth/mfa/totp", {"password": account.password})) == {"/code": "required"}
    assert violations(account.client.delete("/auth/mfa/totp", {"code": right["code"]})) == {"/password": "required"}
    assert violations(account.client.delete("/auth/mfa/totp", {**right, "password": people.password()})) == {"/password": "wrong"}
    assert violations(account.client.delete("/auth/mfa/totp", {**right, "code": authenticator.wrong_code()})) == {"/code": "wrong"}
    account.client.delete("/auth/mfa/totp", expect=400)
    first_step(account, nobody)


@pytest.mark.parametrize("with_code", [lambda a: a.code(), lambda a: a.recovery_codes[9]], ids=["code", "recovery code"])
def test_taken_off_the_password_is_enough_again(people, guarded, nobody, with_code):
    account, authenticator = guarded
    kept = account.session
    second_step(account, nobody, first_step(account, nobody), authenticator.recovery_codes[0])
    ended, account.client.token = account.session, kept["accessToken"]
    account.client.delete("/auth/mfa/totp", {"password": account.password, "code": with_code(authenticator)}, expect=204)
    people.mailbox.wait(account.email, subject="second step is off")
    account.client.get("/auth/me", expect=200)
    nobody.get("/auth/me", headers={"Authorization": f"Bearer {ended['accessToken']}"}, expect=401)
    assert account.client.get("/auth/mfa", expect=200).json() == {"enabled": False, "required": False, "recoveryCodesLeft": 0}
    account.log_in()
    again = turn_on(account, authenticator.database)
    assert again.secret != authenticator.secret
    second_step(account, nobody, first_step(account, nobody), authenticator.recovery_codes[1], expect=401)


def test_guesses_by_a_stolen_session_count_too(people, guarded, database):
    account, authenticator = guarded
    wrong = {"password": account.password, "code": authenticator.wrong_code()}
    for _ in range(10):
        violations(account.client.delete("/auth/mfa/totp", wrong))
    right = {"password": account.password, "code": authenticator.code()}
    assert violations(account.client.delete("/auth/mfa/totp", right)) == {"/code": "wrong"}
    people.mailbox.wait(account.email, subject="fails at your second step")


# The operator's part.

def test_the_operator_takes_it_off_and_the_owner_is_told(people, guarded, nobody, database, ctl):
    account, authenticator = guarded
    waiting = first_step(account, nobody)
    done = ctl("user", "reset-mfa", account.email.upper())
    assert (done.returncode, done.stdout) == (
        0, f"account {account.id}: the second step is off, 1 sessions have ended, the owner is told\n")
    account.client.get("/auth/me", expect=401)
    second_step(account, nobody, waiting, authenticator.recovery_codes[0], expect=401)
    people.mailbox.wait(account.email, subject="taken off for you")
    assert database.rows("SELECT created_by, detail FROM audit_event WHERE action = 'mfa.reset' AND entity_id = %s", account.id) == [
        (None, {"by": "digitalmectl"})]
    account.log_in()
    assert account.client.get("/auth/mfa", expect=200).json() == {"enabled": False, "required": False, "recoveryCodesLeft": 0}


def test_the_operator_is_told_when_there_is_nothing_to_take_off(people, someone, ctl):
    off, unknown, none = ctl("user", "reset-mfa", someone.email), ctl("user", "reset-mfa", people.address()), ctl("user", "reset-mfa")
    assert (off.returncode, off.stderr) == (1, "digitalmectl: no second factor is on\n")
    assert (unknown.returncode, unknown.stderr) == (1, "digitalmectl: no account has this address\n")
    assert none.returncode == 2 and none.stderr.startswith("usage: digitalmectl user reset-mfa EMAIL")
    someone.client.get("/auth/me", expect=200)


# Races.

def test_no_log_in_slips_by_while_it_is_turned_on(people, database):
    """Log-ins under way when it is confirmed either end with it or come too late."""
    account = people.logged_in()
    authenticator = enrol(account, database)
    code = authenticator.code()
    credentials = {"email": account.email, "password": account.password}
    token = account.session["accessToken"]

    def confirm(client):
        return client.post("/auth/mfa/totp/confirm", {"code": code}, headers={"Authorization": f"Bearer {token}"})

    calls = [lambda client: client.post("/auth/login", credentials)] * 12
    calls.insert(6, confirm)
    statuses = at_once(people, calls)
    assert statuses[6] == 204 and set(statuses[:6] + statuses[7:]) <= {200, 401}
    assert database.value("SELECT count(*) FROM session WHERE account_id = %s AND ended_at IS NULL AND mfa_at IS NULL", account.id) == 0


# Admins.

@pytest.fixture(scope="module")
def strict(own_system, contract):
    """People of a system where admins must have a second factor, and its database."""
    from database import Database
    system = own_system(settings={"mfa.required_for": "admin"})
    people = People(system, contract)
    with Database(system) as database:
        yield people, database
    people.close()


def role_of(session):
    return tokens.parts(session["accessToken"])[1]["role"]


@pytest.mark.parametrize("role", ["Admin", "SuperAdmin"])
def test_where_admins_need_it_they_are_users_until_they_have_it(strict, role):
    people, database = strict
    account = people.confirmed()
    database.rows("UPDATE account SET role = %s WHERE email = %s", role, account.email)
    session = account.log_in()
    assert session["mfaEnrolmentDue"] is True and role_of(session) == "User" and session["user"]["role"] == role
    assert account.client.get("/auth/mfa", expect=200).json()["required"] is True
    authenticator = turn_on(account, database)
    refreshed = account.client.post("/auth/refresh", {"refreshToken": session["refreshToken"]}, expect=200).json()
    account.take(refreshed)
    assert "mfaEnrolmentDue" not in refreshed and role_of(refreshed) == role
    session = second_step(account, people.client(), first_step(account, people.client()), authenticator.code()).json()
    assert "mfaEnrolmentDue" not in session and role_of(session) == role
    # Off again: a token that says Admin must not outlive it.
    account.client.delete("/auth/mfa/totp", {"password": account.password, "code": authenticator.code()}, expect=204)
    account.client.get("/auth/me", expect=401)
    assert role_of(account.log_in()) == "User"


def test_where_admins_need_it_users_do_not(strict):
    people, _ = strict
    account = people.logged_in()
    assert "mfaEnrolmentDue" not in account.session and role_of(account.session) == "User"
    assert account.client.get("/auth/mfa", expect=200).json()["required"] is False


# What is kept.

def test_nothing_of_it_is_stored_as_it_is(system, guarded, nobody):
    account, authenticator = guarded
    token = first_step(account, nobody)
    dump = run(["pg_dump", system.conninfo("postgres")])
    raw = base64.b32decode(authenticator.secret)
    plain = [authenticator.secret, raw.hex(), base64.b64encode(raw).decode().rstrip("="), token,
             *authenticator.recovery_codes, *(code.replace("-", "") for code in authenticator.recovery_codes)]
    assert account.id in dump
    assert not [secret for secret in plain if secret.lower() in dump.lower()]


def test_the_stored_secret_opens_with_the_key_in_its_own_row_only(system, guarded, database):
    """By another implementation of AES-256-GCM."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    account, authenticator = guarded
    factor_id, sealed = database.rows("SELECT id::text, secret FROM second_factor WHERE account_id = %s", account.id)[0]
    version, _, text = sealed.split(".")
    sealed_bytes = tokens.decode(text)
    key = AESGCM(base64.b64decode(system._load()["encryption_key"]))
    assert version == "v1"
    assert key.decrypt(sealed_bytes[:12], sealed_bytes[12:], f"second_factor.secret/{factor_id}".encode()) == base64.b32decode(authenticator.secret)
    with pytest.raises(InvalidTag):
        key.decrypt(sealed_bytes[:12], sealed_bytes[12:], f"second_factor.secret/{account.id}".encode())


def test_a_secret_moved_to_another_account_opens_nothing(people, guarded, nobody, database):
    """Whoever can write to the table but has no key cannot give an account a factor of their own."""
    account, authenticator = guarded
    thief = people.logged_in()
    own = turn_on(thief, database)
    kept = database.value("SELECT secret FROM second_factor WHERE account_id = %s", account.id)
    database.rows("UPDATE second_factor SET secret = (SELECT secret FROM second_factor WHERE account_id = %s) WHERE account_id = %s",
                  thief.id, account.id)
    second_step(account, nobody, first_step(account, nobody), own.code_now(), expect=500)
    people.contract.expected("auth.second_step", 500)
    database.rows("UPDATE second_factor SET secret = %s WHERE account_id = %s", kept, account.id)
    second_step(account, nobody, first_step(account, nobody), authenticator.code())


def test_each_step_leaves_an_audit_event(people, guarded, nobody, database):
    account, authenticator = guarded
    second_step(account, nobody, first_step(account, nobody), authenticator.wrong_code(), expect=401)
    second_step(account, nobody, first_step(account, nobody), authenticator.recovery_codes[0])
    proof = {"password": account.password}
    SECRETS.update(account.client.post("/auth/mfa/recovery-codes", {**proof, "code": authenticator.code()}, expect=200).json()["recoveryCodes"])
    account.client.delete("/auth/mfa/totp", {**proof, "code": authenticator.code()}, expect=204)
    actions = [action for action, in database.rows("SELECT action FROM audit_event WHERE entity_id = %s AND action LIKE 'mfa.%%' ORDER BY id",
                                                    account.id)]
    assert actions == ["mfa.enrol", "mfa.confirm", "mfa.failed", "mfa.recovery_code_used", "mfa.renew_codes", "mfa.remove"]
