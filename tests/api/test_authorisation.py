"""Who may call which row: drawn from the document that the rows print, so that a new row is tested as it comes. Each is tried by everybody who may
not, and answers 401, 403 or 404, never with data, never having done anything; and by those who may, who are let in."""
import json

import pytest

import bodies
from client import violations
from environment import contract
from people import SECRETS

ABSENT = "018f0000-0000-7000-8000-000000000000"
SECURED = [o for o in contract().operations if o.secured]
FOR_KEYS = [o for o in SECURED if o.scope]
FOR_PERSONS = [o for o in SECURED if not o.scope]
ADMINS = [o for o in SECURED if o.role]
SCOPES = ["personality:read", "personality:write", "conversation:read", "conversation:write", "usage:read", "admin:read"]


def rows(operations):
    return pytest.mark.parametrize("operation", operations, ids=lambda o: getattr(o, "id", "none"))


@pytest.fixture(scope="module")
def refused(database):
    """One call that must be answered with the status, and do nothing: refused(client, operation, ids, status)."""
    def call(client, operation, ids, status, **options):
        before = database.counts()
        reply = send(client, operation, ids, expect=status, **options)
        assert database.counts() == before
        return reply
    return call


@pytest.fixture(scope="module")
def nowhere(ids):
    return dict.fromkeys(ids, ABSENT)


def send(client, operation, ids, **options):
    if operation.request_schema() and "content" not in options:
        options["body"] = bodies.valid(operation, ids)
    return client.site(operation.method, operation.path_with(ids), **options)


@pytest.fixture(scope="module")
def key_of(people):
    """A client that shows a new key of the account."""
    made = {}

    def make(account, scopes, address=None, **terms):
        name = (account.id, *scopes, address, *map(str, terms.items()))
        if name not in made:
            document = account.client.post("/api-keys", {"name": "For the matrix", "scopes": list(scopes), **terms}, expect=201).json()
            SECRETS.add(document["key"])
            # The account may have so many keys only: what is shown is all that is needed of one.
            made[name] = people.client(token=document["key"], address=address)
        return made[name]
    return make


@pytest.fixture(scope="module")
def with_role(people, database):
    """An account of a role, of this module's own: with_role("Admin")."""
    accounts = {}

    def make(role, purpose=""):
        if (role, purpose) not in accounts:
            account = accounts[role, purpose] = people.logged_in()
            database.rows("UPDATE account SET role = %s WHERE id = %s", role, account.id)
            account.log_in()
        return accounts[role, purpose]
    yield make
    for account in accounts.values():
        database.rows("UPDATE account SET role = 'User' WHERE id = %s", account.id)


# Those who may not.

@rows(SECURED)
def test_nobody_is_let_in_without_a_credential(refused, nobody, ids, nowhere, operation):
    for some in (ids, nowhere):
        assert refused(nobody, operation, some, 401).headers["WWW-Authenticate"] == "Bearer"
    refused(nobody, operation, ids, 401, content=b"not json")


@rows(SECURED)
@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x"}, {"X-API-Key": "x"}, {"Authorization": "Bearer dk_live_" + "0" * 82},
                                     {"X-API-Key": "dk_live_" + "0" * 82}], ids=["bearer", "x-api-key", "bearer-key", "x-api-key-key"])
def test_nobody_is_let_in_with_a_credential_that_is_none(refused, nobody, ids, operation, headers):
    reply = refused(nobody, operation, ids, 401, headers=headers)
    assert reply.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@rows([o for o in SECURED if o.params and not o.role])
def test_what_is_somebody_elses_looks_absent(refused, bob, ids, nowhere, operation):
    theirs, absent = (refused(bob.client, operation, some, 404) for some in (ids, nowhere))

    def comparable(reply):
        return {k: v for k, v in reply.json().items() if k not in ("instance", "correlationId")}, set(reply.headers)
    assert comparable(theirs) == comparable(absent)


@rows([o for o in FOR_KEYS if o.params and not o.role])
def test_what_is_somebody_elses_looks_absent_to_a_key(refused, bob, key_of, ids, operation):
    refused(key_of(bob, SCOPES[:5]), operation, ids, 404)


@rows(ADMINS)
def test_a_user_administers_nothing(refused, bob, ids, nowhere, operation):
    for some in (ids, nowhere):
        refused(bob.client, operation, some, 403)


@rows([o for o in ADMINS if o.role == "SuperAdmin"])
def test_an_administrator_does_nothing_of_a_superadministrator(refused, with_role, ids, operation):
    refused(with_role("Admin").client, operation, ids, 403)


@rows(FOR_KEYS)
def test_a_key_without_the_scope_is_refused(refused, with_role, key_of, ids, operation):
    """Though it has all others, and its owner every right."""
    client = key_of(with_role("SuperAdmin"), [scope for scope in SCOPES if scope != operation.scope])
    reply = refused(client, operation, ids, 403)
    assert reply.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{operation.scope}"'


@rows(FOR_PERSONS)
def test_no_key_opens_what_asks_for_a_person(refused, with_role, key_of, ids, operation):
    """Nor a row of administrators that names no scope, with all scopes and an owner who has every right."""
    refused(key_of(with_role("SuperAdmin"), SCOPES), operation, ids, 403)


@rows(FOR_KEYS)
def test_a_key_is_refused_outside_its_networks(refused, with_role, key_of, ids, operation):
    client = key_of(with_role("SuperAdmin"), SCOPES, allowedIpRanges=["192.0.2.0/24", "2001:db8::/32"])
    for headers in ({}, {"X-Forwarded-For": "192.0.2.1"}, {"X-Real-IP": "192.0.2.1"}, {"Forwarded": "for=192.0.2.1"}):
        refused(client, operation, ids, 403, headers=headers)


@rows(FOR_KEYS)
def test_a_key_is_refused_outside_its_routes(refused, with_role, key_of, ids, operation):
    """Those are all rows of other resources."""
    other = next(o.id for o in FOR_KEYS if o.id.partition(".")[0] != operation.id.partition(".")[0])
    refused(key_of(with_role("SuperAdmin"), SCOPES, allowedRoutes=[other]), operation, ids, 403)


@rows([o for o in FOR_KEYS if o.role])
def test_an_administrators_key_falls_with_its_owner(refused, with_role, key_of, ids, operation):
    fallen = with_role("Admin", "falls")
    if "fell" not in vars(fallen):
        fallen.key = key_of(fallen, SCOPES)
        send(fallen.key, operation, ids, expect=200)
        with_role("SuperAdmin").client.patch(f"/admin/users/{fallen.id}", {"role": "User"}, expect=200)
        fallen.fell = True
    refused(fallen.key, operation, ids, 403)


@rows(FOR_KEYS)
def test_a_revoked_key_opens_nothing(refused, people, with_role, ids, operation):
    owner = with_role("User", "revokes")
    if "revoked" not in vars(owner):
        document = owner.client.post("/api-keys", {"name": "Gone", "scopes": SCOPES[:5]}, expect=201).json()
        SECRETS.add(document["key"])
        owner.client.delete(f"/api-keys/{document['id']}", expect=204)
        owner.revoked = people.client(token=document["key"])
    refused(owner.revoked, operation, ids, 401)


# Those who may: so that the refusals above are for the reason they say.

def let_in(refused, client, operation, nowhere):
    """As far as to be told that there is no such thing, or that the body is no good. What is given out may be written down."""
    if operation.method == "GET":
        send(client, operation, nowhere, expect=(200, 404))
    else:
        refused(client, operation, nowhere, (400, 404, 422), content=b"[]")


@rows(SECURED)
def test_who_may_is_let_in(refused, bob, with_role, nowhere, operation):
    let_in(refused, with_role(operation.role).client if operation.role else bob.client, operation, nowhere)


@rows(FOR_KEYS)
def test_a_key_with_the_scope_alone_is_let_in_from_its_networks_to_its_routes(refused, with_role, key_of, nowhere, operation):
    resource = operation.id.partition(".")[0]
    client = key_of(with_role(operation.role or "User", "uses keys"), [operation.scope], address="127.0.0.9",
                    allowedIpRanges=["127.0.0.8/31"], allowedRoutes=[resource + ".*"])
    let_in(refused, client, operation, nowhere)


# What a body may set.

def only_in_replies():
    """(operation, name) of each member that a row's replies have and its requests do not."""
    known = contract()
    for operation in known.operations:
        content = operation.row["responses"][str(operation.success)].get("content", {}).get("application/json")
        if not operation.request_schema() or not content:
            continue
        reply = content["schema"]
        members = {name for one in reply.get("oneOf", [reply]) for name in known.resolve(one)["properties"]}
        for name in sorted(members - set(known.resolve(operation.request_schema())["properties"])):
            yield operation, name


@pytest.mark.parametrize("operation,name", list(only_in_replies()), ids=lambda v: getattr(v, "id", v))
def test_no_body_sets_what_only_replies_have(refused, nobody, alice, ids, with_role, operation, name):
    """OWASP API3, mass assignment: an id, an owner, a role, a time of creation."""
    client = with_role(operation.role).client if operation.role else alice.client if operation.secured else nobody
    for value in ("SuperAdmin", 1, True, {}, []):
        content = json.dumps({**bodies.valid(operation, ids), name: value}).encode()
        assert violations(refused(client, operation, ids, 422, content=content)).get(f"/{name}") in ("read_only", "unknown")


def test_the_document_says_of_each_row_what_the_rows_say(ctl):
    """The tests above trust it."""
    told = {}
    for operation in contract().operations:
        told[operation.id] = ("superadmin" if operation.role == "SuperAdmin" else "admin" if operation.role else "user" if operation.scope
                              else "jwt" if operation.secured else "open")
    printed = {line.split()[4]: line.split()[2] for line in ctl("routes").stdout.splitlines()}
    assert told == {name: "open" if auth in ("none", "loopback") else auth for name, auth in printed.items()}
    assert {"user", "jwt", "admin", "open"} <= set(told.values())
    assert {o.scope for o in FOR_KEYS} <= set(SCOPES)
