"""Where am I logged in: the list, ending one, the others, all; and the mail about a device that is new."""
import secrets

import pytest

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"


def log_in(people, account, user_agent=FIREFOX, **body):
    """A client of its own for another log-in of the account, and what the log-in answered."""
    client = people.client()
    reply = client.post("/auth/login", {"email": account.email, "password": account.password, **body},
                        headers={"User-Agent": user_agent}, expect=200).json()
    account.take(reply)
    client.token = reply["accessToken"]
    return client, reply


@pytest.fixture
def account(people):
    return people.confirmed()


def sessions(client):
    return client.get("/auth/sessions", expect=200).json()["items"]


def test_the_list_says_what_where_when_and_which_one_asks(people, account):
    first, _ = log_in(people, account)
    second, _ = log_in(people, account, SAFARI)
    one, two = sessions(second)
    assert (one["device"], two["device"]) == ("Firefox on Linux", "Safari on iPhone")
    assert (one["userAgent"], two["userAgent"]) == (FIREFOX, SAFARI)
    assert (one["current"], two["current"]) == (False, True)
    assert one["address"] == "127.0.0.1" and one["createdAt"] <= two["createdAt"] < two["expiresAt"]
    assert [s["current"] for s in sessions(first)] == [True, False]


def test_the_list_comes_in_pages(people, account):
    for _ in range(5):
        client, _ = log_in(people, account)
    pages = client.pages("/auth/sessions", 2)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({item["id"] for page in pages for item in page}) == 5


def test_a_refresh_is_a_use(people, account, nobody, database):
    client, reply = log_in(people, account)
    database.rows("UPDATE session SET last_used_at = now() - interval '1 day' WHERE account_id = %s", account.id)
    before = sessions(client)[0]["lastUsedAt"]
    account.take(nobody.post("/auth/refresh", {"refreshToken": reply["refreshToken"]}, expect=200).json())
    assert sessions(client)[0]["lastUsedAt"] > before


def test_ending_one_ends_that_one_at_once(people, account, nobody):
    first, first_reply = log_in(people, account)
    second, _ = log_in(people, account)
    id = next(s["id"] for s in sessions(second) if not s["current"])
    first.get("/auth/me", expect=200)
    second.delete(f"/auth/sessions/{id}", expect=204)
    first.get("/auth/me", expect=401)
    nobody.post("/auth/refresh", {"refreshToken": first_reply["refreshToken"]}, expect=401)
    second.get("/auth/me", expect=200)
    assert [s["current"] for s in sessions(second)] == [True]
    second.delete(f"/auth/sessions/{id}", expect=404)


def test_anothers_session_cannot_be_told_from_one_that_is_not(people, account, alice):
    client, _ = log_in(people, account)
    id = sessions(client)[0]["id"]
    for other in (id, "01890000-0000-7000-8000-000000000000"):
        reply = alice.client.delete(f"/auth/sessions/{other}", expect=404).json()
        assert reply["detail"] == "There is no such session."
    client.get("/auth/me", expect=200)


def test_one_may_end_the_session_one_asks_with(people, account):
    client, _ = log_in(people, account)
    client.delete(f"/auth/sessions/{sessions(client)[0]['id']}", expect=204)
    client.get("/auth/me", expect=401)


def test_ending_the_others_spares_the_one_that_asks(people, account, database):
    clients = [log_in(people, account)[0] for _ in range(4)]
    clients[1].delete("/auth/sessions", expect=204)
    assert [c.get("/auth/me").status_code for c in clients] == [401, 200, 401, 401]
    clients[1].delete("/auth/sessions", expect=204)
    assert database.rows("SELECT end_reason, count(*) FROM session WHERE account_id = %s AND ended_at IS NOT NULL GROUP BY 1",
                         account.id) == [("ended", 3)]
    assert database.rows("SELECT detail FROM audit_event WHERE action = 'account.end_sessions' AND entity_id = %s",
                         account.id) == [({"reason": "ended", "sessions": 3},)]


def test_logging_out_everywhere_ends_all(people, account, nobody, alice):
    clients, replies = zip(*(log_in(people, account) for _ in range(3)))
    clients[0].post("/auth/logout-all", expect=204)
    assert [c.get("/auth/me").status_code for c in clients] == [401, 401, 401]
    for reply in replies:
        nobody.post("/auth/refresh", {"refreshToken": reply["refreshToken"]}, expect=401)
    alice.client.get("/auth/me", expect=200)


def test_more_sessions_than_one_command_to_redis_holds_end_at_once(people, account, database, nobody):
    client, _ = log_in(people, account)
    database.rows("INSERT INTO session SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'family_hash',"
                  " encode(sha256(convert_to(n::text || s.id, 'UTF8')), 'hex')))).* FROM session s, generate_series(1, 100) n"
                  " WHERE account_id = %s", account.id)
    client.post("/auth/logout-all", expect=204)
    client.get("/auth/me", expect=401)
    nobody.site("GET", "/health/ready", expect=200)


def test_a_new_device_is_told_with_what_when_and_where_but_not_the_first(people, account):
    _, first = log_in(people, account)
    log_in(people, account, SAFARI)
    mail = people.mailbox.wait(account.email, subject="new device")
    text = mail.get_body(("plain",)).get_content()
    assert "Safari on iPhone" in text and "127.0.0.1" in text and "UTC" in text
    # Known by its token, or by its looks.
    log_in(people, account, "curl/8.0", deviceToken=first["deviceToken"])
    log_in(people, account, SAFARI)
    log_in(people, account, f"Something-{secrets.token_hex(4)}/1.0")
    people.mailbox.wait(account.email, 2, subject="new device")
    assert len([m for m in people.mailbox.to(account.email) if "new device" in m["Subject"]]) == 2
