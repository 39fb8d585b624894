"""Fixtures of the API tests: one whole private system for the session, and private ones for the tests that tear theirs apart.

scripts/test says where: DM_TEST_BUILD (the build tree), DM_TEST_PROXY (nginx or caddy), DM_TEST_WORK (a directory to work in)."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "scripts")]

import bodies  # noqa: E402
from database import Database  # noqa: E402
from environment import BUILD, PROXY, SETTINGS, WORK, contract as the_contract  # noqa: E402
from people import People  # noqa: E402
from system import System  # noqa: E402


def pytest_collection_modifyitems(config, items):
    """Tests that look back run last, and only when there is everything to look back on."""
    modules = {item.path.name for item in items}
    option = config.option
    whole = (modules == {path.name for path in HERE.glob("test_*.py")} and not option.keyword and not option.markexpr
             and not any("::" in arg for arg in config.args))
    last = [item for item in items if item.get_closest_marker("last")]
    items[:] = [item for item in items if item not in last] + (last if whole else [])


@pytest.fixture(scope="session")
def contract():
    return the_contract()


@pytest.fixture(scope="session")
def system(contract):
    with System(WORK / f"system-{PROXY}", build=BUILD, proxy=PROXY, settings=SETTINGS, durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def own_system(request):
    """Makes private systems: own_system(settings={…}, hold_sockets=True). They go when the module's tests are done."""
    made = []

    def make(settings=None, **options):
        name = f"{request.module.__name__}-{PROXY}-{len(made)}"
        system = System(WORK / name, build=BUILD, proxy=PROXY, settings={**SETTINGS, **(settings or {})}, durable=False, **options)
        made.append(system)
        system.up()
        return system

    yield make
    for system in made:
        system.down()


@pytest.fixture(scope="session")
def people(system, contract):
    people = People(system, contract)
    yield people
    people.close()


@pytest.fixture(scope="session")
def nobody(people):
    """A client without a credential."""
    return people.client()


@pytest.fixture(scope="session")
def alice(people):
    return people.logged_in()


@pytest.fixture(scope="session")
def bob(people):
    return people.logged_in()


@pytest.fixture
def client(alice):
    """Alice's client."""
    return alice.client


@pytest.fixture
def someone(people):
    """An account of this test's own."""
    return people.logged_in()


@pytest.fixture
def new_profile(client):
    def make(body=None, owner=client):
        return owner.post("/personality", body or bodies.profile(), expect=201).json()
    return make


@pytest.fixture(scope="session")
def mara(alice):
    """The ids of the sample self with all that belongs to it, and of a conversation with it."""
    client = alice.client
    profile_id = client.post("/personality", bodies.SAMPLE["profile"], expect=201).json()["id"]
    for noun in ("traits", "patterns", "memories"):
        for item in bodies.SAMPLE[noun]:
            client.post(f"/personality/{profile_id}/{noun}", item, expect=201)
    conversation_id = client.post("/conversations", {"profileId": profile_id}, expect=201).json()["id"]
    return {"profileId": profile_id, "conversationId": conversation_id}


@pytest.fixture(scope="session")
def ids(contract, alice, mara, database):
    """An id of something of Alice's for each parameter that any path has: what it names is found in the table of that name."""
    alice.client.post("/api-keys", {"name": "Hers", "scopes": ["personality:read"]}, expect=201)
    profile_of = {"traitId": "trait", "patternId": "pattern", "memoryId": "memory"}
    tables = {**profile_of, "sessionId": "session", "keyId": "api_key", "messageId": "message"}
    found = {**mara, "userId": alice.id}
    for name in {param for operation in contract.operations for param in operation.params} - set(found):
        table = tables.get(name, name.removesuffix("Id"))
        found[name] = database.value(f"SELECT id::text FROM {table} WHERE created_by = %s ORDER BY id DESC LIMIT 1", alice.id)
    return found


@pytest.fixture(scope="module")
def superadmin(people, database):
    """An account of that role while the module's tests run."""
    account = people.logged_in()
    database.rows("UPDATE account SET role = 'SuperAdmin' WHERE id = %s", account.id)
    account.log_in()
    yield account
    database.rows("UPDATE account SET role = 'User' WHERE id = %s", account.id)


@pytest.fixture(scope="session")
def database(system):
    with Database(system) as database:
        yield database


@pytest.fixture
def ctl(system):
    """Runs digitalmectl: ctl("config", "check", config=…) gives the finished process."""
    def run(*words, config=system.config_file, env=None):
        return subprocess.run([system.program("digitalmectl"), "--config", config, *words], capture_output=True, text=True,
                              timeout=60, env={**os.environ, **(env or {})}, check=False)
    return run
