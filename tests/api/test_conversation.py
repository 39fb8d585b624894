"""Conversations with a digital self, answered by the built-in responder: in the self's own words, or not at all."""
import pytest

import bodies
from client import violations


def say(client, ids, text, **options):
    return client.post(f"/conversations/{ids['conversationId']}/messages", {"content": text}, expect=201, **options).json()


@pytest.fixture
def talk(client, mara):
    """Say something to Mara in a conversation of this test's own; the reply."""
    conversation = client.post("/conversations", {"profileId": mara["profileId"]}, expect=201).json()
    return lambda text: say(client, {"conversationId": conversation["id"]}, text)["reply"]


def test_a_turn_gives_back_the_message_and_the_reply(client, mara):
    reply = client.post(f"/conversations/{mara['conversationId']}/messages", {"content": "What wood do you use for planking?"}, expect=201)
    turn = reply.json()
    message, answer = turn["message"], turn["reply"]
    assert (message["role"], message["content"]) == ("user", "What wood do you use for planking?")
    assert (answer["role"], answer["parentId"], answer["provider"]) == ("assistant", message["id"], "builtin")
    assert message["conversationId"] == answer["conversationId"] == mara["conversationId"]
    assert answer["profileVersion"] == 1 and answer["fallback"] is False and answer["finishReason"] and answer["model"]
    assert turn["usage"] == answer["usage"] and turn["usage"]["cost"] == 0
    assert reply.headers["Location"] == f"/api/v1/conversations/{mara['conversationId']}/messages/{message['id']}"


@pytest.mark.parametrize("n", range(len(bodies.SAMPLE["profile"]["exampleDialogues"])))
def test_a_question_of_an_example_gets_its_answer(talk, n):
    example = bodies.SAMPLE["profile"]["exampleDialogues"][n]
    reply = talk(example["user"])
    assert example["reply"] in reply["content"]
    assert {"kind": "example", "pointer": f"/exampleDialogues/{n}"}.items() <= reply["sources"][0].items()


def test_a_question_in_other_words_finds_the_example(talk):
    reply = talk("how do you decide if an old boat is worth saving")
    assert "I lie underneath her with an awl." in reply["content"]


def test_a_fact_among_the_memories_is_found_and_named(talk, client, mara):
    memories = [m for page in client.pages(f"/personality/{mara['profileId']}/memories", 100) for m in page]
    for memory in memories[:5]:
        reply = talk(memory["text"].rstrip(".") + "?")
        assert memory["id"] in [source.get("id") for source in reply["sources"]], (memory["text"], reply)


def test_the_profile_itself_answers_questions_about_it(talk):
    reply = talk("How old are you?")
    assert "51" in reply["content"]
    assert reply["sources"][0]["pointer"] == "/age"


def test_what_is_not_known_is_said_to_be_unknown_in_the_selfs_manner(talk):
    manner = bodies.SAMPLE["profile"]["communicationStyle"]["whenUnsure"]
    for question in ("What is the airspeed velocity of an unladen swallow?", "Explain quantum chromodynamics.", "xyzzy plugh qwrtp"):
        reply = talk(question)
        assert any(sentence in reply["content"] for sentence in manner), reply["content"]
        assert reply["sources"] == []


def test_a_self_without_any_material_says_that_it_does_not_know(client, new_profile):
    conversation = client.post("/conversations", {"profileId": new_profile(bodies.profile(description=""))["id"]}, expect=201).json()
    reply = say(client, {"conversationId": conversation["id"]}, "Tell me about submarines in winter.")["reply"]
    assert "know" in reply["content"].lower() and reply["sources"] == []


def test_a_reply_is_made_of_nothing_but_the_selfs_own_words(talk):
    """Each sentence of a reply stands in one of its sources or in the self's manner of speaking."""
    style = str(bodies.SAMPLE["profile"]["communicationStyle"])
    for question in ("What would you tell someone who wants to learn boat building?", "Good morning, how are you?"):
        reply = talk(question)
        known = style + " ".join(source["text"] for source in reply["sources"])
        known += " ".join(d["reply"] for d in bodies.SAMPLE["profile"]["exampleDialogues"])
        for sentence in reply["content"].replace("\n", " ").split(". "):
            assert sentence.strip(" .") in known, sentence


def test_the_same_input_gives_the_same_reply(client, mara):
    replies = set()
    for _ in range(4):
        conversation = client.post("/conversations", {"profileId": mara["profileId"]}, expect=201).json()
        reply = say(client, {"conversationId": conversation["id"]}, "Do you work in winter, and what about pikes?")["reply"]
        replies.add((reply["content"], str(reply["sources"])))
    assert len(replies) == 1


def test_a_reply_names_the_version_of_the_self_that_gave_it(client, new_profile):
    profile = new_profile()
    conversation = client.post("/conversations", {"profileId": profile["id"]}, expect=201).json()
    assert say(client, {"conversationId": conversation["id"]}, "Hello")["reply"]["profileVersion"] == 1
    client.patch(f"/personality/{profile['id']}", {"exampleDialogues": [{"user": "Where is the key?", "reply": "Under the third pot."}]},
                 expect=200)
    reply = say(client, {"conversationId": conversation["id"]}, "Where is the key?")["reply"]
    assert reply["profileVersion"] == 2 and "Under the third pot." in reply["content"], "an example works as soon as it is written"


def test_what_is_taken_out_is_no_longer_said(client, new_profile):
    profile = new_profile(bodies.profile(exampleDialogues=[{"user": "Where is the key?", "reply": "Under the third pot."}]))
    conversation = client.post("/conversations", {"profileId": profile["id"]}, expect=201).json()
    client.patch(f"/personality/{profile['id']}", {"exampleDialogues": []}, expect=200)
    assert "pot" not in say(client, {"conversationId": conversation["id"]}, "Where is the key?")["reply"]["content"]


def test_one_self_never_speaks_from_anothers_memory(client, someone, new_profile):
    theirs = new_profile(owner=someone.client)
    someone.client.post(f"/personality/{theirs['id']}/memories", bodies.memory(text="The treasure lies at Gullholmen."), expect=201)
    conversation = client.post("/conversations", {"profileId": new_profile()["id"]}, expect=201).json()
    reply = say(client, {"conversationId": conversation["id"]}, "Where does the treasure lie?")["reply"]
    assert "Gullholmen" not in reply["content"]


def test_history_is_read_in_the_order_it_was_said(client, mara):
    conversation = client.post("/conversations", {"profileId": mara["profileId"], "title": "Order"}, expect=201).json()
    turns = [say(client, {"conversationId": conversation["id"]}, text) for text in ("One?", "Two?", "Three?")]
    said = [item for turn in turns for item in (turn["message"], turn["reply"])]
    pages = client.pages(f"/conversations/{conversation['id']}/messages", 4)
    assert [item for page in pages for item in page] == said
    after = client.get(f"/conversations/{conversation['id']}", expect=200).json()
    assert after["messageCount"] == 6 and after["lastMessageAt"] == said[-1]["createdAt"] and after["title"] == "Order"


def test_content_is_kept_to_the_letter(client, mara):
    text = "  <script>alert('x')</script>\t{\"a\": 1}\n\u2028 🦉 %s %n ' OR 1=1; -- \\ "
    assert say(client, mara, text)["message"]["content"] == text


def test_a_message_may_have_10000_characters_and_not_one_more(client, mara):
    assert len(say(client, mara, "ä" * 10000)["message"]["content"]) == 10000
    path = f"/conversations/{mara['conversationId']}/messages"
    assert violations(client.post(path, {"content": "ä" * 10001})) == {"/content": "too_long"}
    assert violations(client.post(path, {"content": ""})) == {"/content": "too_short"}


@pytest.mark.parametrize("text", ["?", ".\n\n", "🦉🦉🦉", "' & | ! <-> :*", "the of and", "\\", "%" * 50, "a" * 9000],
                         ids=lambda t: repr(t)[:20])
def test_words_that_no_search_likes_get_a_reply(talk, text):
    assert talk(text)["content"]


def test_conversations_are_listed_page_by_page(someone, new_profile):
    client = someone.client
    profile = new_profile(owner=client)
    made = [client.post("/conversations", {"profileId": profile["id"], "title": f"Talk {n}"}, expect=201) for n in range(3)]
    assert made[0].headers["Location"] == f"/api/v1/conversations/{made[0].json()['id']}"
    pages = client.pages("/conversations", 2)
    assert [item["title"] for page in pages for item in page] == ["Talk 0", "Talk 1", "Talk 2"]


def test_nobody_talks_with_somebody_elses_self(client, bob, new_profile, database):
    profile = new_profile()
    conversation = client.post("/conversations", {"profileId": profile["id"]}, expect=201).json()
    before = database.counts()
    bob.client.post("/conversations", {"profileId": profile["id"]}, expect=404)
    bob.client.get(f"/conversations/{conversation['id']}", expect=404)
    bob.client.get(f"/conversations/{conversation['id']}/messages", expect=404)
    bob.client.post(f"/conversations/{conversation['id']}/messages", {"content": "Hello?"}, expect=404)
    assert database.counts() == before


def test_a_conversation_needs_a_self_that_exists(client):
    client.post("/conversations", {"profileId": "018f0000-0000-7000-8000-000000000000"}, expect=404)
