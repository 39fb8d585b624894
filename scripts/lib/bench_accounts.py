"""The flows of accounts under scripts/bench: log-in, a storm of log-ins, refreshes, and all of them in a database of a million accounts."""
import contextlib
import http.client
import itertools
import json
import os
import re
import secrets
import subprocess
import threading
import time

import demo
from bench_tools import load_average, percentile, wrk_command, wrk_figures
from system import ROOT, Trouble, run, wait_for

ACCOUNT_PARTS = ["login", "storm", "refresh", "million"]
LUA = ROOT / "tests" / "bench"
LOG_INS = 100
STORM = 200
CHAINS = 64
READERS, READ_WAIT_MS = 16, 20
REFRESH_WAIT_MS = 100
WARM_UP_S = 2
EXPIRED = 100_000
MILLION = 1_000_000

ADD_ACCOUNTS = """
SET session_replication_role = replica;
INSERT INTO account (id, email, email_key, password_hash, first_name, last_name, state, email_confirmed_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'bench-' || i || '@example.org', 'bench-' || i || '@example.org',
       a.password_hash, 'Ben', 'Ch', 'active', now()
  FROM generate_series({first}, {last}) AS i, account a WHERE a.email = '{email}'"""

ADD_SESSIONS = """
SET session_replication_role = replica;
INSERT INTO session (id, account_id, family_hash, refresh_hash, created_at, idle_expires_at, absolute_expires_at, user_agent, address)
SELECT ('00000000-0000-7000-9000-' || lpad(to_hex(i), 12, '0'))::uuid, ('00000000-0000-7000-8000-' || lpad(to_hex(i / 3 + 1), 12, '0'))::uuid,
       encode(sha256(('family' || i)::bytea), 'hex'), encode(sha256(('link' || i)::bytea), 'hex'),
       now() - age, now() + least(interval '7 days', interval '30 days' - age), now() - age + interval '30 days',
       'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', '192.0.2.' || i % 250
  FROM generate_series(0, {sessions} - 1) AS i, LATERAL (SELECT random() * interval '30 days' AS age) AS ages"""

EXPIRE_SESSIONS = f"""
UPDATE session SET idle_expires_at = now() - interval '40 days', absolute_expires_at = now() - interval '40 days'
 WHERE id IN (SELECT ('00000000-0000-7000-9000-' || lpad(to_hex(i * 7), 12, '0'))::uuid FROM generate_series(1, {EXPIRED}) AS i)"""


class Line:
    """A kept connection of one client."""

    def __init__(self, system):
        self.http = http.client.HTTPSConnection("127.0.0.1", system.port, context=system.ssl_context(), timeout=60)
        self.http.connect()

    def post(self, path, body):
        """Status, Retry-After, the reply, and how many ms it took."""
        start = time.monotonic()
        self.http.request("POST", "/api/v1" + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        answer = self.http.getresponse()
        text = answer.read()
        return answer.status, answer.headers["Retry-After"], json.loads(text) if text else None, (time.monotonic() - start) * 1000


class Bench:
    """One system; first with a few accounts, then with a million."""

    def __init__(self, system, seconds):
        self.system = system
        self.seconds = seconds
        self.me = {"email": "bench@example.org", "password": secrets.token_urlsafe(12)}
        self.n_accounts = 0
        self.next_account = itertools.count()

    def run(self, parts):
        if not parts:
            return
        self.set_cost()
        demo.account(demo.Client(self.system), self.me, lambda: None)
        self.add_accounts(2 * STORM)
        wanted = [part for part in ("login", "storm", "refresh") if part in parts or "million" in parts]
        small = self.measure(wanted, "a small database")
        if "million" in parts:
            self.fill()
            big = self.measure(wanted, "1,000,000 accounts and 3,000,000 sessions")
            self.compare(small, big)
            self.plans()
            self.sweep()

    def measure(self, parts, where):
        print(f"\naccounts, in {where}:\n")
        figures = {}
        for part in parts:
            figures.update(getattr(self, part)())
        return figures

    # What the figures stand on.

    def set_cost(self):
        """The cost that an operator would set."""
        found = json.loads(run([self.system.program("digitalmectl"), "password", "calibrate", "--json"]))
        self.system.settings["password.cost"] = str(found["cost"])
        self.system.prepare()
        self.system.restart("digitalme-api")
        times = ", ".join(f"{row['cost']}: {row['ms']:.0f} ms" for row in found["measured"])
        print(f"\npassword.cost = {found['cost']} as calibrated in processor time ({times}); {load_average()}")

    def add_accounts(self, n):
        """Copies of the one real account, with its password."""
        self.system.sql(ADD_ACCOUNTS.format(first=self.n_accounts + 1, last=n, email=self.me["email"]))
        self.n_accounts = n

    def fill(self):
        start = time.monotonic()
        self.add_accounts(MILLION)
        self.system.sql(ADD_SESSIONS.format(sessions=3 * MILLION))
        for table in ("account", "session"):
            self.system.sql(f"VACUUM ANALYZE {table}")
        self.system.sql("CHECKPOINT")
        size = self.system.sql("SELECT pg_size_pretty(pg_total_relation_size('account')), pg_size_pretty(pg_total_relation_size('session'))")[0]
        print(f"\nfilled in {time.monotonic() - start:.0f} s: accounts {size[0]}, sessions {size[1]}")

    def someone(self):
        """Another account at each call, spread over all there are."""
        number = next(self.next_account) * 611_953 % self.n_accounts + 1
        return {"email": f"bench-{number}@example.org", "password": self.me["password"]}

    def tokens(self):
        """A file of refresh tokens, one for each connection and some to spare: wrk asks for a request only to look at it."""
        line = Line(self.system)
        path = self.system.dir / "tokens"
        replies = [line.post("/auth/login", self.someone()) for _ in range(CHAINS + 4)]
        path.write_text("".join(reply["refreshToken"] + "\n" for _, _, reply, _ in replies))
        return path

    # The parts.

    def login(self):
        line = Line(self.system)
        for _ in range(5):
            line.post("/auth/login", self.someone())
        replies = [line.post("/auth/login", self.someone()) for _ in range(LOG_INS)]
        if any(status != 200 for status, *_ in replies):
            raise Trouble(f"a log-in was answered with {next(status for status, *_ in replies if status != 200)}")
        times = [ms for *_, ms in replies]
        p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
        print(f"login    {LOG_INS} log-ins one after the other: p50 {p50:.0f} ms, p99 {p99:.0f} ms (aim: under 200); {load_average()}", flush=True)
        return {"login p50": p50, "login p99": p99}

    def reader(self, seconds):
        """Reads of one's own account at a steady rate, as a process."""
        client = demo.Client(self.system)
        demo.log_in(client, self.me)
        return subprocess.Popen(wrk_command(f"{self.system.url}/api/v1/auth/me", READERS, seconds, client.token, LUA / "read.lua",
                                            [READ_WAIT_MS]), stdout=subprocess.PIPE, text=True)

    def storm(self):
        calm = wrk_figures(self.reader(self.seconds).communicate()[0])
        seconds = 2 * self.seconds
        storm = Storm(self)
        reader = self.reader(seconds)
        storm.begin(seconds)
        rough = wrk_figures(reader.communicate()[0])
        storm.end()
        times = [ms for status, ms in storm.log_ins if status == 200]
        statuses = {status: sum(s == status for s, _ in storm.log_ins) for status in sorted({s for s, _ in storm.log_ins}, key=str)}
        news = [ms for status, ms in storm.news if status == 202]
        print(f"storm    {STORM} log-ins at a time for {seconds} s, {READERS} readers at {calm['rate']:.0f}/s: reads' p99 {rough['p99']:.1f} ms "
              f"(aim: under 25), before the storm {calm['p99']:.1f}; p50 {rough['p50']:.1f} and {calm['p50']:.1f}; {rough['bad']} bad; "
              f"{load_average()}\n"
              f"         log-ins answered {statuses}; those let in {len(times) / seconds:.0f}/s, p50 {percentile(times, 0.5) / 1000:.1f} s, "
              f"longest {max(times) / 1000:.1f} s; Retry-After {sorted(storm.waits) or 'never'}; lost: {len(storm.lost)} {storm.lost[:1]}\n"
              f"         registrations meanwhile: {len(news)} of {len(storm.news)} taken, p50 {percentile(news, 0.5) if news else 0:.0f} ms, "
              f"longest {max(news, default=0):.0f} ms", flush=True)
        return {"storm read p99": rough["p99"], "storm log-ins a second": len(times) / seconds}

    def refresh(self):
        """As it is, and with the disk's part left out: each refresh waits until its commit is on the disk."""
        # What a process does once, opening connections and preparing statements, is no part of a refresh.
        run(wrk_command(f"{self.system.url}/api/v1/auth/refresh", CHAINS, WARM_UP_S, script=LUA / "refresh.lua", arguments=[self.tokens(), 2, 0]))
        figures = self.refreshes("")
        self.system.sql("ALTER SYSTEM SET fsync = off")
        self.system.sql("SELECT pg_reload_conf()")
        figures.update(self.refreshes(", no disk"))
        self.system.sql("ALTER SYSTEM RESET fsync")
        self.system.sql("SELECT pg_reload_conf()")
        return figures

    def refreshes(self, how):
        figures = {}
        disk = how or f", a flush of the disk takes {self.flush_ms():.1f} ms"
        for name, wait_ms in (("steady", REFRESH_WAIT_MS), ("flat out", 0)):
            before = self.hot_updates()
            out = run(wrk_command(f"{self.system.url}/api/v1/auth/refresh", CHAINS, self.seconds, script=LUA / "refresh.lua",
                                  arguments=[self.tokens(), 2, wait_ms]))
            got = wrk_figures(out)
            updates, hot = (after - then for after, then in zip(self.hot_updates(), before))
            print(f"refresh  {CHAINS} connections, {name} at {got['rate']:.0f}/s{disk}: p50 {got['p50']:.1f} ms, p99 {got['p99']:.1f} ms (aim: under "
                  f"15); {got['bad']} bad; {100 * hot / max(updates, 1):.0f} % of {updates} updates touched no index; {load_average()}", flush=True)
            figures.update({f"refresh {name}{how} p50": got["p50"], f"refresh {name}{how} p99": got["p99"]})
        return figures

    def flush_ms(self):
        """How long this disk takes to have what was written to it; the median."""
        times = []
        with open(self.system.dir / "flush", "wb", buffering=0) as file:
            for _ in range(50):
                file.write(bytes(8192))
                start = time.monotonic()
                os.fdatasync(file.fileno())
                times.append((time.monotonic() - start) * 1000)
        return percentile(times, 0.5)

    def hot_updates(self):
        """Updates of sessions so far, and how many of them were HOT. Backends tell with a delay of up to a second."""
        time.sleep(1.2)
        return [int(cell) for cell in self.system.sql("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'session'")[0]]

    # The million.

    def compare(self, small, big):
        print(f"\n{'':28} {'small':>9} {'million':>9}  ratio (aim: 0.8 to 1.2)")
        for name, value in small.items():
            print(f"{name:28} {value:9.1f} {big[name]:9.1f}  {big[name] / value:.2f}")

    def plans(self):
        """What PostgreSQL really does for one of each: neither of the big tables may be read whole. Of small ones that is the best plan."""
        system = self.system
        for setting in ("session_preload_libraries = auto_explain", "auto_explain.log_min_duration = 0"):
            system.sql(f"ALTER ROLE digitalme_api SET {setting}")
        log = system.log_dir / "postgres.log"
        start = log.stat().st_size
        for part in ("digitalme-api", "digitalme-worker"):
            system.restart(part)
        client = demo.Client(system)
        # More than five of each: from then on PostgreSQL may plan once for all parameters.
        line = Line(system)
        for _ in range(20):
            _, _, reply, _ = line.post("/auth/login", self.someone())
            for _ in range(2):
                _, _, reply, _ = line.post("/auth/refresh", {"refreshToken": reply["refreshToken"]})
            client.token = reply["accessToken"]
            for path in ("/auth/me", "/auth/sessions"):
                client.ask("GET", "/api/v1" + path, expect=(200, 404))
            client.ask("POST", "/api/v1/auth/logout")
            line.post("/auth/login", {**self.someone(), "password": "a wrong one"})
            line.post("/auth/forgot-password", {"email": self.someone()["email"]})
        system.sql("ALTER ROLE digitalme_api RESET ALL")
        for part in ("digitalme-api", "digitalme-worker"):
            system.restart(part)
        plans = log.read_text(errors="replace")[start:].split("duration: ")[1:]
        whole = {(found.group(1), re.search(r"Query Text: (.{0,100})", plan).group(1))
                 for plan in plans for found in re.finditer(r"Seq Scan on (account|session)\b", plan)}
        print(f"\nplans    of {len(plans)} statements run: {len(whole)} read the accounts or sessions whole")
        for table, text in sorted(whole):
            print(f"         {table}: {text} …")

    def sweep(self):
        """The worker deletes what expired, while people refresh."""
        system = self.system
        system.stop("digitalme-worker")
        system.sql(EXPIRE_SESSIONS)
        system.sql("VACUUM ANALYZE session")
        calm = self.refreshes("")
        start = time.monotonic()
        system.start("digitalme-worker")
        rough = self.refreshes("")
        left = "SELECT count(*) FROM session WHERE absolute_expires_at < now() - interval '30 days'"
        with contextlib.suppress(Trouble):
            wait_for(lambda: system.sql(left)[0][0] == "0", "the sweep", 120, 0.2)
        print(f"sweep    of {EXPIRED} expired sessions: {system.sql(left)[0][0]} left after {time.monotonic() - start:.0f} s; steady refreshes' p99 "
              f"{rough['refresh steady p99']:.1f} ms meanwhile, {calm['refresh steady p99']:.1f} ms before; {load_average()}")


class Storm:
    """STORM connections that log in again and again until the time is over, and one that registers. A refused one comes back when it
    was told to."""

    def __init__(self, bench):
        self.bench = bench
        self.log_ins, self.news, self.lost, self.waits = [], [], [], set()
        lines = [Line(bench.system) for _ in range(STORM + 1)]
        self.threads = [threading.Thread(target=self.log_in, args=[line]) for line in lines[1:]]
        self.threads.append(threading.Thread(target=self.register, args=[lines[0]]))

    def begin(self, seconds):
        self.until = time.monotonic() + seconds
        for thread in self.threads:
            thread.start()

    def end(self):
        for thread in self.threads:
            thread.join()

    def ask(self, line, path, body, answers):
        try:
            status, wait_s, _, ms = line.post(path, body)
        except (OSError, http.client.HTTPException) as e:
            self.lost.append(repr(e))
            return
        answers.append((status, ms))
        if status == 503 and wait_s is None:
            self.lost.append("503 without Retry-After")
        if wait_s is not None:
            self.waits.add(int(wait_s))
            time.sleep(max(0.0, min(int(wait_s), self.until - time.monotonic())))

    def log_in(self, line):
        while time.monotonic() < self.until:
            self.ask(line, "/auth/login", self.bench.someone(), self.log_ins)

    def register(self, line):
        while time.monotonic() < self.until:
            body = {"email": f"new-{secrets.token_hex(6)}@example.org", "password": secrets.token_urlsafe(15), "firstName": "N", "lastName": "W"}
            self.ask(line, "/auth/register", body, self.news)
            time.sleep(0.2)
