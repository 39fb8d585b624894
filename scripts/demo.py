#!/usr/bin/python3
"""DigitalMe's main job, done for real through the proxy and printed as it happens: an account, a confirmed address, a log-in, a digital
self from sample/, a conversation. Run again it logs the same account in, finds the same self and goes on in a new conversation.
"""
import email
import email.policy
import json
import re
import secrets
import shlex
import sys
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path

from system import ROOT
from tools import Trouble, wait_for, write_file

SAMPLE = ROOT / "sample" / "mara-lindqvist.json"
EMAIL = "you@digitalme.example"
SAY = (
    "How do you decide if an old boat is worth saving?",
    "Who taught you to rivet?",
    "What should somebody learn first who wants to build boats?",
)
WAIT_AT_MOST_S = 65


class Client:
    """JSON over HTTPS, trusting the system's own CA. Waits when it is told to (429, 503), as any good client does."""

    def __init__(self, system):
        self.system = system
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPSHandler(context=system.ssl_context()))
        self.token = None

    def ask(self, method, path, body=None, expect=(200, 201, 202, 204)):
        """The status and the JSON reply. Trouble when the status is not among the expected."""
        until = time.monotonic() + WAIT_AT_MOST_S
        while True:
            status, headers, reply = self._ask_once(method, path, body)
            wait_s = int(headers.get("Retry-After") or 1)
            if status not in (429, 503) or time.monotonic() + wait_s > until:
                break
            print(f"    ({status}: asked to wait {wait_s} s)", flush=True)
            time.sleep(wait_s)
        if status not in expect:
            raise Trouble(f"{method} {path} was answered with {status}: {json.dumps(reply)}\nlogs: {self.system.log_dir}")
        return status, reply

    def _ask_once(self, method, path, body):
        request = urllib.request.Request(self.system.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with self.opener.open(request, timeout=30) as answer:
                status, headers, text = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            status, headers, text = answer.code, answer.headers, answer.read()
        except urllib.error.URLError as e:
            raise Trouble(f"{method} {self.system.url}{path}: {e.reason}") from None
        return status, headers, json.loads(text) if text else None


def say(text):
    print(text, flush=True)


def confirmation_token(system, address):
    """The token in the newest confirmation mail to the address, None while there is none."""
    for path in reversed(system.mails()):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if address not in str(mail["To"]):
            continue
        found = re.search(r"/confirm-email#token=([A-Za-z0-9_-]{43})\s", mail.get_body(("plain",)).get_content())
        if found:
            return path, mail["Subject"], found.group(1)
    return None


def log_in(client, me):
    """True when the account lets us in."""
    status, reply = client.ask("POST", "/api/v1/auth/login", {"email": me["email"], "password": me["password"]}, (200, 401, 403))
    if status == 200:
        client.token = reply["accessToken"]
    return status == 200


def confirm(client, me):
    system = client.system
    path, subject, token = wait_for(lambda: confirmation_token(system, me["email"]), "the confirmation mail", 30)
    say(f"  mail       “{subject}” → {path}")
    client.ask("POST", "/api/v1/auth/confirm-email", {"token": token})
    say("  confirmed  the address")


def account(client, me, keep):
    if me.get("registered") and log_in(client, me):
        say(f"  log-in     {me['email']}, the account of before")
        return
    if me.get("registered"):
        # Stopped between registering and confirming, so long ago perhaps that the mail's token has expired.
        client.ask("POST", "/api/v1/auth/resend-confirmation", {"email": me["email"]})
    else:
        client.ask("POST", "/api/v1/auth/register",
                   {"email": me["email"], "password": me["password"], "firstName": "You", "lastName": "Yourself"})
        me["registered"] = True
        keep()
        say(f"  register   {me['email']}")
    confirm(client, me)
    if not log_in(client, me):
        raise Trouble(f"{me['email']} cannot log in although its address was confirmed")
    say("  log-in     got an access token and a refresh token")


def digital_self(client, me, keep):
    """The sample self: found again, or created; what an interrupted run left out is added."""
    sample = json.loads(SAMPLE.read_text())
    profile = None
    if me.get("profileId"):
        status, profile = client.ask("GET", f"/api/v1/personality/{me['profileId']}", expect=(200, 404))
        profile = profile if status == 200 else None
    if profile:
        say(f"  self       {profile['name']}, version {profile['version']}, the one of before")
    else:
        _, profile = client.ask("POST", "/api/v1/personality", sample["profile"])
        me["profileId"] = profile["id"]
        me["complete"] = False
        keep()
        say(f"  self       {profile['name']}, {profile['profession']}, {profile['location']} (from {SAMPLE.relative_to(ROOT)})")
    if me.get("complete"):
        return profile
    for noun, label in (("traits", "name"), ("patterns", "name"), ("memories", "text")):
        path = f"/api/v1/personality/{profile['id']}/{noun}"
        known = {item[label] for item in client.ask("GET", path + "?limit=100")[1]["items"]}
        for item in sample[noun]:
            if item[label] not in known:
                client.ask("POST", path, item)
        say(f"  {noun:10} {len(sample[noun])}")
    me["complete"] = True
    keep()
    return profile


def talk(client, profile):
    _, conversation = client.ask("POST", "/api/v1/conversations", {"profileId": profile["id"], "title": "First words"})
    who = profile["name"].split()[0].lower()[:8]
    say(f"\n  A conversation with {profile['name']}:\n")
    for text in SAY:
        _, answer = client.ask("POST", f"/api/v1/conversations/{conversation['id']}/messages", {"content": text})
        reply = answer["reply"]
        say(f"    you   {text}")
        say(textwrap.fill(reply["content"], 100, initial_indent=f"    {who:5} ", subsequent_indent="          "))
        sources = ", ".join(f"{s['kind']} “{s['text'][:40]}…”" if s.get("text") else f"{s['kind']} {s.get('id', '')}".strip()
                            for s in reply.get("sources") or [])
        say(f"          [provider {reply['provider']}; from {sources or 'nothing it knows'}]\n")
    return conversation


def show(system):
    """Do it all against a running system and print it."""
    state = system.dir / "demo.json"
    me = json.loads(state.read_text()) if state.exists() else {"email": EMAIL, "password": secrets.token_urlsafe(12)}

    def keep():
        write_file(state, json.dumps(me, indent=2) + "\n", 0o600)

    keep()
    client = Client(system)
    say(f"DigitalMe's main job, through {system.url}:\n")
    account(client, me, keep)
    profile = digital_self(client, me, keep)
    conversation = talk(client, profile)

    ca = shlex.quote(str(system.ca_file))
    log_in_body = json.dumps({"email": me["email"], "password": me["password"]})
    say(f"""It runs.

  URL       {system.url}
  CA        {system.ca_file}
  log-in    {me['email']}
  password  {me['password']}

Four things to try (the second keeps your access token in $T, good for ten minutes):

  curl --cacert {ca} {system.url}/health
  T=$(curl -s --cacert {ca} {system.url}/api/v1/auth/login -H 'Content-Type: application/json' -d '{log_in_body}' | sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')
  curl --cacert {ca} {system.url}/api/v1/personality/{profile['id']} -H "Authorization: Bearer $T"
  curl --cacert {ca} {system.url}/api/v1/conversations/{conversation['id']}/messages -H "Authorization: Bearer $T" -H 'Content-Type: application/json' -d '{{"content": "What is your dog called?"}}'

scripts/dev down stops it, scripts/dev help tells the rest.""")


if __name__ == "__main__":
    sys.exit("demo.py is called by scripts/dev up")
