"""SIGHUP: a running program reads its configuration again. What is reloadable takes effect and no request is lost; a mistake changes nothing."""
import contextlib
import json
import os
import re
import signal
import threading

import pytest

from people import People
from system import fcgi_request, wait_for

pytestmark = pytest.mark.own_system


@pytest.fixture(scope="module")
def live(own_system):
    return own_system(settings={"limits.anonymous": "1000/3600"})


@pytest.fixture(scope="module")
def crowd(live, contract):
    people = People(live, contract)
    yield people
    people.close()


class Log:
    """What a program has written since this was made."""

    def __init__(self, system, part="digitalme-api"):
        self.path = system.log_dir / f"{part}.log"
        self.start = self.path.stat().st_size

    def lines(self, body):
        with open(self.path, "rb") as f:
            f.seek(self.start)
            lines = [json.loads(line) for line in f.read().splitlines() if line.startswith(b"{") and line.endswith(b"}")]
        return [line for line in lines if line["body"] == body]

    def wait(self, body):
        return wait_for(lambda: self.lines(body), f"the log to say “{body}”", 20)[-1]


def reload(system, settings, part="digitalme-api"):
    log = Log(system, part)
    system.reload(part, settings)
    return log.wait("configuration taken over")["attributes"]["config.changed"], log


def limit(system, address="192.0.2.1"):
    return fcgi_request(system.door("api"), uri="/api/versions", params={"REMOTE_ADDR": address})[1].get("RateLimit-Policy")


def test_a_limit_is_taken_over_while_the_program_runs(live):
    pid = live.pid("digitalme-api")
    assert limit(live) == '"hour";q=1000;w=3600'
    changed, _ = reload(live, {"limits.anonymous": "77/60"})
    assert changed == "limits.anonymous"
    assert limit(live) == '"minute";q=77;w=60' and live.pid("digitalme-api") == pid


def test_limits_can_be_turned_to_a_shadow_and_back(live):
    reload(live, {"limits.anonymous": "1/3600", "limits.mode": "shadow"})

    def ask():
        return fcgi_request(live.door("api"), uri="/api/versions", params={"REMOTE_ADDR": "192.0.2.2"})[0]
    assert [ask() for _ in range(3)] == [200] * 3
    reload(live, {"limits.mode": "enforce"})
    assert [ask() for _ in range(3)] == [200, 429, 429]
    reload(live, {"limits.anonymous": "1000/3600"})


def test_the_log_level_is_taken_over(live):
    changed, log = reload(live, {"log.level": "warn"})
    assert changed == "log.level"
    limit(live)
    assert not log.lines("request")
    reload(live, {"log.level": "info"})
    limit(live)
    assert log.wait("request")


def test_what_is_not_reloadable_is_named_and_waits_for_a_restart(live):
    door = live.door("api")
    live.settings["server.api_socket"] = str(live.run_dir / "elsewhere.sock")
    changed, log = reload(live, {"database.wait_ms": "1999", "limits.user": "61/60"})
    assert changed == "limits.user"
    assert log.wait("configuration needs a restart")["attributes"]["config.changed"] == "server.api_socket database.wait_ms"
    assert fcgi_request(door, uri="/health/live")[0] == 200 and not (live.run_dir / "elsewhere.sock").exists()
    del live.settings["server.api_socket"], live.settings["database.wait_ms"]
    _, log = reload(live, {})
    assert not log.lines("configuration needs a restart")


def test_a_secret_that_changed_is_named_and_not_shown(live):
    secret = "another-pepper-of-at-least-32-characters"
    live.settings["password.pepper"] = secret
    _, log = reload(live, {})
    assert log.wait("configuration needs a restart")["attributes"]["config.changed"] == "password.pepper"
    assert secret not in log.path.read_text()
    del live.settings["password.pepper"]
    reload(live, {})


@pytest.mark.parametrize("key,value", [("limits.anonymous", "lots"), ("nonsense.key", "1"), ("server.api_threads", "0")])
def test_a_mistake_keeps_the_old_configuration_and_says_where_it_is(live, crowd, key, value):
    before, log = limit(live), Log(live)
    kept = live.settings.get(key)
    live.reload("digitalme-api", {key: value})
    said = log.wait("configuration not taken over: the old one stays")
    section, leaf = key.split(".")
    number = live.config_file.read_text().splitlines().index(f"{leaf} = {value}") + 1
    assert said["severity"] == "ERROR" and said["attributes"]["error.message"].startswith(f"{live.config_file}:{number}: ")
    assert key in said["attributes"]["error.message"]
    assert limit(live) == before
    crowd.client().site("GET", "/api/versions", expect=200)
    del live.settings[key]
    reload(live, {key: kept} if kept else {})


def test_the_worker_takes_over_too(live, crowd):
    address = crowd.address()
    changed, _ = reload(live, {"mail.from": "new-sender@localhost.example"}, "digitalme-worker")
    assert "mail.from" in changed.split()
    crowd.client().post("/auth/register", {"email": address, "password": crowd.password(), "firstName": "Per", "lastName": "Son"}, expect=202)
    assert "new-sender@localhost.example" in crowd.mailbox.wait(address)["From"]


def test_no_request_is_lost_while_it_is_read_again_and_again(live):
    over = threading.Event()
    statuses = []

    def ask(n):
        while not over.is_set():
            statuses.append(fcgi_request(live.door("api"), uri="/api/versions", params={"REMOTE_ADDR": f"192.0.2.{n}"}, timeout_s=30)[0])
    callers = [threading.Thread(target=ask, args=(n,)) for n in range(10, 18)]
    for caller in callers:
        caller.start()
    try:
        for n in range(40):
            changed, _ = reload(live, {"limits.anonymous": f"{100_000 + n}/60"})
            assert "limits.anonymous" in changed.split()
    finally:
        over.set()
        for caller in callers:
            caller.join()
    assert len(statuses) > 40 and set(statuses) == {200}


def test_a_reload_in_the_drain_is_no_second_signal(own_system):
    """Requests in hand are answered, also when somebody reloads a program that is about to end."""
    system = own_system()
    log, pid = Log(system), system.pid("digitalme-api")
    os.kill(pid, signal.SIGTERM)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGHUP)
    wait_for(lambda: not system.running("digitalme-api"), "digitalme-api to end", 40)
    assert log.wait("stopped") and not log.lines("second signal")
    system.start("digitalme-api")


def test_the_configurations_tool_says_what_is_reloadable(live, ctl):
    printed = ctl("config", "print", config=live.config_file).stdout
    assert re.search(r"^anonymous = .*  # .*; reloadable$", printed, re.M)
    assert re.search(r"^api_threads = .*  # default$", printed, re.M)
    sample = ctl("config", "sample").stdout
    assert re.search(r"^# .*Taken over at a reload\.\n#anonymous = ", sample, re.M)
