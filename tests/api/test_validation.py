"""What a text must be: names without markup or anything that cannot be seen, lines in NFC, free text to the letter, formats by their
parsers; and that the check in front of all of it reads JSON as RFC 8259 does."""
import json
import os
from pathlib import Path

import pytest

import bodies
from client import violations
from environment import PROXY

VECTORS = Path(os.environ.get("DM_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "vectors")) / "JSONTestSuite" / "test_parsing"


@pytest.fixture
def path(new_profile):
    return f"/personality/{new_profile()['id']}"


@pytest.fixture
def names(client, nobody, path, mara):
    """Each call that takes a name: {pointer of a row: what it answers when the name there is the given text}."""
    return {
        "register /firstName": lambda text: nobody.post("/auth/register", bodies.registration(firstName=text)),
        "register /lastName": lambda text: nobody.post("/auth/register", bodies.registration(lastName=text)),
        "rename /firstName": lambda text: client.patch("/auth/me", {"firstName": text}),
        "profile /name": lambda text: client.post("/personality", bodies.profile(name=text)),
        "profile /profession": lambda text: client.patch(path, {"profession": text}),
        "profile /location": lambda text: client.put(path, bodies.profile(location=text)),
        "trait /name": lambda text: client.post(f"{path}/traits", bodies.trait(name=text)),
        "trait /category": lambda text: client.post(f"{path}/traits", bodies.trait(category=text)),
        "pattern /name": lambda text: client.post(f"{path}/patterns", bodies.pattern(name=text)),
        "conversation /title": lambda text: client.post("/conversations", {"profileId": mara["profileId"], "title": text}),
        "key /name": lambda text: client.post("/api-keys", {"name": text, "scopes": ["personality:read"]}),
    }


REFUSED_NAMES = {
    "<script>alert(1)</script>": "markup", "a < b": "markup", "\u202egnp.exe": "hidden", "Ann\u200b": "hidden", "\ufeffAnn": "hidden",
    "An\u2066n\u2069": "hidden", "line\nbreak": "format", "bell\u0007": "format", "line\u2028separator": "format", "   ": "blank",
    "\u3000\u00a0": "blank",
}


@pytest.mark.parametrize("text", REFUSED_NAMES, ids=ascii)
def test_a_name_that_could_deceive_is_refused(names, database, text):
    before = database.counts()
    for where, ask in names.items():
        pointer = where.split()[1]
        assert violations(ask(text)) == {pointer: REFUSED_NAMES[text]}, where
    assert database.counts() == before


@pytest.mark.parametrize("text", ["O'Neill & Søn, Jr.", "René Ž. 王小明", "محمد علی", "می\u200cخواهم", "Zoë 👩\u200d💻", 'the "boss" = {x}; -- y'], ids=ascii)
def test_a_name_of_any_people_is_taken_as_it_is(client, text):
    assert client.post("/personality", bodies.profile(name=text), expect=201).json()["name"] == text


def test_a_line_is_kept_in_nfc_wherever_it_stands(client, path):
    split, whole = "Jose\u0301", "Jos\u00e9"
    body = bodies.trait(name=split, source=split, contextTags=[split], description=split)
    trait = client.post(f"{path}/traits", body, expect=201).json()
    assert (trait["name"], trait["source"], trait["contextTags"]) == (whole, whole, [whole])
    assert trait["description"] == split  # a text is its author's
    # Lengths are those of what is kept.
    assert client.patch(path, {"name": "e\u0301" * 100}, expect=200).json()["name"] == "\u00e9" * 100
    assert violations(client.patch(path, {"name": "e\u0301" * 101})) == {"/name": "too_long"}


TEXT = "<script>alert('x')</script>\r\n\t'; DROP TABLE account; -- e\u0301 \u202eabc\u202c\u200b $(rm -rf /) {{7*7}} %00 \\u0000 &lt;\u2028"


def test_free_text_is_kept_to_the_letter_and_never_sent_as_a_page(client, mara, path):
    """As a message, a memory, a description and within free-form members; every answer that holds it is JSON and says so."""
    said = client.post(f"/conversations/{mara['conversationId']}/messages", {"content": TEXT}, expect=201)
    memory = client.post(f"{path}/memories", bodies.memory(text=TEXT), expect=201)
    profile = client.patch(path, {"description": TEXT, "technicalPreferences": {TEXT: [TEXT]}}, expect=200)
    assert said.json()["message"]["content"] == memory.json()["text"] == profile.json()["description"] == TEXT
    assert profile.json()["technicalPreferences"] == {TEXT: [TEXT]}
    history = client.get(f"/conversations/{mara['conversationId']}/messages?limit=100")
    assert any(item["content"] == TEXT for item in history.json()["items"])
    for reply in (said, memory, profile, history, client.get(path), client.get(f"{path}/memories")):
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_what_a_refusal_says_is_never_a_page(client, nobody):
    """Wherever markup was sent: the answer is a problem document, and the value is not in it."""
    script = "<script>alert(1)</script>"
    for reply in (nobody.post("/auth/login", {"email": script, "password": script}), client.get("/personality", params={"cursor": script}),
                  client.get("/personality", params={script: "1"}), nobody.site("GET", "/" + script), client.get("/personality/" + script),
                  client.get("/personality", headers={"If-None-Match": script, "X-Correlation-Id": script})):
        assert reply.headers["Content-Type"] in ("application/problem+json", "application/json"), reply.text
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "alert(1)" not in reply.headers.get("X-Correlation-Id", "")
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


@pytest.mark.parametrize("text", [" ", "\n\t ", "\u3000", "\u200b\ufeff", "\u2028\u2029", "\u3164"], ids=ascii)
def test_a_message_of_nothing_but_blanks_is_refused(client, mara, path, database, text):
    before = database.counts()
    assert violations(client.post(f"/conversations/{mara['conversationId']}/messages", {"content": text})) == {"/content": "blank"}
    assert violations(client.post(f"{path}/memories", bodies.memory(text=text))) == {"/text": "blank"}
    assert database.counts() == before


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "europe/berlin", "posix/UTC", "Europe", "localtime", "../../etc/passwd", "UTC\u00a0"])
def test_a_time_zone_that_is_none_is_refused(client, path, zone):
    found = violations(client.post(f"{path}/patterns", bodies.pattern(conditions={"timezone": zone})))
    assert found == {"/conditions/timezone": "format"}


FORMATS = [
    ("language", {"language": "de-CH-1996"}, None), ("language", {"language": "en_US"}, "format"), ("language", {"language": "x"}, "format"),
    ("language", {"language": "sl-rozaj"}, None), ("language", {"language": "Deutsch!"}, "format"),
]


@pytest.mark.parametrize("name,change,code", FORMATS, ids=str)
def test_a_language_is_read_by_its_grammar(client, path, name, change, code):
    reply = client.patch(path, change)
    assert (reply.status_code == 200) if code is None else violations(reply) == {f"/{name}": code}


@pytest.mark.parametrize("url", ["not a url", "example.org/x", "https://exa mple.org/", "https://example.org/%zz", "http://[::1/", "<https://a.b>"])
def test_an_address_that_is_no_uri_is_refused(nobody, url):
    assert violations(nobody.post("/api-keys/leak-report", {"key": "dk_live_x", "url": url})) == {"/url": "format"}


@pytest.mark.parametrize("address", ["a@b", "a b@c.example", "a@1.2.3.4", "<a@b.example>", "a@b.example,c@d.example", "ü@b.example", "a@b.example\n",
                                     "a@-b.example", "a" * 65 + "@b.example", '"a b"@c.example'])
def test_an_address_that_is_no_mail_address_is_refused(nobody, address):
    assert violations(nobody.post("/auth/register", bodies.registration(email=address))) == {"/email": "format"}


@pytest.mark.parametrize("when", ["yesterday", "2026-01-31", "2026-01-31T09:30:00", "2026-02-29T00:00:00Z", "2026-01-31T24:00:00Z",
                                  "2026-01-31 09:30:00Z", "2026-01-31T09:30:60Z", "1769851800", "2026-01-31T09:30:00+24:00"])
def test_a_time_that_is_none_is_refused(client, path, when):
    assert violations(client.post(f"{path}/memories", bodies.memory(occurredAt=when))) == {"/occurredAt": "format"}


def test_control_characters_are_refused_in_free_form_members_too(client, path):
    assert violations(client.patch(path, {"technicalPreferences": {"a": {"b": ["\u001b[2J"]}}})) == {"/technicalPreferences/a/b/0": "format"}


# JSON itself.

# Stricter than RFC 8259 must be, on purpose: names that occur twice (§4), and U+0000, which no text of ours may have.
STRICTER = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json", "y_object_escaped_null_in_key.json",
            "y_string_null_escape.json"}


@pytest.mark.skipif(PROXY != "nginx", reason="the same program reads it behind Caddy")
@pytest.mark.skipif(not VECTORS.is_dir(), reason="JSONTestSuite is not here; DM_VECTORS says where")
def test_json_is_read_as_json_test_suite_has_it(nobody):
    """y: JSON, though not what this call wants; n: not JSON; i: either, but an answer."""
    wrong = []
    for vector in sorted(VECTORS.glob("*.json")):
        status = nobody.post("/auth/resend-confirmation", content=vector.read_bytes()).status_code
        kind = "n" if vector.name in STRICTER else vector.name[0]
        # Too deep or too long is told before the syntax is.
        expected = {"y": (202, 422), "n": (400, 413), "i": (400, 413, 422)}[kind]
        if status not in expected:
            wrong.append((vector.name, status))
    assert not wrong
    assert json.loads(nobody.post("/auth/resend-confirmation", content=b"[NaN]", expect=400).text)["type"] == "urn:digitalme:problem:syntax"
