"""Accounts as people get them: register, read the mail, confirm, log in. Every secret that passes through here is remembered, so that
the logs can be searched for it."""
import email
import email.policy
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

from client import Client
from system import wait_for

PASSWORD = "correct-{}-horse-battery"
SECRETS = set()
numbers = count(1)


class Mailbox:
    """The mails that have come so far, read once each."""

    def __init__(self, system):
        self.system = system
        self.read = {}

    def to(self, address):
        for path in self.system.mails():
            if path.name not in self.read:
                self.read[path.name] = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        return [mail for mail in self.read.values() if mail["X-Mail-To"] == address]

    def wait(self, address, n=1, subject=""):
        """The n-th mail to the address with these words in its subject."""
        def found():
            mails = [mail for mail in self.to(address) if subject in mail["Subject"]]
            return len(mails) >= n and mails[n - 1]
        return wait_for(found, f"mail {n} “{subject}” to {address}", 20)

    def text(self, address, n=1, subject=""):
        """The plain text of such a mail. The HTML beside it says the same: see test_mail.py."""
        return self.wait(address, n, subject).get_body(("plain",)).get_content().replace("\r\n", "\n")

    def token(self, address, n=1, subject="Confirm"):
        """The token in the link of the n-th such mail."""
        token = re.search(r"#token=([A-Za-z0-9_-]{43})\s", self.text(address, n, subject)).group(1)
        SECRETS.add(token)
        return token

    def code(self, address, n=1, subject="Confirm"):
        """The code in the n-th such mail, as it is printed: four digits, a space, four digits."""
        code = re.search(r"\n    (\d{4} \d{4})\n", self.text(address, n, subject)).group(1)
        SECRETS.update((code, code.replace(" ", "")))
        return code


class Account:
    def __init__(self, client, address, password):
        self.client = client
        self.email = address
        self.password = password
        self.session = None
        self.id = None

    def take(self, session):
        """Go on with what a log-in or refresh answered."""
        SECRETS.update(session[name] for name in ("accessToken", "refreshToken", "deviceToken") if session.get(name))
        self.session = session
        self.id = session["user"]["id"]
        self.client.token = session["accessToken"]

    def log_in(self):
        token, self.client.token = self.client.token, None
        reply = self.client.post("/auth/login", {"email": self.email, "password": self.password}, expect=(200, 401))
        self.client.token = token
        assert reply.status_code == 200, reply.text
        self.take(reply.json())
        return self.session


class People:
    """Makes accounts in one system."""

    def __init__(self, system, contract):
        self.system = system
        self.contract = contract
        self.mailbox = Mailbox(system)
        self.clients = []

    def client(self, **options):
        client = Client(self.system, self.contract, **options)
        self.clients.append(client)
        return client

    def at_once(self, n, ask, token=None):
        """What ask(client, i) gives for n clients of their own, all at the same moment."""
        clients = [self.client(token=token) for _ in range(n)]
        start = Barrier(n)

        def one(i):
            start.wait()
            return ask(clients[i], i)
        with ThreadPoolExecutor(n) as pool:
            return list(pool.map(one, range(n)))

    def close(self):
        for client in self.clients:
            client.close()

    def address(self):
        return f"person-{next(numbers)}-{secrets.token_hex(4)}@example.org"

    def password(self):
        password = PASSWORD.format(secrets.token_hex(6))
        SECRETS.add(password)
        return password

    def registered(self, **options):
        """An account whose address is not confirmed yet."""
        account = Account(self.client(**options), self.address(), self.password())
        account.client.post("/auth/register", {"email": account.email, "password": account.password, "firstName": "Per",
                                               "lastName": "Son"}, expect=202)
        return account

    def confirmed(self, **options):
        account = self.registered(**options)
        account.client.post("/auth/confirm-email", {"token": self.mailbox.token(account.email)}, expect=204)
        return account

    def logged_in(self, **options):
        account = self.confirmed(**options)
        account.log_in()
        return account
