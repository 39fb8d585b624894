"""What has ended is dead in the same instant at every process, also when Redis does not hear of it."""
import contextlib
import os
import signal

import pytest

from beside import Beside
from client import BASE
from database import Database
from people import SECRETS, People
from system import wait_for

pytestmark = pytest.mark.own_system


@pytest.fixture(scope="module")
def site(own_system):
    return own_system()


@pytest.fixture(scope="module")
def crowd(site, contract):
    people = People(site, contract)
    yield people
    people.close()


@pytest.fixture(scope="module")
def second(site):
    with Beside(site, "second") as process:
        yield process


@pytest.fixture(scope="module")
def apart(site):
    """A process that cannot reach Redis."""
    with Beside(site, "apart", env={"DIGITALME_REDIS_ADDRESS": f"unix:{site.run_dir}/no-redis.sock"}) as process:
        yield process


@pytest.fixture(scope="module")
def behind(site):
    with Database(site) as database:
        yield database


@pytest.fixture
def account(crowd):
    return crowd.logged_in()


@contextlib.contextmanager
def frozen(site, part):
    pid = site.pid(part)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def end_by_log_out(client, account):
    client("POST", "/auth/logout")


def end_by_logging_out_everywhere(client, account):
    client("POST", "/auth/logout-all")


ENDS = {"log-out": end_by_log_out, "log-out everywhere": end_by_logging_out_everywhere}


@pytest.fixture(params=ENDS.values(), ids=ENDS)
def end(request):
    return request.param


def through_the_proxy(account):
    return lambda method, path: account.client.call(method, path, expect=204)


def through(process, account):
    def call(method, path):
        status, _ = process.ask(BASE + path, account.session["accessToken"], method)
        assert status == 204
    return call


def test_the_other_process_refuses_at_once(account, second, end):
    token = account.session["accessToken"]
    assert second.me(token) == 200
    account.client.get("/auth/me", expect=200)
    end(through_the_proxy(account), account)
    assert second.me(token) == 401
    account.client.get("/auth/me", expect=401)


def test_the_process_that_did_not_end_it_refuses_a_session_ended_from_another(crowd, account, second):
    first = account.session
    account.log_in()
    assert second.me(first["accessToken"]) == 200
    account.client.delete("/auth/sessions", expect=204)
    assert second.me(first["accessToken"]) == 401
    assert second.me(account.session["accessToken"]) == 200


def test_what_a_process_without_redis_ends_is_dead_for_those_that_have_it(account, second, apart, end):
    """Redis goes on saying “alive”: it was told so a moment ago, and the one who ended the session cannot reach it."""
    token = account.session["accessToken"]
    assert second.me(token) == account.client.get("/auth/me").status_code == apart.me(token) == 200
    end(through(apart, account), account)
    assert apart.me(token) == 401
    wait_for(lambda: second.me(token) == 401 and account.client.get("/auth/me").status_code == 401, "both to have heard", 1)
    assert [second.me(token) for _ in range(20)] == [401] * 20


def test_an_api_key_that_a_process_without_redis_changes_is_read_anew_by_those_that_have_it(account, second, apart):
    made = account.client.post("/api-keys", {"name": "Changed apart", "scopes": ["personality:read"]}, expect=201).json()
    key, token = made["key"], account.session["accessToken"]
    SECRETS.add(key)

    def status(path):
        return {process.ask(BASE + path, key)[0] for process in (second, apart)}
    assert status("/personality") == {200} and status("/conversations") == {403}
    assert apart.ask(BASE + f"/api-keys/{made['id']}", token, "PATCH", {"scopes": ["conversation:read"]})[0] == 200
    wait_for(lambda: status("/personality") == {403} and status("/conversations") == {200}, "the other to have heard", 1)
    assert apart.ask(BASE + f"/api-keys/{made['id']}", token, "DELETE")[0] == 204
    wait_for(lambda: status("/conversations") == {401}, "the other to have heard", 1)
    assert [second.ask(BASE + "/conversations", key)[0] for _ in range(20)] == [401] * 20


def test_what_ended_while_redis_stood_still_is_dead_when_it_comes_back(site, account, second, end):
    token = account.session["accessToken"]
    assert second.me(token) == account.client.get("/auth/me").status_code == 200
    with frozen(site, "redis"):
        # Until the breakers are open: nothing is sent that Redis would find when it wakes.
        for _ in range(4):
            assert second.me(token) == account.client.get("/auth/me").status_code == 200
        end(through_the_proxy(account), account)
        assert second.me(token) == account.client.get("/auth/me").status_code == 401
    assert second.me(token) == account.client.get("/auth/me").status_code == 401
    wait_for(lambda: account.client.site("GET", "/health").json()["status"] == "pass", "Redis to be used again", 20)
    assert second.me(token) == account.client.get("/auth/me").status_code == 401


def test_what_ended_while_redis_was_down_stays_dead(site, crowd, account, second):
    token = account.session["accessToken"]
    assert second.me(token) == 200
    site.stop("redis")
    try:
        account.client.post("/auth/logout", expect=204)
        assert second.me(token) == 401
    finally:
        site.start("redis")
    assert second.me(token) == 401
    wait_for(lambda: crowd.client().site("GET", "/health").json()["status"] == "pass", "Redis to be used again", 20)
    account.client.get("/auth/me", expect=401)


def test_a_process_that_does_not_hear_the_database_asks_it(account, second, apart, behind):
    """Its listening connection is cut again and again: what ends meanwhile cannot be told to it."""
    token = account.session["accessToken"]
    assert second.me(token) == account.client.get("/auth/me").status_code == 200
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'digitalme-api listener'"
    assert len(behind.rows(cut)) == 3
    assert apart.ask(BASE + "/auth/logout", token, "POST")[0] == 204
    behind.rows(cut)
    wait_for(lambda: second.me(token) == 401 and account.client.get("/auth/me").status_code == 401, "both to have looked", 1)
    wait_for(lambda: behind.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'digitalme-api listener'") == 3,
             "all to listen again", 20)
    assert second.me(token) == 401


def test_a_live_session_goes_through_all_that(site, account, second, apart):
    token = account.session["accessToken"]
    with frozen(site, "redis"):
        assert [second.me(token) for _ in range(4)] == [200] * 4
    assert [process.me(token) for process in (second, apart) * 5] == [200] * 10
