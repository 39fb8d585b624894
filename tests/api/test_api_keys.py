"""API keys: what a program uses in the place of a person's session. What each opens, what it does not, and that a change of it
holds everywhere in the same instant."""
import re
import threading
import zlib
from datetime import datetime, timedelta, timezone

import pytest
import redis

import bodies
from beside import Beside
from client import BASE, violations
from people import SECRETS, People
from system import wait_for

ABSENT = "018f0000-0000-7000-8000-000000000000"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
READ = ["personality:read"]


def check_characters(text):
    crc, check = zlib.crc32(text.encode()), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        check = ALPHABET[digit] + check
    return check


def in_days(days):
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def make(account, scopes=READ, expect=201, **more):
    """A new key of the account: the reply's document."""
    reply = account.client.post("/api-keys", {"name": "A program", "scopes": scopes, **more}, expect=expect)
    document = reply.json()
    if "key" in document:
        SECRETS.add(document["key"])
    return document


@pytest.fixture
def holder(people):
    """A client that shows the key: holder(key)."""
    return lambda key, **options: people.client(token=key, **options)


@pytest.fixture(scope="module")
def admin(people, database):
    account = people.logged_in()
    database.rows("UPDATE account SET role = 'Admin' WHERE id = %s", account.id)
    account.log_in()
    return account


def events(database, key_id, action):
    return database.rows("SELECT detail, created_by::text FROM audit_event WHERE entity_id = %s AND action = %s", key_id, action)


# Making and showing.

def test_a_key_is_shown_once_and_kept_as_a_hash(someone, database):
    made = make(someone)
    assert re.fullmatch(r"dk_live_[0-9a-f]{32}_[0-9A-Za-z]{49}", made["key"])
    assert made["key"][8:40] == made["id"].replace("-", "")
    assert made["key"][-6:] == check_characters(made["key"][:-6])
    read = someone.client.get(f"/api-keys/{made['id']}", expect=200)
    listed = someone.client.get("/api-keys", expect=200).json()["items"]
    assert read.json() == {k: v for k, v in made.items() if k != "key"} == listed[0] and len(listed) == 1
    stored = str(database.rows("SELECT * FROM api_key WHERE id = %s", made["id"]))
    assert made["key"][41:84] not in stored


def test_what_is_left_out_has_its_default(someone):
    made = make(someone)
    assert (made["allowedRoutes"], made["allowedIpRanges"], made["requestCount"], made["lastUsedAt"]) == ([], [], 0, None)
    life = datetime.fromisoformat(made["expiresAt"][:-1]) - datetime.fromisoformat(made["createdAt"][:-1])
    assert timedelta(days=364) < life <= timedelta(days=365)


def test_terms_come_back_in_their_one_form(someone):
    made = make(someone, ["conversation:write", "personality:read", "personality:read"], name="Zoë’s program",
                allowedRoutes=["personality.*", "message.create"], allowedIpRanges=["192.0.2.1", "2001:DB8:0::/32", "::ffff:10.0.0.0/104"],
                expiresAt=in_days(30))
    assert made["scopes"] == ["personality:read", "conversation:write"]
    assert made["allowedRoutes"] == ["personality.*", "message.create"]
    assert made["allowedIpRanges"] == ["192.0.2.1/32", "2001:db8::/32", "10.0.0.0/8"]


@pytest.mark.parametrize("change,pointer,code", [
    ({"scopes": []}, "/scopes", "too_few_items"), ({"scopes": ["personality:erase"]}, "/scopes/0", "choice"),
    ({"scopes": ["admin:read"]}, "/scopes", "not_yours"), ({"expiresAt": in_days(-1)}, "/expiresAt", "out_of_range"),
    ({"expiresAt": in_days(732)}, "/expiresAt", "out_of_range"), ({"allowedRoutes": ["personality.nothing"]}, "/allowedRoutes/0", "unknown"),
    ({"allowedRoutes": ["personality.get", "*"]}, "/allowedRoutes/1", "unknown"), ({"allowedRoutes": ["person*"]}, "/allowedRoutes/0", "unknown"),
    ({"allowedRoutes": ["auth.me"]}, "/allowedRoutes/0", "unknown"), ({"allowedRoutes": ["api_key.*"]}, "/allowedRoutes/0", "unknown"),
    ({"allowedRoutes": [""]}, "/allowedRoutes/0", "unknown"), ({"allowedIpRanges": ["10.0.0.1/8"]}, "/allowedIpRanges/0", "format"),
    ({"allowedIpRanges": ["::/0", "localhost"]}, "/allowedIpRanges/1", "format"), ({"name": ""}, "/name", "too_short"),
    ({"key": "dk_live_x"}, "/key", "read_only"), ({"requestCount": 0}, "/requestCount", "read_only")])
def test_terms_that_cannot_be_are_422_and_nothing_is_made(someone, database, change, pointer, code):
    reply = someone.client.post("/api-keys", {"name": "A program", "scopes": READ, **change})
    assert violations(reply) == {pointer: code}
    assert database.value("SELECT count(*) FROM api_key WHERE account_id = %s", someone.id) == 0


def test_an_account_has_so_many_keys_at_most_also_when_asked_all_at_once(people, someone, database):
    for _ in range(20):
        make(someone)
    statuses = []
    threads = [threading.Thread(target=lambda client: statuses.append(
        client.post("/api-keys", {"name": "One of many", "scopes": READ}).status_code),
        args=(people.client(token=someone.client.token),)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] * 5 + [409] * 7
    first = someone.client.get("/api-keys", expect=200).json()["items"][0]
    someone.client.delete(f"/api-keys/{first['id']}", expect=204)
    make(someone)
    make(someone, expect=409)


def test_a_retry_makes_no_second_key_and_does_not_show_the_first_again(someone, database):
    body = {"name": "Retried", "scopes": READ}
    first, again = (someone.client.post("/api-keys", body, headers={"Idempotency-Key": "one"}, expect=201) for _ in range(2))
    SECRETS.add(first.json()["key"])
    assert again.json()["id"] == first.json()["id"] and "key" not in again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json()["key"][41:84] not in str(database.rows("SELECT * FROM idempotency_key WHERE account_id = %s", someone.id))
    someone.client.post("/api-keys", {**body, "name": "Another"}, headers={"Idempotency-Key": "one"}, expect=422)


def test_keys_are_their_owners_alone(someone, bob):
    made = make(someone)
    path = f"/api-keys/{made['id']}"
    bob.client.get(path, expect=404)
    bob.client.patch(path, {"name": "Mine"}, expect=404)
    bob.client.post(path + "/roll", {}, expect=404)
    bob.client.delete(path, expect=404)
    assert made["id"] not in str(bob.client.get("/api-keys", expect=200).json())


def test_the_list_has_pages(someone):
    made = [make(someone, name=f"Number {n}")["id"] for n in range(5)]
    pages = someone.client.pages("/api-keys", 2)
    assert [len(page) for page in pages] == [2, 2, 1] and [item["id"] for page in pages for item in page] == made


# What a key opens.

def test_a_key_is_taken_as_bearer_and_as_x_api_key(people, someone, holder):
    key = make(someone)["key"]
    holder(key).get("/personality", expect=200)
    people.client().get("/personality", headers={"X-API-Key": key}, expect=200)
    people.client().get("/personality", headers={"Authorization": f"bearer {key}"}, expect=200)


def test_two_credentials_at_once_are_400(people, someone):
    key = make(someone)["key"]
    for authorization in (f"Bearer {key}", f"Bearer {someone.client.token}", "Basic YTpi"):
        reply = people.client().get("/personality", headers={"X-API-Key": key, "Authorization": authorization}, expect=400)
        assert "not both" in reply.json()["detail"]


def test_a_token_is_no_api_key(people, someone):
    people.client().get("/personality", headers={"X-API-Key": someone.client.token}, expect=401)


def test_scopes_decide(someone, holder):
    profile = someone.client.post("/personality", bodies.profile(), expect=201).json()["id"]
    reader = holder(make(someone)["key"])
    reader.get(f"/personality/{profile}", expect=200)
    refused = reader.patch(f"/personality/{profile}", {"name": "Changed"}, expect=403)
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="personality:write"'
    reader.get("/conversations", expect=403)
    holder(make(someone, ["personality:write"])["key"]).patch(f"/personality/{profile}", {"name": "Changed"}, expect=200)


def test_a_key_acts_for_its_owner_only(someone, holder, mara):
    client = holder(make(someone, ["personality:read", "personality:write"])["key"])
    client.get(f"/personality/{mara['profileId']}", expect=404)
    assert client.post("/personality", bodies.profile(), expect=201).json()["createdBy"] == someone.id


def test_a_key_is_bound_to_its_routes(someone, holder):
    profile = someone.client.post("/personality", bodies.profile(), expect=201).json()["id"]
    client = holder(make(someone, allowedRoutes=["personality.get", "trait.*"])["key"])
    client.get(f"/personality/{profile}", expect=200)
    client.get(f"/personality/{profile}/traits", expect=200)
    assert "not for this call" in client.get("/personality", expect=403).json()["detail"]


def test_a_key_is_bound_to_its_networks(someone, holder):
    key = make(someone, allowedIpRanges=["127.0.0.64/26", "2001:db8::/32"])["key"]
    holder(key, address="127.0.0.65").get("/personality", expect=200)
    refused = holder(key, address="127.0.0.3").get("/personality", headers={"X-Forwarded-For": "127.0.0.65"}, expect=403)
    assert "from this address" in refused.json()["detail"]


def test_a_key_never_opens_what_asks_for_a_person(someone, holder):
    made = make(someone)
    client = holder(made["key"])
    for method, path in (("GET", "/auth/me"), ("GET", "/api-keys"), ("POST", f"/api-keys/{made['id']}/roll"), ("DELETE", f"/api-keys/{made['id']}")):
        client.call(method, path, **({"body": {}} if method == "POST" else {}), expect=403)


@pytest.mark.parametrize("change", [lambda k: k[:-1] + ("A" if k[-1] != "A" else "B"), lambda k: k[:50] + ("A" if k[50] != "A" else "B") + k[51:],
                                    lambda k: k.upper(), lambda k: k + "x", lambda k: k[:-1], lambda k: k[8:], lambda k: "dk_live_",
                                    lambda k: "dk_test_" + k[8:], lambda k: k.replace("_", "-")])
def test_a_key_of_another_form_is_refused_without_a_look_up(people, someone, database, change):
    key = change(make(someone)["key"])
    before = database.value("SELECT calls FROM (SELECT coalesce(sum(idx_scan), 0) AS calls FROM pg_stat_user_tables WHERE relname = 'api_key') s")
    for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
        people.client().get("/personality", headers=headers, expect=401)
    assert before is not None


def test_a_well_formed_key_that_nobody_has_is_refused(people, someone):
    real = make(someone)["key"]
    for text in (real[:41] + "0" * 43, "dk_live_" + ABSENT.replace("-", "") + real[40:84]):
        reply = people.client(token=text + check_characters(text)).get("/personality", expect=401)
        assert reply.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_an_expired_key_is_refused(someone, holder, database):
    made = make(someone)
    client = holder(made["key"])
    client.get("/personality", expect=200)
    database.rows("UPDATE api_key SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day' WHERE id = %s", made["id"])
    redis_forgets(holder)
    client.get("/personality", expect=401)


def redis_forgets(holder):
    redis.Redis(unix_socket_path=str(holder("").system.redis_socket)).flushall()


# Changes, everywhere at once.

@pytest.fixture(scope="module")
def twin(system):
    """A second process of the API beside the first, on the same PostgreSQL and Redis: twin(path, key) → status."""
    with Beside(system, "twin") as process:
        yield lambda path, key: process.ask(BASE + path, key)[0]


def test_a_revoked_key_is_refused_by_every_instance_at_once(someone, holder, twin, database):
    made = make(someone)
    client = holder(made["key"])
    for _ in range(2):
        client.get("/personality", expect=200)
        assert twin("/personality", made["key"]) == 200
    someone.client.delete(f"/api-keys/{made['id']}", expect=204)
    assert twin("/personality", made["key"]) == 401
    client.get("/personality", expect=401)
    someone.client.get(f"/api-keys/{made['id']}", expect=404)
    someone.client.delete(f"/api-keys/{made['id']}", expect=404)
    redis_forgets(holder)
    client.get("/personality", expect=401)
    assert twin("/personality", made["key"]) == 401
    assert events(database, made["id"], "api_key.revoke") == [({"reason": "owner"}, someone.id)]


def test_new_terms_hold_for_every_instance_at_once(someone, holder, twin, database):
    made = make(someone, ["personality:read", "conversation:read"], allowedRoutes=["personality.list"])
    client = holder(made["key"])
    client.get("/personality", expect=200)
    assert (twin("/personality", made["key"]), twin("/conversations", made["key"])) == (200, 403)
    path = f"/api-keys/{made['id']}"
    patched = someone.client.patch(path, {"name": "Renamed", "scopes": ["conversation:read"], "allowedRoutes": None}, expect=200).json()
    assert (patched["name"], patched["scopes"], patched["allowedRoutes"]) == ("Renamed", ["conversation:read"], [])
    assert (twin("/personality", made["key"]), twin("/conversations", made["key"])) == (403, 200)
    client.get("/conversations", expect=200)
    client.get("/personality", expect=403)
    someone.client.patch(path, {"allowedIpRanges": ["192.0.2.0/24"]}, expect=200)
    assert twin("/conversations", made["key"]) == 403
    assert events(database, made["id"], "api_key.update") == [({"scopes": "conversation:read"}, someone.id)] * 2


def test_a_patch_is_held_against_the_version_it_has_seen(someone):
    path = f"/api-keys/{make(someone)['id']}"
    seen = someone.client.get(path, expect=200).headers["ETag"]
    someone.client.patch(path, {"name": "Second"}, headers={"If-Match": seen}, expect=200)
    someone.client.patch(path, {"name": "Third"}, headers={"If-Match": seen}, expect=412)
    someone.client.delete(path, headers={"If-Match": seen}, expect=412)
    assert someone.client.get(path, headers={"If-None-Match": someone.client.get(path).headers["ETag"]}, expect=304)
    assert violations(someone.client.patch(path, {"expiresAt": in_days(732)})) == {"/expiresAt": "out_of_range"}
    assert violations(someone.client.patch(path, {"scopes": ["admin:read"]})) == {"/scopes": "not_yours"}


def test_after_a_roll_both_secrets_live_for_the_overlap(someone, holder, twin, database):
    made = make(someone)
    assert twin("/personality", made["key"]) == 200
    rolled = someone.client.post(f"/api-keys/{made['id']}/roll", {"overlapS": 600}, expect=200).json()
    SECRETS.add(rolled["key"])
    left = datetime.fromisoformat(rolled["previousKeyUntil"][:-1]) - datetime.now(timezone.utc).replace(tzinfo=None)
    assert timedelta(seconds=500) < left <= timedelta(seconds=600)
    for key in (made["key"], rolled["key"]):
        holder(key).get("/personality", expect=200)
        assert twin("/personality", key) == 200
    # The time passes: whoever remembers the key remembers when its old secret ends, so it is read anew for the test.
    database.rows("UPDATE api_key SET previous_until = now() - interval '1 second', version = version + 1 WHERE id = %s", made["id"])
    redis_forgets(holder)
    assert (twin("/personality", made["key"]), twin("/personality", rolled["key"])) == (401, 200)
    holder(made["key"]).get("/personality", expect=401)
    assert "previousKeyUntil" not in someone.client.get(f"/api-keys/{made['id']}").json()
    assert events(database, made["id"], "api_key.roll") == [({"overlapS": 600}, someone.id)]


def test_a_roll_without_overlap_ends_the_old_secret_at_once_and_two_secrets_live_at_most(someone, holder, twin):
    made = make(someone)
    keys = [made["key"]]
    assert twin("/personality", keys[0]) == 200
    for overlap in ({}, {}, {"overlapS": 0}):
        keys.append(someone.client.post(f"/api-keys/{made['id']}/roll", overlap, expect=200).json()["key"])
        SECRETS.add(keys[-1])
        alive = {key for key in keys if twin("/personality", key) == 200}
        assert alive == (set(keys[-2:]) if overlap == {} else {keys[-1]})
    for overlap in (-1, 30 * 86400 + 1):
        assert violations(someone.client.post(f"/api-keys/{made['id']}/roll", {"overlapS": overlap})) == {"/overlapS": "out_of_range"}


def test_without_redis_postgresql_tells_of_keys(own_system, contract):
    system = own_system()
    people = People(system, contract)
    account = people.logged_in()
    kept, revoked = make(account), make(account)
    clients = {key["id"]: people.client(token=key["key"]) for key in (kept, revoked)}
    for client in clients.values():
        client.get("/personality", expect=200)
    system.kill("redis")
    clients[kept["id"]].get("/personality", expect=200)
    account.client.delete(f"/api-keys/{revoked['id']}", expect=204)
    clients[revoked["id"]].get("/personality", expect=401)
    clients[kept["id"]].get("/personality", expect=200)
    system.start("redis")
    clients[revoked["id"]].get("/personality", expect=401)
    wait_for(lambda: clients[kept["id"]].get("/personality").status_code == 200, "the key to be good", 10)
    people.close()


# Use.

def test_uses_are_counted_and_written_a_minute_later_at_most(someone, holder, database):
    made = make(someone)
    client = holder(made["key"])
    client.get("/personality", expect=200)
    first = someone.client.get(f"/api-keys/{made['id']}", expect=200).json()
    assert first["requestCount"] == 1 and first["lastUsedAt"]
    writes = "SELECT n_tup_upd + n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'api_key_use'"
    row = database.value("SELECT xmin::text FROM api_key_use WHERE key_id = %s", made["id"])
    for _ in range(30):
        client.get("/personality", expect=200)
    assert database.value("SELECT xmin::text FROM api_key_use WHERE key_id = %s", made["id"]) == row, "written again within the minute"
    assert database.value(writes) is not None


def test_no_use_is_lost_when_the_program_ends(own_system, contract):
    system = own_system()
    people = People(system, contract)
    account = people.logged_in()
    made = make(account)
    client = people.client(token=made["key"])
    for _ in range(7):
        client.get("/personality", expect=200)
    system.restart("digitalme-api")
    assert account.client.get(f"/api-keys/{made['id']}", expect=200).json()["requestCount"] == 7
    people.close()


def test_the_calls_of_all_keys_count_as_their_owners(own_system, contract):
    system = own_system(settings={"limits.user": "100/86400"})
    people = People(system, contract)
    account = people.logged_in()
    clients = [account.client, *(people.client(token=make(account)["key"]) for _ in range(2))]
    left = [int(client.get("/personality", expect=200).headers["X-RateLimit-Remaining"]) for client in clients * 2]
    assert left == list(range(left[0], left[0] - 6, -1))
    people.close()


# Administrators.

def test_only_an_administrator_gives_the_scope_of_one_and_it_goes_with_the_role(people, database, holder):
    account = people.logged_in()
    database.rows("UPDATE account SET role = 'SuperAdmin' WHERE id = %s", account.id)
    account.log_in()
    demoted = people.logged_in()
    account.client.patch(f"/admin/users/{demoted.id}", {"role": "Admin"}, expect=200)
    demoted.log_in()
    made = make(demoted, ["admin:read", "personality:read"])
    client = holder(made["key"])
    client.get("/admin/api-keys", expect=200)
    client.delete(f"/admin/api-keys/{made['id']}", expect=403)
    account.client.patch(f"/admin/users/{demoted.id}", {"role": "User"}, expect=200)
    client.get("/admin/api-keys", expect=403)
    client.get("/personality", expect=200)
    account.client.patch(f"/admin/users/{demoted.id}", {"role": "Admin", "state": "disabled"}, expect=200)
    client.get("/personality", expect=401)
    account.client.patch(f"/admin/users/{demoted.id}", {"role": "User", "state": "active"}, expect=200)
    client.get("/personality", expect=200)
    client.get("/admin/api-keys", expect=403)


def test_administrators_see_all_keys_and_no_secret_and_revoke_any(someone, admin, holder, database):
    made = make(someone)
    client = holder(made["key"])
    client.get("/personality", expect=200)
    items = [item for page in admin.client.pages("/admin/api-keys", 100) for item in page]
    mine = next(item for item in items if item["id"] == made["id"])
    assert mine["accountId"] == someone.id and "key" not in mine and made["key"][41:] not in str(items)
    admin.client.delete(f"/admin/api-keys/{made['id']}", expect=204)
    client.get("/personality", expect=401)
    items = [item for page in admin.client.pages("/admin/api-keys", 100) for item in page]
    assert next(item for item in items if item["id"] == made["id"])["revokeReason"] == "admin"
    admin.client.delete(f"/admin/api-keys/{made['id']}", expect=404)
    admin.client.delete(f"/admin/api-keys/{ABSENT}", expect=404)
    assert events(database, made["id"], "api_key.revoke") == [({"reason": "admin"}, admin.id)]


# Leaks.

def test_a_reported_key_is_revoked_and_its_owner_told(people, someone, holder, nobody, database):
    made = make(someone, name="Bread & butter")
    client = holder(made["key"])
    client.get("/personality", expect=200)
    url = f"https://paste.example.org/p/{made['key']}"
    nobody.post("/api-keys/leak-report", {"key": made["key"], "url": url}, expect=202)
    client.get("/personality", expect=401)
    mail = people.mailbox.wait(someone.email, subject="revoked one of your API keys")
    text = mail.get_body(("plain",)).get_content()
    assert "Bread & butter" in text and "paste.example.org" in text and "/p/" not in text and made["key"] not in text
    assert "Bread &amp; butter" in mail.get_body(("html",)).get_content()
    assert events(database, made["id"], "api_key.leak") == [({"site": "paste.example.org"}, None)]
    nobody.post("/api-keys/leak-report", {"key": made["key"]}, expect=202)
    assert len(events(database, made["id"], "api_key.leak")) == 1


def test_a_report_of_a_secret_before_a_roll_revokes_too(someone, holder, nobody):
    made = make(someone)
    rolled = someone.client.post(f"/api-keys/{made['id']}/roll", {"overlapS": 0}, expect=200).json()["key"]
    SECRETS.add(rolled)
    nobody.post("/api-keys/leak-report", {"key": made["key"]}, expect=202)
    holder(rolled).get("/personality", expect=401)


def test_a_report_of_anything_else_is_answered_alike(someone, nobody, holder):
    key = make(someone)["key"]
    other = key[:41] + "0" * 43
    seen = []
    for text in ("x", "dk_live_", key[:-1] + ("0" if key[-1] != "0" else "1"), other + check_characters(other)):
        reply = nobody.post("/api-keys/leak-report", {"key": text, "url": "https://paste.example/1"}, expect=202)
        seen.append((reply.content, sorted(reply.headers)))
    assert all(one == seen[0] for one in seen)
    holder(key).get("/personality", expect=200)
