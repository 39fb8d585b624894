"""Measure the API against a bare FastCGI responder that does the same work, and the flows of accounts, behind the same nginx.

usage: scripts/bench [--seconds N] [--rounds N] [--connections N,N,…] [--only PART[,PART…]]

Figures on a shared machine are noisy: read the ratios, which compare neighbours in time, and look at the load that is printed.

  read     GET /api/v1/personality/{id} with a bearer token against tests/bench/bare_responder
  reply    a message to a self with 2,000 memories
  start    from exec to ready
  signals  the look for attack signals in a body, in processor time
  token    the check of an access token, in processor time
  gate     what the limits and the session's state cost a request, and what a refusal costs
  login    one log-in alone, at the cost that `digitalmectl password calibrate` finds
  storm    200 log-ins at a time while others read
  refresh  64 connections that refresh their tokens
  million  login, storm and refresh in a database of 1,000,000 accounts and 3,000,000 sessions, beside the same in a small one; only
           when it is asked for
  audit    an audit trail of 1,000,000 events: sealed, checked, read with each filter; only when it is asked for
"""
import argparse
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import demo  # noqa: E402
from bench_accounts import ACCOUNT_PARTS, Bench  # noqa: E402
from bench_audit import bench_audit  # noqa: E402
from bench_gate import bench_gate  # noqa: E402
from bench_tools import family, load, median, resident_mb  # noqa: E402
from system import System, Trouble, free_port, run, wait_for  # noqa: E402

HMAC_KEY = "bare-responder-key-of-at-least-32-bytes"
BARE_THREADS = 16
MEMORIES = 2000
PARTS = ["audit", "gate", "read", "reply", "signals", "start", "token", *ACCOUNT_PARTS]
# The limiter runs, with limits so wide that no load here reaches them.
WIDE_LIMITS = {name: "100000000/60 100000000/3600 100000000/86400" for name in
               [f"limits.{c}" for c in ("anonymous", "user", "admin", "superadmin", "auth", "refresh", "model", "export")]}
SETTINGS = {**WIDE_LIMITS, "token.access_s": "3600"}
# As large as what the bare responder prints of it, so that no side carries more bytes than the other.
SMALL_PROFILE = {"name": "Ada Bench", "description": "Measures twice. " * 20, "coreValues": ["Honesty", "Patience", "Order"]}


def bare_token():
    """A token as the bare responder checks it: HS256, and nothing but the signature counts."""
    def text(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    signed = text(b'{"alg":"HS256","typ":"JWT"}') + "." + text(b'{"sub":"bench","exp":4102444800}')
    return signed + "." + text(hmac.digest(HMAC_KEY.encode(), signed.encode(), hashlib.sha256))


def add_bare_site(system, socket, port):
    """A second server in the same nginx, in front of the bare responder."""
    conf = system.dir / "conf" / "nginx.conf"
    site = (f"    server {{\n        listen 127.0.0.1:{port} ssl http2;\n        ssl_certificate {system.dir}/ca/server.pem;\n"
            f"        ssl_certificate_key {system.dir}/ca/server.key;\n        include {system.dir}/conf/digitalme-headers.conf;\n"
            f"        include {system.dir}/conf/digitalme-fastcgi.conf;\n"
            f"        location / {{ fastcgi_pass unix:{socket}; }}\n    }}\n")
    text = conf.read_text()
    head, brace, _ = text.rpartition("}")
    conf.write_text(head + site + brace + "\n")


def make_self(system):
    """A logged-in client and the sample self's id."""
    client = demo.Client(system)
    me = {"email": demo.EMAIL, "password": secrets.token_urlsafe(12)}
    demo.account(client, me, lambda: None)
    return client, demo.digital_self(client, me, lambda: None)["id"]


def bench_read(system, bare, bare_url, client, profile_id, options):
    """Ours and the bare one in turn, at each number of connections."""
    targets = {
        "ours": (f"{system.url}/api/v1/personality/{profile_id}", client.token, system.pid("digitalme-api")),
        "bare": (f"{bare_url}/{profile_id}", bare_token(), bare.pid),
    }

    def processes(app):
        return lambda: {"app": [app], "nginx": family(system.pid("nginx")), "postgres": family(system.pid("postgres")),
                        "redis": [system.pid("redis")]}

    for url, token, app in targets.values():
        load(url, token, 32, 2, processes(app))
    print(f"\nread: GET /api/v1/personality/{{id}}; {options.rounds} rounds of {options.seconds} s each, medians\n")
    print(f"{'connections':>11} {'':>5} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'not 2xx':>8} {'ratio':>6}  "
          "CPU ms a 1,000 requests")
    for connections in options.connections:
        rows = {name: [] for name in targets}
        for _ in range(options.rounds):
            for name, (url, token, app) in targets.items():
                rows[name].append(load(url, token, connections, options.seconds, processes(app)))
        ratio = statistics.median(a["rate"] / b["rate"] for a, b in zip(rows["ours"], rows["bare"]))
        for name, runs in rows.items():
            cpu = {part: statistics.median(r["cpu"][part] for r in runs) for part in runs[0]["cpu"]}
            print(f"{connections:>11} {name:>5} {median(runs, 'rate'):>8.0f} {median(runs, 'p50'):>8.2f} {median(runs, 'p99'):>8.2f} "
                  f"{sum(r['bad'] for r in runs):>8} {f'{ratio:.2f}' if name == 'ours' else '':>6}  {sum(cpu.values()):.0f} = "
                  + " + ".join(f"{part} {ms:.0f}" for part, ms in cpu.items()), flush=True)
    print(f"\nresident memory after the run: ours {resident_mb(system.pid('digitalme-api')):.1f} MB, bare {resident_mb(bare.pid):.1f} MB")


def bench_reply(system, client, profile_id):
    """Messages to a self with 2,000 memories, one after the other; the time the client sees."""
    owner = system.sql(f"SELECT owner_id FROM profile WHERE id = '{profile_id}'")[0][0]
    system.sql(
        "INSERT INTO memory (id, profile_id, kind, text, importance, language, created_by, updated_by)"
        " SELECT gen_random_uuid(), p.id, 'fact', format('In %s I repaired %s %s near the %s harbour with %s.', 1950 + i % 70,"
        " (ARRAY['a boat','two clocks','the bicycle','an organ','the old radio'])[1 + i % 5],"
        " (ARRAY['slowly','with my brother','for Ines','in the rain','before dawn'])[1 + i / 7 % 5],"
        " (ARRAY['northern','eastern','small','frozen','empty'])[1 + i / 31 % 5],"
        " (ARRAY['glue','patience','copper wire','birch oil','a borrowed lathe'])[1 + i / 101 % 5]), 0.5, p.language,"
        f" '{owner}', '{owner}' FROM generate_series(1, {MEMORIES}) AS i, profile p WHERE p.id = '{profile_id}'")
    system.sql("ANALYZE")
    _, conversation = client.ask("POST", "/api/v1/conversations", {"profileId": profile_id})
    questions = ["What did you repair near the frozen harbour?", "Tell me about the organ", "Who is Ines?", "do you like copper wire",
                 "What is the capital of Peru?", "how are you today?", "Where do you live?", "wat did yuo reapir in 1987"]
    times = []
    connection = http.client.HTTPSConnection("127.0.0.1", system.port, context=system.ssl_context())
    for i in range(400):
        body = json.dumps({"content": f"{questions[i % len(questions)]} ({i})"})
        start = time.monotonic()
        connection.request("POST", f"/api/v1/conversations/{conversation['id']}/messages", body,
                       {"Content-Type": "application/json", "Authorization": f"Bearer {client.token}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 201:
            raise Trouble(f"a message was answered with {answer.status}")
        times.append((time.monotonic() - start) * 1000)
    times.sort()
    print(f"\nreply: {len(times)} messages to a self with {MEMORIES} memories, built-in responder, through the proxy: "
          f"p50 {times[len(times) // 2]:.1f} ms, p99 {times[int(len(times) * 0.99)]:.1f} ms")


def bench_start(system):
    """From exec to the first request answered at the door."""
    times = []
    for _ in range(5):
        system.stop("digitalme-api")
        start = time.monotonic()
        system.start("digitalme-api")
        times.append((time.monotonic() - start) * 1000)
    print(f"\nstart to ready (the first request answered, database and Redis asked): median {statistics.median(times):.0f} ms, "
          f"worst {max(times):.0f} ms; resident then {resident_mb(system.pid('digitalme-api')):.1f} MB")


def whole_numbers(text):
    return [int(word) for word in text.split(",")]


def bench_token(options):
    """The check of a token the process has not seen, and of one it has."""
    print("\ntoken: the check of an access token in processor time, medians of 2,000 tokens\n")
    for line in run([options.build / "tests/bench/token_check"]).splitlines():
        name, _, cold, _, warm, _, size = line.split()
        print(f"{name:>6}: not seen before {cold} µs (aim: under 100), from the cache {warm} µs (aim: under 5); {size} bytes")


def bench_signals(options):
    """The look for attack signals in a body."""
    print("\nsignals: the look for attack signals in 2 KiB, in processor time, the least of 2,000 rounds\n")
    for line in run([options.build / "tests/bench/signal_check"]).splitlines():
        _, name, _, us, *_ = line.split()
        print(f"{name:>7}: {us} µs" + (" (aim: under 5)" if name == "prose" else ""))


def parts(text):
    words = text.split(",")
    for word in words:
        if word not in PARTS:
            raise argparse.ArgumentTypeError(f"there is no part '{word}'; there are {', '.join(PARTS)}")
    return words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, default=5, help="a run of wrk (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each at each number of connections (default 3)")
    parser.add_argument("--connections", type=whole_numbers, default=[1, 32, 128, 512], help="default 1,32,128,512")
    parser.add_argument("--only", type=parts, default=[part for part in PARTS if part not in ("audit", "million")], metavar="PART[,PART…]",
                        help="these parts (default: all but audit and million)")
    options = parser.parse_args()
    if "token" in options.only:
        bench_token(options)
    if "signals" in options.only:
        bench_signals(options)
    if set(options.only) <= {"token", "signals"}:
        return
    with tempfile.TemporaryDirectory(prefix="digitalme-bench-", dir="/tmp") as directory:
        system = System(Path(directory) / "system", build=options.build, settings=SETTINGS)
        bare = None
        try:
            bare_port = free_port()
            system.prepare()
            bare_socket = system.run_dir / "bare.sock"
            add_bare_site(system, bare_socket, bare_port)
            for part in system.parts:
                system.start(part)
            bare = subprocess.Popen([options.build / "tests/bench/bare_responder", bare_socket, str(BARE_THREADS), system.redis_socket,
                                     system.conninfo(), HMAC_KEY])
            wait_for(bare_socket.exists, "the bare responder")
            client, profile_id = make_self(system)
            if "read" in options.only:
                _, small = client.ask("POST", "/api/v1/personality", SMALL_PROFILE)
                bench_read(system, bare, f"https://127.0.0.1:{bare_port}", client, small["id"], options)
            if "gate" in options.only:
                _, small = client.ask("POST", "/api/v1/personality", SMALL_PROFILE)
                bench_gate(system, client, small["id"], options)
            if "reply" in options.only:
                bench_reply(system, client, profile_id)
            if "start" in options.only:
                bench_start(system)
            Bench(system, options.seconds).run([part for part in options.only if part in ACCOUNT_PARTS])
            if "audit" in options.only:
                bench_audit(system)
        finally:
            if bare:
                bare.terminate()
                bare.wait()
            system.down()


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
