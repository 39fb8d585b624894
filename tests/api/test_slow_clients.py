"""Clients that are slow on purpose, and crowds that only hold a connection: whoever else comes is served meanwhile, soon and without an error."""
import contextlib
import json
import os
import resource
import secrets
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import bodies
from client import BASE, tls_socket
from people import People
from system import wait_for

pytestmark = pytest.mark.own_system
LONG = bool(os.environ.get("DM_TEST_LONG"))
HOLD_S = 60 if LONG else 6        # how long each attack is kept up while others are measured
IDLE = 10_000
HANDSHAKES = 10_000 if LONG else 1_000   # of those, how many have spoken TLS and been answered
OTHERS = 4
AT_ONCE_S = 0.5                   # an answer that nobody else held up
API_THREADS = 16
SLOW = 500                        # connections of slowhttptest


@pytest.fixture(scope="module")
def besieged(own_system):
    return own_system()


@pytest.fixture(scope="module")
def crowd(besieged, contract):
    people = People(besieged, contract)
    yield people
    people.close()


@pytest.fixture(scope="module")
def owner(crowd):
    return crowd.logged_in()


@pytest.fixture(scope="module")
def profile_id(owner):
    return owner.client.post("/personality", bodies.profile(), expect=201).json()["id"]


class Other(threading.Thread):
    """An honest client: every other call on a connection of its own, one call in four writes."""

    def __init__(self, crowd, owner, profile_id):
        super().__init__()
        self.crowd, self.token, self.profile_id = crowd, owner.client.token, profile_id
        self.took, self.trouble = [], None
        self.ending = threading.Event()

    def run(self):
        try:
            kept = self.crowd.client(token=self.token, timeout_s=10)
            while not self.ending.is_set():
                for fresh in (False, True):
                    client = self.crowd.client(token=self.token, timeout_s=10) if fresh else kept
                    for call in (self.read, self.read, self.write, self.look):
                        start = time.monotonic()
                        call(client)
                        self.took.append(time.monotonic() - start)
                    if fresh:
                        client.close()
        except BaseException as e:  # noqa: B036 - told by the test's own thread
            self.trouble = e

    def read(self, client):
        client.get("/auth/me", expect=200)

    def write(self, client):
        client.post(f"/personality/{self.profile_id}/memories", bodies.memory(), expect=201)

    def look(self, client):
        client.site("GET", "/health/ready", expect=200)


@pytest.fixture
def others(crowd, owner, profile_id, record_property):
    """others(what) lets the honest call for HOLD_S: each call must be answered, within the client's own patience. How soon, is told."""
    def serve(what, seconds=HOLD_S):
        threads = [Other(crowd, owner, profile_id) for _ in range(OTHERS)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)  # the time is what is measured in
        for thread in threads:
            thread.ending.set()
        for thread in threads:
            thread.join(60)
        assert not [thread.trouble for thread in threads if thread.trouble or thread.is_alive()], [t.trouble for t in threads]
        took = sorted(took for thread in threads for took in thread.took)
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        record_property("figure", f"{what}: {len(took)} calls of others, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms,"
                                  f" slowest {took[-1] * 1000:.0f} ms")
    return serve


# Crowds.

@pytest.fixture
def many_files():
    """As many open files as the crowd needs, for the while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = IDLE + 2000
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, need), max(hard, need)))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, need)))


def silent(system):
    """A connection that never says a word."""
    return socket.create_connection(("127.0.0.1", system.port), 30)


def spoken_to(system):
    """A connection that was answered once and is kept."""
    stream = tls_socket(system, 30)
    stream.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert stream.recv(65536).startswith(b"HTTP/1.1 200")
    return stream


def still_open(stream):
    """Has the proxy neither closed it nor said anything more?"""
    stream.setblocking(False)
    try:
        stream.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        pass
    return False


def test_ten_thousand_idle_connections_keep_nobody_waiting(besieged, others, many_files, record_property):
    start = time.monotonic()
    with ThreadPoolExecutor(16) as pool, contextlib.ExitStack() as held:
        streams = []
        for stream in pool.map(lambda i: (spoken_to if i < HANDSHAKES else silent)(besieged), range(IDLE)):
            streams.append(held.enter_context(stream))
        took = time.monotonic() - start
        others(f"beside {IDLE} idle connections")
        assert sum(map(still_open, streams)) == IDLE
    record_property("figure", f"{IDLE} connections, {HANDSHAKES} of them spoken to, opened in {took:.1f} s")


# Those who are slow on purpose.

def test_half_bodies_keep_nobody_waiting_and_do_nothing(besieged, owner, others):
    """Each is ended by the proxy in its time."""
    name = "Half " + secrets.token_hex(4)
    body = json.dumps(bodies.profile(name=name)).encode()
    head = (f"POST {BASE}/personality HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {owner.client.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    with contextlib.ExitStack() as held:
        streams = [held.enter_context(tls_socket(besieged)) for _ in range(300)]
        for stream in streams:
            stream.sendall(head + body[:len(body) // 2])
        others("beside 300 half bodies")
        wait_for(lambda: not any(map(still_open, streams)), "the proxy to end them", 30)
    assert besieged.sql(f"SELECT count(*) FROM profile WHERE name = '{name}'") == [["0"]]


def test_slow_readers_of_big_replies_hold_no_thread(besieged, owner, others):
    """Twice as many of them as there are threads for short calls."""
    profile = owner.client.post("/personality", bodies.profile(), expect=201).json()["id"]
    for _ in range(100):
        owner.client.post(f"/personality/{profile}/memories", bodies.memory(text="\U0001F600" * 4000), expect=201)
    request = (f"GET {BASE}/personality/{profile}/memories?limit=100 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
               f"Authorization: Bearer {owner.client.token}\r\n\r\n").encode()
    with contextlib.ExitStack() as held:
        streams = []
        for _ in range(2 * API_THREADS):
            plain = held.enter_context(socket.socket())
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.settimeout(15)
            plain.connect(("127.0.0.1", besieged.port))
            streams.append(held.enter_context(besieged.ssl_context().wrap_socket(plain, server_hostname="127.0.0.1")))
        for stream in streams:
            stream.sendall(request)
        for stream in streams:
            assert stream.recv(15) == b"HTTP/1.1 200 OK"
        others(f"beside {len(streams)} slow readers of 1.6 MB each")


def test_slow_readers_and_writers_by_the_hundred(besieged, owner, others, tmp_path, record_property):
    """slowhttptest's three ways: headers (slowloris), bodies, and replies taken up byte by byte; all at once."""
    url = besieged.url
    ways = {
        "slow headers": ["-H", "-i", "2", "-u", f"{url}/api/versions"],
        "slow bodies": ["-B", "-i", "2", "-s", "65536", "-t", "POST", "-f", "application/json", "-u", f"{url}{BASE}/auth/refresh"],
        "slow reads": ["-X", "-n", "2", "-w", "256", "-y", "512", "-u", f"{url}{BASE}/openapi.json"],
    }
    with contextlib.ExitStack() as running:
        attackers = []
        for way in ways.values():
            attacker = subprocess.Popen(["slowhttptest", "-c", str(SLOW), "-r", str(SLOW), "-l", str(2 * HOLD_S + 30), "-v", "0", *way],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
            running.callback(attacker.wait)
            running.callback(attacker.terminate)
            attackers.append(attacker)
        most = dict.fromkeys(ways, 0)  # each has stood there at once: who stops when the proxy has ended all of his, has lost

        def all_came():
            for way, attacker in zip(ways, attackers):
                most[way] = max(most[way], sockets_of(attacker.pid))
            return min(most.values()) >= SLOW / 2
        wait_for(all_came, "the attackers", 60)
        # Their arrival is a burst of work as anybody's would be; it is over when a call is answered at once.
        wait_for(lambda: seconds_of(lambda: owner.client.get("/auth/me", expect=200)) < AT_ONCE_S, "the end of their arrival", 60)
        others(f"beside {SLOW} each of {', '.join(ways)}")
        left = zip(ways, map(sockets_of, (attacker.pid for attacker in attackers)))
        record_property("figure", "of them the proxy had not ended yet: " + ", ".join(f"{n} {way}" for way, n in left))


def seconds_of(call):
    start = time.monotonic()
    call()
    return time.monotonic() - start


def sockets_of(pid):
    """How many connections a process has open; none when it has ended."""
    with contextlib.suppress(FileNotFoundError):
        return sum(os.readlink(fd).startswith("socket:") for fd in Path(f"/proc/{pid}/fd").iterdir())
    return 0
