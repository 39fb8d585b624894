"""A second factor as its owner holds it: the codes are made by another program (oathtool)."""
import subprocess
import time
from urllib.parse import parse_qs, unquote, urlsplit

from people import SECRETS
from tools import wait_for

STEP_S = 30


class Authenticator:
    """What enrolling gave. code() is always one that was not used before: the account's newest step is set back."""

    def __init__(self, account, database, enrolment):
        SECRETS.update((enrolment["secret"], *enrolment["recoveryCodes"]))
        self.account = account
        self.database = database
        self.secret = enrolment["secret"]
        self.uri = urlsplit(enrolment["otpauthUri"])
        self.recovery_codes = list(enrolment["recoveryCodes"])

    def label(self):
        return unquote(self.uri.path.lstrip("/"))

    def parameters(self):
        return {name: value for name, (value,) in parse_qs(self.uri.query).items()}

    def code_now(self, steps=0):
        """The code of the step that is so many after the present one, which then has at least ten seconds to go."""
        if steps:
            wait_for(lambda: time.time() % STEP_S < STEP_S - 10, "the beginning of a step", STEP_S)
        return self._codes(int(time.time()) + steps * STEP_S, 1)[0]

    def _codes(self, at, n):
        """The codes of n steps from a time on."""
        out = subprocess.run(["oathtool", "--totp", "--base32", self.secret, "--now", f"@{at}", "--window", str(n - 1)],
                             capture_output=True, text=True, check=True)
        return out.stdout.split()

    def forget_steps(self):
        self.database.rows("UPDATE second_factor SET last_step = 0 WHERE account_id = %s", self.account.id)

    def code(self, steps=0):
        self.forget_steps()
        return self.code_now(steps)

    def wrong_code(self):
        """One that is not right now, nor will be soon."""
        near = set(self._codes(int(time.time()) - 2 * STEP_S, 7))
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555", "666666") if code not in near)


def enrol(account, database):
    """An enrolment that waits for its first code."""
    return Authenticator(account, database, account.client.post("/auth/mfa/totp", {"password": account.password}, expect=200).json())


def turn_on(account, database):
    """The second step is on, and the account's session has shown it."""
    authenticator = enrol(account, database)
    account.client.post("/auth/mfa/totp/confirm", {"code": authenticator.code()}, expect=204)
    return authenticator


def first_step(account, nobody):
    """The MFA token that log-in answers."""
    reply = nobody.post("/auth/login", {"email": account.email, "password": account.password}, expect=200).json()
    assert reply["mfaRequired"] is True and set(reply) == {"mfaRequired", "mfaToken", "expiresAt"}
    SECRETS.add(reply["mfaToken"])
    return reply["mfaToken"]


def second_step(account, nobody, token, code, expect=200):
    """Show the code; go on with the session it gives."""
    reply = nobody.post("/auth/mfa/verify", {"mfaToken": token, "code": code}, expect=expect)
    if reply.status_code == 200:
        account.take(reply.json())
    return reply
