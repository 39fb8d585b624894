"""The running system against its own OpenAPI document, by Schemathesis: no 5xx, no status and no body that is not in the document, no
invalid input taken. Each kind of caller tries what it may call, once with a fixed seed and once with a random one."""
import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "api"), str(ROOT / "scripts")]

from environment import BUILD, PROXY, SETTINGS, WORK, contract  # noqa: E402
from people import People  # noqa: E402
from system import System  # noqa: E402

LONG = bool(os.environ.get("DM_TEST_LONG"))
EXAMPLES = 100 if LONG else 4  # of each operation, by chance; each case that its schema spells out comes besides
CASES_MIN = 3000
SEEDS = {"fixed": 20260131, "random": secrets.randbelow(2 ** 32)}
CALLERS = {
    "nobody": lambda operation: not operation.secured,
    "user": lambda operation: operation.secured and not operation.role,
    "key": lambda operation: operation.scope,
    "admin": lambda operation: operation.role,  # last: an administrator may change the others
}


@pytest.fixture(scope="module")
def system():
    with System(WORK / f"system-{PROXY}", build=BUILD, proxy=PROXY, settings=SETTINGS, durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def people(system):
    people = People(system, contract())
    yield people
    people.close()


def login(account):
    """How Schemathesis logs in as the account, again when a session is over (Web Fuzzing Commons' form)."""
    return {"name": account.email, "loginEndpointAuth": {
        "endpoint": "/api/v1/auth/login", "verb": "POST", "contentType": "application/json",
        "payloadRaw": json.dumps({"email": account.email, "password": account.password}),
        "token": {"extractFrom": "body", "extractSelector": "/accessToken", "sendIn": "header", "sendName": "Authorization",
                  "sendTemplate": "Bearer {token}"}}}


def key(account):
    scopes = ["personality:read", "personality:write", "conversation:read", "conversation:write", "usage:read", "admin:read"]
    made = account.client.post("/api-keys", {"name": "Schemathesis", "scopes": scopes}, expect=201).json()
    return {"name": account.email, "fixedHeaders": [{"name": "X-API-Key", "value": made["key"]}]}


@pytest.fixture
def credentials(people, system):
    """Two of a kind, so that each can be tried on what is the other's."""
    def make(caller):
        if caller == "nobody":
            return []
        accounts = [people.logged_in(), people.logged_in()]
        if caller != "user":
            for account in accounts:
                system.sql(f"UPDATE account SET role = 'SuperAdmin' WHERE id = '{account.id}'")
                account.log_in()
        return [(key if caller == "key" else login)(account) for account in accounts]
    return make


@pytest.fixture(scope="module")
def counted():
    """How many cases were tried so far."""
    return []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("caller", CALLERS)
def test_what_the_document_says_is_so(system, credentials, counted, tmp_path, record_property, caller, seed):
    start = time.monotonic()
    command = [os.environ["DM_TEST_SCHEMATHESIS"], "--config-file", HERE / "schemathesis.toml", "run", f"{system.url}/api/v1/openapi.json",
               "--url", system.url, "--tls-verify", system.ca_file, "--seed", SEEDS[seed], "--max-examples", EXAMPLES, "--no-color"]
    if seed == "random":
        # Only these leave anything to chance. Whether all that the schemas allow is taken is asked of the fixed seed alone: a new one finds
        # new ways to break a rule that the schemas do not hold.
        command += ["--phases", "fuzzing,stateful", "--exclude-checks", "positive_data_acceptance"]
    for operation in contract().operations:
        if CALLERS[caller](operation):
            command += ["--include-operation-id", operation.id]
    known = credentials(caller)
    if known:
        users = tmp_path / "users.json"
        users.write_text(json.dumps({"auth": known}))
        command += ["--auth-wfc", users]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd=tmp_path,
                          env={**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "no_proxy": "*"})
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-5000:]
    cases = int(re.search(r"^Test cases:\n  ([\d,]+) generated", done.stdout, re.M)[1].replace(",", ""))
    counted.append(cases)
    record_property("figure", f"{caller}, seed {SEEDS[seed]}: {cases} cases in {time.monotonic() - start:.0f} s")
    assert system.running("digitalme-api")


def test_it_was_enough(counted, record_property):
    record_property("figure", f"{sum(counted)} cases")
    assert sum(counted) >= CASES_MIN
