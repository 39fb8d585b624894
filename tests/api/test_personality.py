"""Profiles: the whole life of one, its version as entity tag, its bounds, and that it is its owner's alone."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

import bodies
from client import violations

PROFILE = "/personality/{}"


def read(client, profile):
    return client.get(PROFILE.format(profile["id"]), expect=200).json()


def content(profile):
    """What the owner wrote, without what the service adds."""
    added = ("id", "version", "createdAt", "updatedAt", "createdBy", "updatedBy", "accuracyScore")
    return {name: value for name, value in profile.items() if name not in added}


def test_a_created_profile_is_read_back_to_the_letter(client, alice):
    body = bodies.full_profile(description="Tab\there, Ünïcödé 🦉, <b>&amp; \"quotes\" \\ and a line\nbreak", changeReason="the first")
    reply = client.post("/personality", body, expect=201)
    profile = reply.json()
    assert content(profile) == body
    assert profile["version"] == 1 and profile["createdBy"] == profile["updatedBy"] == alice.id
    assert reply.headers["Location"] == f"/api/v1/personality/{profile['id']}"
    assert reply.headers["ETag"] == '"1"'
    assert read(client, profile) == profile


def test_what_is_left_out_gets_its_default(client):
    profile = client.post("/personality", {"name": "Only a name"}, expect=201).json()
    assert content(profile) == {"name": "Only a name", "description": "", "coreValues": [], "communicationStyle": {},
                                "technicalPreferences": {}, "exampleDialogues": [], "visibility": "private", "isActive": True}


def test_put_replaces_the_whole(client, new_profile):
    profile = new_profile(bodies.full_profile())
    reply = client.put(PROFILE.format(profile["id"]), {"name": "Another"}, expect=200)
    after = reply.json()
    assert after["name"] == "Another" and "age" not in after and after["coreValues"] == []
    assert after["version"] == 2 and reply.headers["ETag"] == '"2"'
    assert (after["createdAt"], after["id"]) == (profile["createdAt"], profile["id"])
    assert read(client, profile) == after


def test_patch_changes_what_is_named_and_nothing_else(client, new_profile):
    profile = new_profile(bodies.full_profile())
    after = client.patch(PROFILE.format(profile["id"]), {"location": "Oslo"}, expect=200).json()
    assert content(after) == {**content(profile), "location": "Oslo"}
    assert after["version"] == 2


def test_patch_is_a_merge_patch_of_rfc_7396(client, new_profile):
    """Objects are merged at any depth, null removes, arrays are replaced whole."""
    profile = new_profile(bodies.profile(age=40, coreValues=["a", "b"],
                                         communicationStyle={"tone": "dry", "deep": {"keep": 1, "drop": 2}, "list": [1, 2]}))
    patch = {"age": None, "coreValues": ["c"], "communicationStyle": {"deep": {"drop": None, "add": 3}, "list": [9], "tone": None}}
    after = client.patch(PROFILE.format(profile["id"]), patch, headers={"Content-Type": "application/merge-patch+json"},
                         expect=200).json()
    assert "age" not in after and after["coreValues"] == ["c"]
    assert after["communicationStyle"] == {"deep": {"keep": 1, "add": 3}, "list": [9]}


def test_an_empty_patch_keeps_the_content(client, new_profile):
    profile = new_profile(bodies.full_profile())
    assert content(client.patch(PROFILE.format(profile["id"]), {}, expect=200).json()) == content(profile)


def test_a_patch_must_leave_a_valid_profile(client, new_profile, database):
    profile = new_profile()
    assert "/name" in violations(client.patch(PROFILE.format(profile["id"]), {"name": None}))
    assert "/age" in violations(client.patch(PROFILE.format(profile["id"]), {"age": 151}))
    assert read(client, profile) == profile


def test_a_deleted_profile_is_gone_with_all_that_belongs_to_it(client, new_profile, database):
    profile = new_profile(bodies.full_profile())
    path = PROFILE.format(profile["id"])
    for noun, item in (("traits", bodies.trait()), ("patterns", bodies.pattern()), ("memories", bodies.memory())):
        client.post(f"{path}/{noun}", item, expect=201)
    conversation = client.post("/conversations", {"profileId": profile["id"]}, expect=201).json()
    client.post(f"/conversations/{conversation['id']}/messages", {"content": "Hello"}, expect=201)
    client.delete(path, expect=204)
    client.get(path, expect=404)
    client.delete(path, expect=404)
    client.get(f"/conversations/{conversation['id']}", expect=404)
    for table in ("trait", "pattern", "memory", "example_dialogue", "conversation"):
        assert database.value(f"SELECT count(*) FROM {table} WHERE profile_id = %s", profile["id"]) == 0, table


# Entity tags.

def write(client, method, path, etag):
    body = {} if method == "DELETE" else {"body": bodies.profile(name="Changed")}
    return client.call(method, path, headers={"If-Match": etag}, **body)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_stale_if_match_is_refused_and_changes_nothing(client, new_profile, method):
    profile = new_profile()
    path = PROFILE.format(profile["id"])
    current = client.patch(path, {"age": 3}, expect=200).json()
    assert write(client, method, path, '"1"').status_code == 412
    assert write(client, method, path, '"99"').status_code == 412
    assert write(client, method, path, 'W/"2"').status_code == 412, "weak tags never match (RFC 9110 §13.1.1)"
    assert read(client, profile) == current


@pytest.mark.parametrize("method,status", [("PUT", 200), ("PATCH", 200), ("DELETE", 204)])
def test_the_current_entity_tag_and_the_star_let_a_write_through(client, new_profile, method, status):
    for etag in (None, "*"):
        reply = client.post("/personality", bodies.profile(), expect=201)
        assert write(client, method, PROFILE.format(reply.json()["id"]), etag or reply.headers["ETag"]).status_code == status


def test_an_if_match_that_is_no_entity_tag_is_refused(client, new_profile):
    profile = new_profile()
    assert write(client, "PUT", PROFILE.format(profile["id"]), "nonsense").status_code in (412, 422)
    assert read(client, profile) == profile


def test_of_two_writers_with_one_entity_tag_one_wins(people, client, new_profile):
    profile = new_profile()
    clients = [people.client(token=client.token) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda c: c.patch(PROFILE.format(profile["id"]), {"age": 1}, headers={"If-Match": '"1"'}).status_code,
                                clients))
    assert sorted(replies) == [200] + [412] * 5
    assert read(client, profile)["version"] == 2


def test_if_none_match_saves_the_transfer(client, new_profile):
    profile = new_profile()
    path = PROFILE.format(profile["id"])
    assert client.get(path, headers={"If-None-Match": '"1"'}).status_code == 304
    assert client.get(path, headers={"If-None-Match": '"7", "1"'}).status_code == 304
    assert client.get(path, headers={"If-None-Match": '"2"'}).status_code == 200


# Lists.

def test_lists_page_through_all_items_once_in_order_of_creation(someone):
    client = someone.client
    ids = [client.post("/personality", bodies.profile(name=f"Self {n}"), expect=201).json()["id"] for n in range(7)]
    pages = client.pages("/personality", 3)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [item["id"] for page in pages for item in page] == ids
    assert [len(page) for page in client.pages("/personality", 7)] == [7], "no empty last page"


def test_a_list_without_limit_holds_twenty(someone):
    for n in range(21):
        someone.client.post("/personality", bodies.profile(name=f"Self {n}"), expect=201)
    page = someone.client.get("/personality", expect=200).json()
    assert len(page["items"]) == 20 and page["nextCursor"]


def test_an_empty_list_is_a_list(someone):
    assert someone.client.get("/personality", expect=200).json() == {"items": [], "nextCursor": None}


@pytest.mark.parametrize("query,pointer", [("limit=0", "/limit"), ("limit=101", "/limit"), ("limit=ten", "/limit"),
                                           ("limit=-1", "/limit"), ("limit=1.5", "/limit"), ("limit=99999999999999999999", "/limit"),
                                           ("limit=5&limit=6", "/limit"), ("cursor=%ff", "/cursor"), ("cursor=nonsense", "/cursor"),
                                           ("cursor=", "/cursor"), ("page=2", "/page"), ("limit", "/limit")])
def test_a_bad_query_is_refused_with_a_pointer(client, query, pointer):
    assert list(violations(client.get(f"/personality?{query}"))) == [pointer]


def test_a_cursor_of_one_caller_shows_another_nothing(someone, bob):
    for n in range(2):
        someone.client.post("/personality", bodies.profile(name=f"Self {n}"), expect=201)
    cursor = someone.client.get("/personality?limit=1").json()["nextCursor"]
    theirs = bob.client.get(f"/personality?limit=100&cursor={cursor}", expect=200).json()["items"]
    mine = {item["id"] for page in someone.client.pages("/personality", 10) for item in page}
    assert not mine & {item["id"] for item in theirs}


# Isolation.

def test_somebody_elses_profile_is_absent_for_every_method(client, bob, new_profile):
    profile = new_profile()
    path = PROFILE.format(profile["id"])
    bob.client.get(path, expect=404)
    bob.client.put(path, bodies.profile(), expect=404)
    bob.client.patch(path, {"name": "Stolen"}, expect=404)
    bob.client.delete(path, expect=404)
    assert read(client, profile) == profile
    assert profile["id"] not in [item["id"] for page in bob.client.pages("/personality", 100) for item in page]


def test_an_id_in_capitals_is_the_same_id(client, new_profile):
    profile = new_profile()
    assert client.get(PROFILE.format(profile["id"].upper()), expect=200).json() == profile


# Bounds of every field, as api.md gives them.

GOOD = [("name", "x"), ("name", "n" * 100), ("name", "🦉" * 100), ("description", ""), ("description", "d" * 5000), ("age", 0),
        ("age", 150), ("visibility", "private"), ("visibility", "link"), ("visibility", "public"), ("isActive", False),
        ("bigFive", dict.fromkeys(("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"), 0)),
        ("bigFive", dict.fromkeys(("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"), 1)),
        ("language", "pt-BR"), ("coreValues", ["v"] * 50), ("communicationStyle", {"any": [{"thing": None}]}),
        ("exampleDialogues", [{"user": "u", "reply": "r"}]), ("exampleDialogues", [])]
BAD = [("name", "", "/name"), ("name", "n" * 101, "/name"), ("name", "🦉" * 101, "/name"), ("name", "two\nlines", "/name"),
       ("description", "d" * 5001, "/description"), ("description", "bell\u0007", "/description"), ("age", -1, "/age"),
       ("age", 151, "/age"), ("age", 1.5, "/age"), ("age", "40", "/age"), ("age", 10**30, "/age"), ("age", True, "/age"),
       ("visibility", "secret", "/visibility"), ("visibility", "PUBLIC", "/visibility"), ("isActive", "true", "/isActive"),
       ("isActive", 1, "/isActive"), ("language", "not a tag!", "/language"), ("coreValues", "one", "/coreValues"),
       ("coreValues", [1], "/coreValues/0"), ("coreValues", ["v"] * 51, "/coreValues"), ("communicationStyle", [], "/communicationStyle"),
       ("technicalPreferences", "x", "/technicalPreferences"), ("bigFive", {"openness": 1}, "/bigFive/neuroticism"),
       ("bigFive", {**bodies.SAMPLE["profile"]["bigFive"], "openness": 1.01}, "/bigFive/openness"),
       ("bigFive", {**bodies.SAMPLE["profile"]["bigFive"], "openness": -0.01}, "/bigFive/openness"),
       ("bigFive", {**bodies.SAMPLE["profile"]["bigFive"], "luck": 1}, "/bigFive/luck"),
       ("exampleDialogues", [{"user": "u"}], "/exampleDialogues/0/reply"),
       ("exampleDialogues", [{"user": "u", "reply": "r"}, {"user": "", "reply": "r"}], "/exampleDialogues/1/user"),
       ("exampleDialogues", [{"user": "u", "reply": "r"}] * 201, "/exampleDialogues"),
       ("id", "018f0000-0000-7000-8000-000000000000", "/id"), ("version", 3, "/version"), ("createdAt", "2020-01-01T00:00:00Z", "/createdAt"),
       ("updatedBy", "018f0000-0000-7000-8000-000000000000", "/updatedBy"), ("accuracyScore", 1, "/accuracyScore"),
       ("ownerId", "018f0000-0000-7000-8000-000000000000", "/ownerId")]


@pytest.mark.parametrize("field,value", GOOD, ids=lambda v: repr(v)[:30])
def test_a_value_at_its_bound_is_taken(client, field, value):
    assert client.post("/personality", bodies.profile(**{field: value}), expect=201).json()[field] == value


@pytest.mark.parametrize("field,value,pointer", BAD, ids=lambda v: repr(v)[:30])
def test_a_value_past_its_bound_is_refused_with_a_pointer(client, new_profile, field, value, pointer):
    body = bodies.profile(**{field: value})
    assert pointer in violations(client.post("/personality", body))
    profile = new_profile()
    assert pointer in violations(client.put(PROFILE.format(profile["id"]), body))
    assert pointer in violations(client.patch(PROFILE.format(profile["id"]), {field: value}))
    assert read(client, profile) == profile


def test_all_bad_fields_are_told_at_once(client):
    reply = violations(client.post("/personality", {"age": 200, "visibility": "x", "surprise": 1}))
    assert reply == {"/name": "required", "/age": "out_of_range", "/visibility": "choice", "/surprise": "unknown"}


def test_a_document_may_be_100_kib_and_not_a_byte_more(client):
    def of_size(n):
        head = json.dumps({"name": "Big", "communicationStyle": {"pad": ""}})
        return head.replace('"pad": ""', '"pad": "' + "p" * (n - len(head)) + '"').encode()

    client.post("/personality", content=of_size(102400), expect=201)
    client.post("/personality", content=of_size(102401), expect=413)


def test_a_document_may_be_ten_levels_deep_and_no_deeper(client):
    def of_depth(n):
        value = {}
        for _ in range(n - 2):
            value = {"deeper": value}
        return bodies.profile(communicationStyle=value)

    profile = client.post("/personality", of_depth(10), expect=201).json()
    assert profile["communicationStyle"] == of_depth(10)["communicationStyle"]
    client.post("/personality", of_depth(11), expect=413)


def test_numbers_and_texts_survive_the_round_trip(client):
    style = {"big": 9007199254740991, "small": -1, "float": 0.1, "exp": 1e-100, "text": "\u2028 🦉 é", "empty": "",
             "null": None, "bools": [True, False], "": "empty name", "a/b~c": "pointer characters"}
    assert client.post("/personality", bodies.profile(communicationStyle=style), expect=201).json()["communicationStyle"] == style


def test_writing_a_profile_leaves_audit_events(client, new_profile, database, alice):
    profile = new_profile()
    client.patch(PROFILE.format(profile["id"]), {"age": 5}, expect=200)
    client.delete(PROFILE.format(profile["id"]), expect=204)
    events = database.rows("SELECT action, created_by::text FROM audit_event WHERE entity_id = %s ORDER BY id", profile["id"])
    assert len(events) == 3 and {by for _, by in events} == {alice.id}
    assert events[0][0] == "profile.create" and events[2][0] == "profile.delete"
