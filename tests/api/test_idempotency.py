"""Idempotency-Key: a call that creates, sent twice, acts once."""
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

import bodies
from people import SECRETS
from system import wait_for


def creating(ids):
    """Every POST that creates: path and body."""
    profile = f"/personality/{ids['profileId']}"
    return {
        "profile": ("/personality", bodies.full_profile()),
        "trait": (f"{profile}/traits", bodies.trait()),
        "pattern": (f"{profile}/patterns", bodies.pattern()),
        "memory": (f"{profile}/memories", bodies.memory()),
        "conversation": ("/conversations", {"profileId": ids["profileId"], "title": "Once"}),
        "message": (f"/conversations/{ids['conversationId']}/messages", {"content": "Good morning, how are you?"}),
    }


KINDS = ["profile", "trait", "pattern", "memory", "conversation", "message"]
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def ids(client, new_profile):
    """Of this test's own, so that the sample self stays as it is."""
    profile = new_profile()
    conversation = client.post("/conversations", {"profileId": profile["id"]}, expect=201).json()
    return {"profileId": profile["id"], "conversationId": conversation["id"]}


def keyed(key=None):
    return {"Idempotency-Key": key or secrets.token_hex(8)}


def test_every_post_that_creates_is_in_this_table(contract):
    elsewhere = {"api_key.create",  # what it tells is not stored: see test_api_keys
                 "chat.send"}       # an older way to a message: see test_versions
    documented = {o.id for o in contract.operations if o.method == "POST" and o.success == 201} - elsewhere
    assert len(documented) == len(KINDS), documented


@each_kind
def test_the_same_key_and_body_give_the_stored_reply(client, ids, database, kind):
    path, body = creating(ids)[kind]
    key = keyed()
    first = client.post(path, body, headers=key, expect=201)
    counts = database.counts()
    again = client.post(path, body, headers=key, expect=201)
    assert again.content == first.content
    assert again.headers["Location"] == first.headers["Location"] and again.headers.get("ETag") == first.headers.get("ETag")
    assert again.headers["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first.headers
    assert database.counts() == counts


@each_kind
def test_without_a_key_each_call_creates(client, ids, kind):
    path, body = creating(ids)[kind]
    first, second = (client.post(path, body, expect=201).headers["Location"] for _ in range(2))
    assert first != second


@each_kind
def test_the_same_key_at_once_creates_once(people, client, ids, database, kind):
    path, body = creating(ids)[kind]
    key = keyed()
    clients = [people.client(token=client.token) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda c: c.post(path, body, headers=key, expect=(201, 409)), clients))
    made = {reply.content for reply in replies if reply.status_code == 201}
    assert len(made) == 1, [reply.status_code for reply in replies]
    again = client.post(path, body, headers=key, expect=201)
    assert again.content in made
    noun = {"profile": "profile", "message": "message"}.get(kind, kind)
    assert database.value(f"SELECT count(*) FROM {noun} WHERE id = %s", again.headers["Location"].rpartition("/")[2]) == 1


def test_the_same_key_with_another_body_is_refused(client, ids):
    path, body = creating(ids)["memory"]
    key = keyed()
    client.post(path, body, headers=key, expect=201)
    reply = client.post(path, bodies.memory(text="Another."), headers=key, expect=422)
    assert reply.json()["type"] == "urn:digitalme:problem:idempotency-key-reused"
    assert len(client.get(path).json()["items"]) == 1


def test_the_same_key_at_another_path_is_refused(client, ids, new_profile):
    _, body = creating(ids)["memory"]
    key = keyed()
    client.post(f"/personality/{ids['profileId']}/memories", body, headers=key, expect=201)
    client.post(f"/personality/{new_profile()['id']}/memories", body, headers=key, expect=422)


def test_a_key_is_its_callers_own(client, bob, ids):
    key = keyed()
    mine = client.post("/personality", bodies.profile(), headers=key, expect=201).json()
    theirs = bob.client.post("/personality", bodies.profile(), headers=key, expect=201)
    assert theirs.json()["id"] != mine["id"] and "Idempotency-Replayed" not in theirs.headers


def test_a_key_is_its_accounts_whichever_credential_comes_with_it(people, someone):
    """And a credential that may not make the call gets no stored reply either."""
    made = someone.client.post("/personality", bodies.profile(), headers=keyed("ours"), expect=201)
    programs = {}
    for scope in ("personality:write", "conversation:write"):
        shown = someone.client.post("/api-keys", {"name": scope, "scopes": [scope]}, expect=201).json()["key"]
        SECRETS.add(shown)
        programs[scope] = people.client(token=shown)
    again = programs["personality:write"].post("/personality", bodies.profile(), headers=keyed("ours"), expect=201)
    assert again.content == made.content and again.headers["Idempotency-Replayed"] == "true"
    programs["personality:write"].post("/personality", bodies.profile(name="Another"), headers=keyed("ours"), expect=422)
    refused = programs["conversation:write"].post("/personality", bodies.profile(), headers=keyed("ours"), expect=403)
    assert made.json()["id"] not in refused.text


def test_quoted_and_bare_are_the_same_key(client):
    key = secrets.token_hex(8)
    first = client.post("/personality", bodies.profile(), headers={"Idempotency-Key": key}, expect=201)
    assert client.post("/personality", bodies.profile(), headers={"Idempotency-Key": f'"{key}"'}, expect=201).content == first.content


@pytest.mark.parametrize("key", ["", '""', "two words", "k" * 256, "kéy".encode("latin-1"), 'in"side'], ids=lambda k: repr(k)[:20])
def test_what_is_no_key_is_refused_or_no_header_at_all(client, database, key):
    reply = client.post("/personality", bodies.profile(), headers={"Idempotency-Key": key})
    if key == "":
        assert reply.status_code == 201, "an empty field is as good as none"
    else:
        assert reply.status_code == 422


def test_a_key_of_255_characters_is_taken(client):
    key = {"Idempotency-Key": "".join(chr(33 + n % 94) for n in range(300)).replace('"', "'")[:255]}
    first = client.post("/personality", bodies.profile(), headers=key, expect=201)
    assert client.post("/personality", bodies.profile(), headers=key, expect=201).content == first.content


def test_a_refused_call_does_not_use_up_its_key(client):
    key = keyed()
    client.post("/personality", bodies.profile(age=200), headers=key, expect=422)
    client.post("/personality", bodies.profile(age=20), headers=key, expect=201)


def test_a_call_for_what_is_absent_does_not_use_up_its_key(client, new_profile):
    key = keyed()
    client.post("/conversations", {"profileId": "018f0000-0000-7000-8000-000000000000"}, headers=key, expect=404)
    client.post("/conversations", {"profileId": new_profile()["id"]}, headers=key, expect=201)


def test_a_key_past_its_time_is_new_again(client, database):
    key = keyed()
    first = client.post("/personality", bodies.profile(), headers=key, expect=201).json()
    database.rows("UPDATE idempotency_key SET expires_at = now() - interval '1 s', lease_until = now() - interval '1 s'"
                  " WHERE key = %s", key["Idempotency-Key"])
    second = client.post("/personality", bodies.profile(), headers=key, expect=201)
    assert second.json()["id"] != first["id"] and "Idempotency-Replayed" not in second.headers


def test_a_try_whose_lease_ran_out_is_finished_by_the_next_with_the_same_id(client, ids, database):
    """What a crash between the commit and the reply leaves behind."""
    path, body = creating(ids)["message"]
    key = keyed()
    first = client.post(path, body, headers=key, expect=201).json()
    database.rows("UPDATE idempotency_key SET status = NULL, body = NULL, location = NULL, etag = NULL,"
                  " lease_until = now() - interval '1 s' WHERE key = %s", key["Idempotency-Key"])
    counts = database.counts()
    assert client.post(path, body, headers=key, expect=201).json() == first
    assert database.counts() == counts


def test_while_the_first_try_runs_a_second_is_told_to_wait(client, database):
    key = keyed()
    client.post("/personality", bodies.profile(), headers=key, expect=201)
    database.rows("UPDATE idempotency_key SET status = NULL, body = NULL, location = NULL, etag = NULL,"
                  " lease_until = now() + interval '1 min' WHERE key = %s", key["Idempotency-Key"])
    reply = client.post("/personality", bodies.profile(), headers=key, expect=409)
    assert int(reply.headers["Retry-After"]) >= 1


def test_the_worker_sweeps_what_is_past_and_nothing_else(system, client, database):
    past, kept = keyed(), keyed()
    for key in (past, kept):
        client.post("/personality", bodies.profile(), headers=key, expect=201)
    database.rows("UPDATE idempotency_key SET expires_at = now() - interval '1 s', lease_until = now() - interval '1 s'"
                  " WHERE key = %s", past["Idempotency-Key"])
    count = "SELECT count(*) FROM idempotency_key WHERE key = %s"
    system.restart("digitalme-worker")  # it sweeps when it starts
    wait_for(lambda: database.value(count, past["Idempotency-Key"]) == 0, "the key to be swept", 90)
    assert database.value(count, kept["Idempotency-Key"]) == 1
