"""One's own data: all of it is given out when asked for, and none of it is left when it is to go."""
import json
import re
import threading

import psycopg2
import pytest

import bodies
from client import violations
from system import wait_for

# Tables that know nobody, or nothing but ids.
APART = {"audit_event", "audit_seal", "audit_unsealed", "audit_chain", "erasure"}


@pytest.fixture
def lived(people, database):
    """An account that has left a trace everywhere it can."""
    account = people.logged_in()
    client = account.client
    profile = client.post("/personality", bodies.SAMPLE["profile"], headers={"Idempotency-Key": "lived-here"}, expect=201).json()["id"]
    for noun in ("traits", "patterns", "memories"):
        for item in bodies.SAMPLE[noun][:3]:
            client.post(f"/personality/{profile}/{noun}", item, expect=201)
    conversation = client.post("/conversations", {"profileId": profile}, expect=201).json()["id"]
    for text in ("Hello", "What do you do for a living?", "Where do you live?"):
        client.post(f"/conversations/{conversation}/messages", {"content": text}, expect=201)
    account.log_in()
    account.profile, account.conversation = profile, conversation
    return account


def erase(account, password=None, **options):
    return account.client.delete("/auth/me", body={"password": password or account.password}, **options)


def erased(database, receipt):
    return wait_for(lambda: database.rows("SELECT account_id::text, counts FROM erasure WHERE id = %s AND completed_at IS NOT NULL", receipt),
                    "the erasure to be complete", 30)[0]


def mentions(database, *words):
    """{table.column: rows} of all columns of all tables that hold one of these texts."""
    found = {}
    columns = database.rows("SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables USING"
                            " (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
                            " AND data_type IN ('uuid', 'text', 'jsonb', 'character varying', 'tsvector')")
    for table, column in columns:
        for word in words:
            n = database.value(f'SELECT count(*) FROM "{table}" WHERE "{column}"::text ILIKE %s', f"%{word}%")
            if n:
                found[f"{table}.{column}"] = found.get(f"{table}.{column}", 0) + n
    return found


# Erasing


def test_an_erased_account_leaves_ids_in_the_audit_trail_and_a_receipt(people, lived, database):
    ids = [lived.id, lived.profile, lived.conversation, *(id for id, in database.rows("SELECT id::text FROM session WHERE account_id = %s", lived.id))]
    assert len(mentions(database, lived.id, lived.email)) > 15
    receipt = erase(lived, expect=202).json()
    account_id, counts = erased(database, receipt["receiptId"])
    assert account_id == lived.id
    assert (counts["profile"], counts["trait"], counts["pattern"], counts["memory"], counts["conversation"], counts["message"]) == (
        1, 3, 3, 3, 1, 6)
    assert counts["session"] == 2 and counts["account"] == 1 and counts["idempotency_key"] == 1

    mail = people.mailbox.wait(lived.email, subject="account was erased")
    text = mail.get_body(("plain",)).get_content()
    assert receipt["receiptId"] in text and "6 messages" in text and "1 profile" in text
    wait_for(lambda: "job.payload" not in mentions(database, lived.email), "the mail's job to forget the address", 20)

    wait_for(lambda: database.value("SELECT count(*) FROM audit_unsealed WHERE created_by = %s", lived.id) == 0, "the events to be sealed", 20)

    left = mentions(database, *ids, lived.email, lived.email.split("@")[0])
    assert {name.split(".")[0] for name in left} <= {"audit_event", "erasure"}, left
    assert mentions(database, lived.email) == {}
    actions = [action for action, in database.rows("SELECT action FROM audit_event WHERE entity_id = %s ORDER BY created_at, id", lived.id)]
    assert actions[-3:] == ["account.request_erasure", "account.end_sessions", "account.erase"] or actions[-1] == "account.erase"


def test_an_account_that_is_to_be_erased_is_closed_at_once(people, someone, system, database):
    system.stop("digitalme-worker")
    try:
        erase(someone, expect=202)
        someone.client.get("/auth/me", expect=401)
        someone.client.post("/auth/refresh", {"refreshToken": someone.session["refreshToken"]}, expect=401)
        people.client().post("/auth/login", {"email": someone.email, "password": someone.password}, expect=401)
        # The address is not free before the end, and nobody is told.
        people.client().post("/auth/register", {"email": someone.email, "password": people.password(), "firstName": "A", "lastName": "B"},
                             expect=202)
        assert database.value("SELECT state FROM account WHERE id = %s", someone.id) == "erasing"
    finally:
        system.start("digitalme-worker")
    people.mailbox.wait(someone.email, subject="account was erased")
    again = people.client()
    again.post("/auth/register", {"email": someone.email, "password": people.password(), "firstName": "A", "lastName": "B"}, expect=202)
    people.mailbox.wait(someone.email, n=2, subject="Confirm")


def test_erasing_asks_for_the_password(someone, nobody):
    assert violations(erase(someone, "not-my-password")) == {"/password": "wrong"}
    assert someone.client.delete("/auth/me").status_code == 400
    assert violations(someone.client.delete("/auth/me", body={})) == {"/password": "required"}
    nobody.delete("/auth/me", body={"password": "x"}, expect=401)
    someone.client.get("/auth/me", expect=200)


def test_only_one_of_many_requests_erases(someone, database):
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(erase(someone, expect=(202, 401, 409, 503)).status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies.count(202) == 1, replies
    assert database.value("SELECT count(*) FROM erasure WHERE account_id = %s", someone.id) == 1


def test_the_last_superadmin_cannot_erase_himself(own_system, contract):
    from database import Database
    from people import People
    system = own_system()
    people = People(system, contract)
    with Database(system) as database:
        chief, other = people.logged_in(), people.logged_in()
        database.rows("UPDATE account SET role = 'SuperAdmin' WHERE id = %s", chief.id)
        chief.log_in()
        assert "last active SuperAdmin" in erase(chief, expect=409).json()["detail"]
        chief.client.patch(f"/admin/users/{other.id}", {"role": "SuperAdmin"}, expect=200)
        erase(chief, expect=202)
    people.close()


def test_a_worker_that_is_killed_in_the_middle_goes_on_where_it_was(own_system, contract):
    from database import Database
    from people import People
    system = own_system()
    people = People(system, contract)
    with Database(system) as database:
        account = people.logged_in()
        profile = account.client.post("/personality", bodies.profile(), expect=201).json()["id"]
        conversation = account.client.post("/conversations", {"profileId": profile}, expect=201).json()["id"]
        fill(database, account, conversation, 20000)
        receipt = erase(account, expect=202).json()["receiptId"]
        # Each step is counted with what it removed; a few of the twenty are enough to be in the middle.
        wait_for(lambda: (database.value("SELECT (counts->>'message')::int FROM erasure WHERE id = %s", receipt) or 0) >= 1000,
                 "the first step", 30, step_s=0.001)
        system.kill("digitalme-worker")
        counted = database.value("SELECT (counts->>'message')::int FROM erasure WHERE id = %s", receipt)
        assert database.value("SELECT count(*) FROM message WHERE conversation_id = %s", conversation) == 20000 - counted
        database.rows("UPDATE job SET run_at = now() WHERE kind = 'erase_account'")
        system.start("digitalme-worker")
        _, counts = erased(database, receipt)
        assert counts["message"] == 20000
    people.close()


def fill(database, account, conversation, n):
    """Messages as the API writes them, many."""
    database.rows("INSERT INTO message (id, conversation_id, role, content, created_by, updated_by)"
                  " SELECT gen_random_uuid(), %s, 'user', 'Message number ' || n || ' ' || repeat('é', 400), %s, %s FROM generate_series(1, %s) n",
                  conversation, account.id, account.id, n)


def test_every_table_that_knows_an_account_is_erased(database, someone):
    """By the schema itself: what refers to an account, directly or through others, and what names one without a reference."""
    _, counts = erased(database, erase(someone, expect=202).json()["receiptId"])
    referring = {table for table, in database.rows(
        "WITH RECURSIVE known (oid) AS (SELECT 'account'::regclass::oid UNION SELECT c.conrelid FROM pg_constraint c JOIN known k ON c.confrelid = k.oid"
        " WHERE c.contype = 'f') SELECT oid::regclass::text FROM known")}
    naming = {table for table, in database.rows("SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'public' AND"
                                                " column_name IN ('account_id', 'owner_id', 'user_id', 'profile_id', 'email')")}
    assert set(counts) == (referring | naming | {"login_guard"}) - APART


# Exporting


def test_everything_held_is_in_the_export(lived, database):
    reply = lived.client.get("/auth/me/export", expect=200)
    assert reply.headers["Content-Disposition"].startswith("attachment")
    document = reply.json()
    assert document["format"] == "digitalme.account/1" and document["account"]["email"] == lived.email
    assert document["account"]["firstName"] == "Per" and document["account"]["state"] == "active"
    assert [p["id"] for p in document["profiles"]] == [lived.profile]
    assert {len(document[noun]) for noun in ("traits", "patterns", "memories")} == {3}
    assert document["profiles"][0]["exampleDialogues"] == bodies.SAMPLE["profile"]["exampleDialogues"]
    assert [m["content"] for m in document["messages"] if m["role"] == "user"] == ["Hello", "What do you do for a living?", "Where do you live?"]
    assert len(document["messages"]) == 6 and len(document["sessions"]) == 2
    assert {"account.register", "session.create", "profile.create", "account.export"} <= {e["action"] for e in document["auditEvents"]}
    for noun, items in document.items():
        for item in items if isinstance(items, list) else []:
            for name, value in item.items():
                assert re.fullmatch(r"[a-z][A-Za-z]*", name), (noun, name)
                assert not name.endswith("At") or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value), (noun, name, value)


def test_no_secret_is_in_the_export(lived, database):
    text = lived.client.get("/auth/me/export", expect=200).text
    assert "$2b$" not in text and lived.password not in text and lived.session["refreshToken"] not in text
    names = set(re.findall(r'"([A-Za-z]+)":', text))
    assert not [name for name in names if re.search(r"hash|secret|token(?!s)|fingerprint|tsv|pepper", name, re.I)], names
    for table in ("session", "one_time_token", "account"):
        for column in ("family_hash", "refresh_hash", "token_hash", "password_hash"):
            if database.rows("SELECT 1 FROM information_schema.columns WHERE table_name = %s AND column_name = %s", table, column):
                where = "id" if table == "account" else "account_id"
                assert not [value for value, in database.rows(f"SELECT {column} FROM {table} WHERE {where} = %s", lived.id) if value in text]


def test_nobody_else_is_in_the_export(lived, alice, mara):
    text = lived.client.get("/auth/me/export", expect=200).text
    assert alice.email not in text and alice.id not in text and mara["profileId"] not in text


def test_an_export_is_written_to_the_audit_trail(someone, database):
    someone.client.get("/auth/me/export", expect=200)
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'account.export' AND entity_id = %s AND created_by = %s", someone.id,
                          someone.id) == 1


def test_a_long_life_is_exported_whole(system, lived, database, people):
    fill(database, lived, lived.conversation, 20000)
    client = people.client(token=lived.client.token, timeout_s=120)
    status = f"/proc/{system.pid('digitalme-api')}/status"
    document = client.get("/auth/me/export", expect=200).json()
    assert len(document["messages"]) == 20006
    assert {m["content"].split()[2] for m in document["messages"] if m["content"].startswith("Message number")} == {str(n) for n in range(1, 20001)}
    assert open(status, encoding="ascii").read()
    database.rows("DELETE FROM message WHERE conversation_id = %s AND content LIKE 'Message number%%'", lived.conversation)


def test_an_export_shows_one_moment(lived, people, database):
    """While messages are written in pairs, no export has half of one."""
    stop = threading.Event()

    def write():
        connection = psycopg2.connect(database.connection.dsn)
        with connection.cursor() as cursor:
            while not stop.is_set():
                for noun in ("one", "two"):
                    cursor.execute("INSERT INTO message (id, conversation_id, role, content, created_by, updated_by) VALUES (gen_random_uuid(),"
                                   " %s, 'user', %s, %s, %s)", (lived.conversation, f"half {noun}", lived.id, lived.id))
                connection.commit()
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            said = [m["content"] for m in lived.client.get("/auth/me/export", expect=200).json()["messages"]]
            assert said.count("half one") == said.count("half two")
    finally:
        stop.set()
        writer.join()


def test_only_a_person_exports_himself(nobody):
    nobody.get("/auth/me/export", expect=401)


def test_head_of_an_export_has_no_body(lived):
    reply = lived.client.call("HEAD", "/auth/me/export", expect=200)
    assert reply.content == b"" and int(reply.headers["Content-Length"]) > 1000
    assert json.loads(lived.client.get("/auth/me/export").text)
