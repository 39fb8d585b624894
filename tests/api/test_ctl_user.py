"""digitalmectl user: how a site gets its administrators."""
import os
import pty
import subprocess

import pytest

from people import SECRETS, Account


@pytest.fixture
def create(system):
    """Runs `digitalmectl user create-admin …` with something on standard input."""
    def run(*words, given=None):
        return subprocess.run([system.program("digitalmectl"), "--config", system.config_file, "user", "create-admin", *words],
                              input=given, capture_output=True, text=True, timeout=60, check=False)
    return run


def account_of(people, address, password):
    account = Account(people.client(), address, password)
    account.log_in()
    return account


@pytest.mark.parametrize("role", ["SuperAdmin", "Admin"])
def test_an_administrator_is_made_and_can_log_in_at_once(people, create, database, role):
    address, password = people.address(), people.password()
    done = create(address, *([] if role == "SuperAdmin" else ["--role", role]), given=password + "\n")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.endswith(f"is {role}\n")
    account = account_of(people, address, password)
    assert account.session["user"]["role"] == role and account.session["user"]["emailConfirmed"]
    account.client.get("/admin/users", expect=200)
    assert database.rows("SELECT detail, created_by FROM audit_event WHERE entity_id = %s AND action = 'account.create_admin'", account.id) == [
        ({"role": role}, None)]


def test_the_password_may_lie_in_a_file_that_only_its_owner_reads(people, create, tmp_path):
    address, password, path = people.address(), people.password(), tmp_path / "password"
    path.write_text(password + "\nanother line\n")
    path.chmod(0o640)
    done = create(address, "--password-file", path)
    assert done.returncode == 1 and "chmod 600" in done.stderr
    path.chmod(0o600)
    assert create(address, "--password-file", path, "--first-name", "Ada", "--last-name", "Lovelace").returncode == 0
    user = account_of(people, address, password).session["user"]
    assert (user["firstName"], user["lastName"]) == ("Ada", "Lovelace")
    assert create(people.address(), "--password-file", tmp_path / "none").returncode == 1


def at_a_terminal(system, address, *typed):
    """The program on a terminal of its own: its exit status and all that was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(system.program("digitalmectl"), ["digitalmectl", "--config", str(system.config_file), "user", "create-admin", address])
    shown = b""
    answers = list(typed)
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # the terminal went with the program
            chunk = b""
        if not chunk:
            break
        shown += chunk
        if shown.endswith((b"Password: ", b"again: ")) and answers:
            os.write(terminal, answers.pop(0))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return status, shown.decode()


def test_a_terminal_is_asked_twice_and_shows_nothing_of_it(system, people):
    address, password = people.address(), people.password()
    status, shown = at_a_terminal(system, address, password.encode() + b"\n", password.encode() + b"\n")
    assert status == 0 and password not in shown and "Password:" in shown, shown
    account_of(people, address, password)


def test_a_slip_at_the_terminal_makes_no_account(system, people, database):
    address, password = people.address(), people.password()
    status, shown = at_a_terminal(system, address, password.encode() + b"\n", b"something else\n")
    assert status == 1 and "not the same" in shown
    status, shown = at_a_terminal(system, address, b"half\x03\n")
    assert status == 1 and "no password" in shown
    assert database.value("SELECT count(*) FROM account WHERE email = %s", address) == 0


@pytest.mark.parametrize("password,words", [("short", "at least"), ("password-password", "too easy"), ("", "no password"), ("x" * 5000, "too long"),
                                            ("correct\x00horse", "not UTF-8")])
def test_the_rules_for_passwords_hold_here_too(people, create, database, password, words):
    address = people.address()
    done = create(address, given=password + "\n")
    assert done.returncode == 1 and done.stdout == "" and (words in done.stderr or "known" in done.stderr), done.stderr
    assert password == "" or password not in done.stderr
    assert database.value("SELECT count(*) FROM account WHERE email = %s", address) == 0


def test_an_address_that_has_an_account_is_refused_and_its_account_promoted_when_asked_for(people, create, database):
    account, password = people.logged_in(), people.password()
    done = create(account.email.upper(), given=password + "\n")
    assert done.returncode == 1 and "already" in done.stderr and "--promote" in done.stderr
    account.client.get("/auth/me", expect=200)
    assert create(account.email.upper(), "--promote").returncode == 0
    account.client.get("/auth/me", expect=401)
    assert account.log_in()["user"]["role"] == "SuperAdmin"
    people.mailbox.wait(account.email, subject="role has changed")
    assert database.value("SELECT detail FROM audit_event WHERE entity_id = %s AND action = 'account.change_role'", account.id) == {
        "old": "User", "new": "SuperAdmin"}


def test_only_an_active_account_is_promoted(people, create):
    done = create(people.registered().email, "--promote")
    assert done.returncode == 1 and "unconfirmed" in done.stderr
    done = create(people.address(), "--promote")
    assert done.returncode == 1 and "no account" in done.stderr


@pytest.mark.parametrize("words", [[], ["--role", "King", "a@example.org"], ["a@example.org", "--role", "User"], ["a@example.org", "b@example.org"],
                                   ["a@example.org", "--password", "on-the-command-line"], ["--promote"]])
def test_wrong_words_show_the_usage(create, words):
    done = create(*words, given="")
    assert done.returncode == 2 and "usage:" in done.stderr and done.stdout == ""


def test_what_is_no_address_is_refused(create, people):
    done = create("nobody", given=people.password() + "\n")
    assert done.returncode == 1 and "no e-mail address" in done.stderr
    assert SECRETS
