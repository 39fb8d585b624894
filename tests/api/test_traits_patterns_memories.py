"""What belongs to a profile: traits, patterns and memories behave alike, so they share their tests."""
import pytest

import bodies
from client import violations

NOUNS = {"traits": bodies.trait, "patterns": bodies.pattern, "memories": bodies.memory}
each_noun = pytest.mark.parametrize("noun", NOUNS)
LEAST = {
    "traits": {"category": "c", "name": "n", "weight": 0, "confidence": 0},
    "patterns": {"name": "n", "trigger": "t"},
    "memories": {"kind": "fact", "text": "t"},
}


@pytest.fixture
def path(new_profile):
    return f"/personality/{new_profile()['id']}"


@each_noun
def test_what_is_added_is_listed_to_the_letter(client, path, noun):
    body = NOUNS[noun]()
    reply = client.post(f"{path}/{noun}", body, expect=201)
    item = reply.json()
    assert {name: item[name] for name in body} == body
    assert reply.headers["Location"] == f"/api/v1{path}/{noun}/{item['id']}"
    assert client.get(f"{path}/{noun}", expect=200).json()["items"] == [item]


@each_noun
def test_lists_page_in_order_of_creation(client, path, noun):
    ids = [client.post(f"{path}/{noun}", NOUNS[noun](), expect=201).json()["id"] for _ in range(5)]
    pages = client.pages(f"{path}/{noun}", 2)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [item["id"] for page in pages for item in page] == ids


@each_noun
def test_a_profile_lists_its_own_items_only(client, path, new_profile, noun):
    client.post(f"{path}/{noun}", NOUNS[noun](), expect=201)
    assert client.get(f"/personality/{new_profile()['id']}/{noun}", expect=200).json()["items"] == []


@each_noun
def test_nobody_else_can_add_or_list(client, bob, path, database, noun):
    before = database.counts()
    bob.client.get(f"{path}/{noun}", expect=404)
    bob.client.post(f"{path}/{noun}", NOUNS[noun](), expect=404)
    assert database.counts() == before


@each_noun
def test_an_absent_profile_has_no_items(client, noun):
    absent = "/personality/018f0000-0000-7000-8000-000000000000"
    client.get(f"{absent}/{noun}", expect=404)
    client.post(f"{absent}/{noun}", NOUNS[noun](), expect=404)


@each_noun
def test_adding_leaves_an_audit_event(client, path, database, noun):
    item = client.post(f"{path}/{noun}", NOUNS[noun](), expect=201).json()
    assert database.value("SELECT count(*) FROM audit_event WHERE entity_id = %s", item["id"]) == 1


GOOD = [("traits", {"weight": 0}), ("traits", {"weight": 10}), ("traits", {"confidence": 0}), ("traits", {"confidence": 1}),
        ("traits", {"impactLevel": "low"}), ("traits", {"impactLevel": "medium"}), ("traits", {"contextTags": []}),
        ("patterns", {"priority": 1}), ("patterns", {"priority": 10}), ("patterns", {"conditions": {}}),
        ("patterns", {"conditions": {"hours": "22-06"}}), ("patterns", {"conditions": {"hours": "00-24"}}),
        ("patterns", {"conditions": {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}}),
        ("patterns", {"conditions": {"timezone": "America/Argentina/Buenos_Aires"}}),
        ("memories", {"text": "t" * 4000}), ("memories", {"importance": 0}), ("memories", {"importance": 1}),
        ("memories", {"kind": "sample"}), ("memories", {"kind": "event"}), ("memories", {"text": "two\nlines"})]
BAD = [("traits", {"weight": 10.01}, "/weight"), ("traits", {"weight": -0.01}, "/weight"), ("traits", {"confidence": 1.01}, "/confidence"),
       ("traits", {"confidence": -1}, "/confidence"), ("traits", {"impactLevel": "huge"}, "/impactLevel"),
       ("traits", {"name": ""}, "/name"), ("traits", {"contextTags": "work"}, "/contextTags"), ("traits", {"contextTags": [1]}, "/contextTags/0"),
       ("traits", {"isActive": "yes"}, "/isActive"), ("traits", {"surprise": 1}, "/surprise"),
       ("patterns", {"priority": 0}, "/priority"), ("patterns", {"priority": 11}, "/priority"), ("patterns", {"priority": 2.5}, "/priority"),
       ("patterns", {"conditions": {"hours": "9-17"}}, "/conditions/hours"), ("patterns", {"conditions": {"hours": "09-25"}}, "/conditions/hours"),
       ("patterns", {"conditions": {"hours": "24-06"}}, "/conditions/hours"), ("patterns", {"conditions": {"hours": "09-09"}}, "/conditions/hours"),
       ("patterns", {"conditions": {"days": ["monday"]}}, "/conditions/days"), ("patterns", {"conditions": {"weather": "rain"}}, "/conditions/weather"),
       ("patterns", {"conditions": {"timezone": "../etc/passwd"}}, "/conditions/timezone"), ("patterns", {"modifications": []}, "/modifications"),
       ("memories", {"text": "t" * 4001}, "/text"), ("memories", {"text": ""}, "/text"), ("memories", {"kind": "dream"}, "/kind"),
       ("memories", {"importance": 1.5}, "/importance"), ("memories", {"occurredAt": "yesterday"}, "/occurredAt"),
       ("memories", {"occurredAt": "2020-02-30T00:00:00Z"}, "/occurredAt")]


@pytest.mark.parametrize("noun,change", GOOD, ids=lambda v: str(v)[:40])
def test_a_value_at_its_bound_is_taken(client, path, noun, change):
    item = client.post(f"{path}/{noun}", NOUNS[noun](**change), expect=201).json()
    assert {name: item[name] for name in change} == change


@pytest.mark.parametrize("noun,change,pointer", BAD, ids=lambda v: str(v)[:40])
def test_a_value_past_its_bound_is_refused_with_a_pointer(client, path, noun, change, pointer):
    found = violations(client.post(f"{path}/{noun}", NOUNS[noun](**change)))
    assert any(where == pointer or where.startswith(pointer + "/") for where in found), found
    assert client.get(f"{path}/{noun}").json()["items"] == []


@each_noun
def test_required_members_alone_are_enough(client, path, noun):
    client.post(f"{path}/{noun}", LEAST[noun], expect=201)
