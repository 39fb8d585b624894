"""The pages that mails link to: opening one does nothing, its button does, and a browser runs nothing else than the page's own."""
import base64
import hashlib
import re

import pytest

PAGES = ("/account/confirm-email", "/account/reset-password", "/account/confirm-email-change")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_html_with_a_policy_of_its_own(nobody, path):
    reply = nobody.site("GET", path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, expect=200)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Referrer-Policy"] == "no-referrer" and 'content="noindex' in reply.text
    assert len(reply.headers.get_list("Content-Security-Policy")) == 1
    assert "DigitalMe" in reply.text and "{site_name}" not in reply.text


@pytest.mark.parametrize("name", ["script", "style"])
def test_the_policy_names_exactly_what_the_page_holds(nobody, name):
    reply = nobody.site("GET", PAGES[0], expect=200)
    content = re.search(f"<{name}>(.*?)</{name}>", reply.text, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{name}-src 'sha256-{digest}'" in reply.headers["Content-Security-Policy"]
    assert not re.search(r"""\son\w+=|\sstyle=|\ssrc=|javascript:|https?://""", reply.text.replace(content, ""))


def test_no_other_answer_has_a_policy_that_runs_anything(nobody):
    for path in ("/account", "/account/", "/account/confirm-email/", "/account/nothing", "/health"):
        assert "script-src" not in nobody.site("GET", path).headers["Content-Security-Policy"]


def test_opening_a_link_a_thousand_times_changes_nothing(people, nobody, database):
    account = people.registered()
    token = people.mailbox.token(account.email)
    row = "SELECT (SELECT t FROM one_time_token t WHERE account_id = a.id)::text, a.state FROM account a WHERE email_key = %s"
    before = database.rows(row, account.email)
    for method in ("GET", "HEAD"):
        for path in PAGES:
            for _ in range(167):
                nobody.site(method, path, expect=200)
    for path in PAGES:
        nobody.site("POST", path, {"token": token}, expect=405)
        nobody.site("GET", f"{path}?token={token}", expect=422)
    assert database.rows(row, account.email) == before
    nobody.post("/auth/confirm-email", {"token": token}, expect=204)
