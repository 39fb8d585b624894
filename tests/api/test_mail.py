"""Mails as they arrive: the same in plain text and in HTML, in the site's own name, and nothing in them that a stranger typed."""
import html
import re
import shutil
from html.parser import HTMLParser

import pytest

from system import ROOT, wait_for
from test_auth import registration

# Subject, how it comes about, and whether it has link and code.
KINDS = {
    "Confirm your e-mail address": "confirm-email",
    "Choose a new password": "reset-password",
    "Confirm your new e-mail address": "confirm-email-change",
    "You already have an account": None,
    "Your password was changed": None,
    "A new e-mail address was asked for": None,
}


class Page(HTMLParser):
    """What a mail's HTML says and links to; it must close what it opens."""
    VOID = {"meta", "br", "hr", "img", "link", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.words, self.remote = [], [], "", []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        attrs = dict(attrs)
        self.links += [attrs["href"]] if tag == "a" else []
        self.remote += [value for name, value in attrs.items() if name in ("src", "background", "srcset")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and "title" not in self.open:
            self.words += data


@pytest.fixture(scope="module")
def mails(people, nobody):
    """One mail of each kind: {subject: (text, page)}."""
    account, address = people.logged_in(), people.address()
    nobody.post("/auth/register", registration(people, account.email), expect=202)
    nobody.post("/auth/forgot-password", {"email": account.email}, expect=202)
    people.mailbox.wait(account.email, subject="Choose a new password")
    account.client.post("/auth/change-email", {"newEmail": address, "password": account.password}, expect=202)
    account.client.post("/auth/change-password", {"currentPassword": account.password, "newPassword": people.password()}, expect=204)
    found = {}
    for subject in KINDS:
        mail = people.mailbox.wait(address if subject == "Confirm your new e-mail address" else account.email, subject=subject)
        text, page = (mail.get_body((form,)).get_content().replace("\r\n", "\n") for form in ("plain", "html"))
        found[subject] = text, Page(page)
    return found


@pytest.mark.parametrize("subject", KINDS)
def test_both_forms_say_the_same(mails, subject):
    text, page = mails[subject]
    words = re.sub(r"\s+", " ", page.words)
    assert not re.search(r"\{[a-z_]+\}", text + page.words)
    for line in re.findall(r"^    (?:\w+: +)?(\S.*)$", text, re.M):  # what is set off: codes, times, addresses
        assert line in words, f"{line!r} is not in {words!r}"
    assert not page.remote and all(url.startswith("https://127.0.0.1:") for url in page.links)


@pytest.mark.parametrize("subject, page", [(subject, page) for subject, page in KINDS.items() if page])
def test_link_and_code_are_in_both(mails, subject, page):
    text, html_page = mails[subject]
    url = re.search(rf"^https://\S+/account/{page}#token=[\w-]{{43}}$", text, re.M).group()
    code = re.search(r"^    (\d{4} \d{4})$", text, re.M).group(1)
    assert html_page.links == [url] and code in html_page.words
    assert "valid for 24 hours" in text if page == "confirm-email" else "valid for 30 minutes" in text


def test_a_mail_to_an_unconfirmed_address_repeats_nothing_that_was_typed(people, nobody):
    body = registration(people, firstName="Visit evil.example", lastName="right-now!")
    nobody.post("/auth/register", body, headers={"User-Agent": "evil-agent.example/1"}, expect=202)
    mail = people.mailbox.wait(body["email"])
    for part in mail.iter_parts():
        assert "evil" not in part.get_content() and "right-now" not in part.get_content()
        assert "127.0.0.1" in part.get_content(), "where the registration came from"


def test_a_name_is_only_a_name(people, nobody):
    account = people.logged_in()
    account.client.patch("/auth/me", {"firstName": "{token} &\"'"}, expect=200)
    nobody.post("/auth/forgot-password", {"email": account.email}, expect=202)
    mail = people.mailbox.wait(account.email, subject="Choose a new password")
    text, page = (mail.get_body((form,)).get_content() for form in ("plain", "html"))
    assert "Hello {token} &\"'," in text
    assert "Hello " + html.escape("{token} &\"'").replace("&#x27;", "&#39;") + "," in page


@pytest.mark.own_system
def test_texts_are_read_at_the_start_and_a_broken_one_stops_it(own_system, tmp_path):
    shutil.copytree(ROOT / "share", tmp_path / "share")
    system = own_system(settings={"server.data_dir": str(tmp_path / "share"), "server.site_name": "Self & Co"})
    log = system.log_dir / "digitalme-worker.log"
    text = tmp_path / "share" / "mail" / "confirm.txt"
    whole = text.read_text()
    system.stop("digitalme-worker")
    for broken, said in ((whole.replace("{code}", "{kode}"), "confirm.txt:15: unknown placeholder {kode}"),
                         (whole.replace("Subject: ", ""), "confirm.txt:1: the first line is not"),
                         (None, "confirm.txt: No such file")):
        text.unlink() if broken is None else text.write_text(broken)
        before = log.stat().st_size
        try:
            system.start("digitalme-worker")
        except Exception:  # noqa: BLE001  # it ends at once, as it should
            pass
        wait_for(lambda: not system.running("digitalme-worker"), "the worker to refuse", 20)
        assert said in log.read_text()[before:]
    text.write_text(whole)
    system.start("digitalme-worker")


def test_registrations_nobody_confirmed_are_thrown_out(people, database, system):
    """The worker looks when it starts."""
    old, new = people.registered(), people.registered()
    people.mailbox.wait(old.email)
    database.rows("UPDATE account SET updated_at = now() - interval '8 days' WHERE email_key = %s", old.email)
    database.rows("UPDATE one_time_token SET expires_at = now() WHERE email_key = %s", old.email)
    system.restart("digitalme-worker")
    count = "SELECT count(*) FROM account WHERE email_key = %s"
    wait_for(lambda: database.value(count, old.email) == 0, "the old registration to go", 20)
    assert database.value(count, new.email) == 1
    assert database.value("SELECT count(*) FROM audit_event WHERE action = 'account.sweep'") >= 1
