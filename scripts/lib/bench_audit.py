"""The part of scripts/bench that gives the audit trail a million events: how fast they are sealed, checked, and found by those who read them."""
import subprocess
import time

import demo
from bench_tools import percentile
from system import run, wait_for

EVENTS = 1_000_000
ASKED = 50  # of each question

# As a site of 100,000 accounts leaves them in 400 days: log-ins above all, and of some actions very few.
ADD_EVENTS = f"""
INSERT INTO audit_event (id, action, entity, entity_id, created_by, updated_by, trace_id, created_at)
SELECT gen_random_uuid(), CASE WHEN i % 1000 = 0 THEN 'session.reuse_detected' WHEN i % 10 = 0 THEN 'account.change_password' ELSE 'session.create' END,
       CASE WHEN i % 10 = 0 AND i % 1000 > 0 THEN 'account' ELSE 'session' END, someone, someone, someone, md5(i::text),
       now() - interval '400 days' * (1 - i / {EVENTS}.0)
  FROM generate_series(1, {EVENTS}) AS i,
       LATERAL (SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(i % 100000 + 1), 12, '0'))::uuid AS someone) AS who"""

QUESTIONS = {
    "the newest": "?limit=50",
    "one account's": "?entityId=00000000-0000-7000-8000-000000000101&limit=50",
    "of one actor": "?actorId=00000000-0000-7000-8000-000000000101&limit=50",
    "a rare action": "?action=session.reuse_detected&limit=50",
    "a common action": "?action=session.create&limit=50",
    "of accounts": "?entity=account&limit=50",
    "an old month": "?from=2025-12-01T00:00:00Z&to=2026-01-01T00:00:00Z&limit=50",
    "a rare action of one actor": "?action=session.reuse_detected&actorId=00000000-0000-7000-8000-0000000003e9&limit=50",
}


def bench_audit(system):
    system.settings.update({"mfa.required_for": "none", "audit.keep_s": "40000000"})
    system.prepare()
    for part in ("digitalme-api", "digitalme-worker"):
        system.restart(part)
    start = time.monotonic()
    system.sql(ADD_EVENTS)
    system.sql("VACUUM ANALYZE audit_event")
    print(f"\naudit    {EVENTS:,} events written in {time.monotonic() - start:.0f} s", flush=True)
    start, first = time.monotonic(), sealed(system)
    wait_for(lambda: sealed(system) >= EVENTS, "the seals", 1200, 1)
    took = time.monotonic() - start
    print(f"         sealed at {(EVENTS - first) / took:,.0f} a second", flush=True)
    start = time.monotonic()
    out = run([*ctl(system), "audit", "verify"])
    print(f"         checked by digitalmectl audit verify in {time.monotonic() - start:.0f} s: {out.splitlines()[-1]}", flush=True)
    ask_all(system)


def ctl(system):
    return [system.program("digitalmectl"), "-c", system.config_file]


def sealed(system):
    return int(system.sql("SELECT coalesce(max(seq), 0) FROM audit_seal")[0][0])


def ask_all(system):
    client = demo.Client(system)
    someone = {"email": "auditor@example.org", "password": "granite-owl-harvest-55"}
    subprocess.run([*ctl(system), "user", "create-admin", someone["email"]], input=someone["password"].encode(), check=True, stdout=subprocess.DEVNULL)
    demo.log_in(client, someone)
    for name, question in QUESTIONS.items():
        times = []
        for _ in range(ASKED):
            start = time.monotonic()
            _, reply = client.ask("GET", "/api/v1/admin/audit-events" + question)
            times.append((time.monotonic() - start) * 1000)
        print(f"         {name:28} p50 {percentile(times, 0.5):5.1f} ms, p99 {percentile(times, 0.99):5.1f} ms; {len(reply['items'])} of them", flush=True)
