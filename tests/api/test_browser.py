"""The pages that mails link to, in a real browser, from the real mail: opened they do nothing, and their button does what the mail says."""
import base64
import hashlib
import subprocess

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from environment import PROXY, WORK
from system import wait_for
from test_reset import logs_in, wrong

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=480,900")


def spki(system):
    """The hash of the server's public key, by which the browser is told to trust this certificate and no other."""
    key = subprocess.run(["openssl", "x509", "-pubkey", "-noout", "-in", system.ca_file.parent / "server.pem"], check=True,
                         capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, check=True, capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


class Browser:
    def __init__(self, system, directory):
        options = webdriver.ChromeOptions()
        for flag in (*FLAGS, f"--user-data-dir={directory}", f"--ignore-certificate-errors-spki-list={spki(system)}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.system = system
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def open(self, url):
        self.driver.get("about:blank")  # else a new fragment alone would load nothing
        self.driver.get(url)

    def find(self, name):
        return self.driver.find_element(By.ID, name)

    def shows(self, name):
        return self.find(name).is_displayed()

    def text(self, name):
        return self.find(name).text

    def type(self, **fields):
        for name, value in fields.items():
            self.find(name).clear()
            self.find(name).send_keys(value)

    def press(self):
        self.find("go").click()
        wait_for(lambda: self.find("go").is_enabled() and not self.text("said").startswith("One moment"), "an answer on the page", 30)

    def complaints(self):
        """What the browser itself had to say, but for replies that are refusals."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "status of 422" not in entry["message"]]

    def keep(self, name):
        """A picture, for people."""
        directory = WORK / f"pictures-{PROXY}"
        directory.mkdir(exist_ok=True)
        self.driver.save_screenshot(str(directory / f"{name}.png"))


@pytest.fixture(scope="module")
def chromium(system, tmp_path_factory):
    browser = Browser(system, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(chromium):
    chromium.complaints()
    yield chromium
    assert not chromium.complaints()


def link(system, people, account, page, subject):
    return f"{system.url}/account/{page}#token={people.mailbox.token(account.email, subject=subject)}"


def state(database, account):
    return database.value("SELECT state FROM account WHERE email_key = %s", account.email)


def test_a_link_confirms_when_its_button_is_pressed(system, people, browser, database):
    account = people.registered()
    browser.open(link(system, people, account, "confirm-email", "Confirm"))
    browser.keep("confirm")
    assert browser.text("title") == "Confirm your e-mail address" and browser.text("go") == "Confirm the address"
    assert not browser.shows("email") and not browser.shows("password")
    assert "token" not in browser.driver.current_url
    assert state(database, account) == "unconfirmed"
    browser.press()
    browser.keep("confirmed")
    assert (browser.text("title"), browser.text("said")) == ("Address confirmed", "You can log in now.")
    assert not browser.shows("form") and browser.driver.switch_to.active_element.get_attribute("id") == "title"
    assert state(database, account) == "active"


def test_a_link_that_was_used_says_so_and_offers_what_helps(system, people, browser):
    account = people.registered()
    used = link(system, people, account, "confirm-email", "Confirm")
    browser.open(used)
    browser.press()
    browser.open(used)
    browser.press()
    browser.keep("used")
    assert "used already" in browser.text("said") and browser.shows("to-code") and browser.shows("to-mail")


def test_the_code_can_be_typed_instead(system, people, browser, database):
    account = people.registered()
    browser.open(f"{system.url}/account/confirm-email")
    browser.press()
    assert browser.text("error-email") == browser.text("error-code") == "Please fill this in."
    code = people.mailbox.code(account.email)
    browser.type(email=account.email, code=wrong(code))
    browser.press()
    browser.keep("wrong-code")
    assert "wrong" in browser.text("error-code") and browser.find("code").get_attribute("aria-invalid") == "true"
    browser.type(email=account.email, code=code)
    browser.press()
    assert browser.text("title") == "Address confirmed" and state(database, account) == "active"


def test_a_mail_can_be_asked_for_and_a_new_password_set(people, browser, database):
    account = people.logged_in()
    browser.open(f"{account.client.system.url}/account/reset-password")
    browser.find("to-mail").click()
    browser.type(email=account.email)
    browser.press()
    assert "on its way" in browser.text("said") and browser.shows("code")
    browser.open(link(account.client.system, people, account, "reset-password", "Choose a new password"))
    browser.type(password="aaaaaaaaaaaaaaaaaaaa", again="aaaaaaaaaaaaaaaaaaab")
    browser.press()
    assert browser.text("error-again") == "The two are not the same."
    browser.type(password="aaaaaaaaaaaaaaaaaaaa", again="aaaaaaaaaaaaaaaaaaaa")
    browser.press()
    browser.keep("too-weak")
    assert "too easy" in browser.text("error-password")
    assert database.value("SELECT count(*) FROM one_time_token WHERE account_id = %s", account.id) == 1
    new = people.password()
    browser.type(password=new, again=new)
    browser.press()
    assert browser.text("title") == "Password changed" and logs_in(account, new)


def test_a_new_address_is_confirmed(people, browser):
    account, address = people.logged_in(), people.address()
    account.client.post("/auth/change-email", {"newEmail": address, "password": account.password}, expect=202)
    old, account.email = account.email, address
    browser.open(link(account.client.system, people, account, "confirm-email-change", "Confirm your new"))
    browser.press()
    assert browser.text("title") == "Address changed"
    assert account.client.get("/auth/me", expect=200).json()["email"] == address != old
