"""The part of scripts/bench that measures the gate: what limits and the session's state cost a request, and what a refusal costs.

The limits are changed by SIGHUP between runs, so that it is one process in one state of its caches that is compared with itself. Processor time is
of this machine and moment; the instructions, which callgrind counts, are the same everywhere."""
import contextlib
import os
import re
import statistics
import subprocess
from pathlib import Path

from bench_tools import family, load
from system import fcgi_request, run, wait_for

CLASSES = [f"limits.{name}" for name in ("anonymous", "user", "admin", "superadmin", "auth", "refresh", "model", "export")]
WIDE = dict.fromkeys(CLASSES, "100000000/60 100000000/3600 100000000/86400")
WAYS = {
    "no limits": dict.fromkeys(CLASSES, "none"),
    "limits": {**WIDE, "limits.block_after": "20"},
    "refused": {**WIDE, "limits.user": "1/86400", "limits.block_after": "0"},
    "blocked": {**WIDE, "limits.user": "1/86400", "limits.block_after": "1"},
}
COUNTED = 200  # requests under callgrind
LOST_AT = 512


class Program:
    """A digitalme-api whose log tells when it has taken over new settings."""

    def __init__(self, system, pid, log):
        self.system, self.pid, self.log = system, pid, Path(log)

    def take(self, settings):
        before = self.taken()
        self.system.settings.update(settings)
        self.system.prepare()
        os.kill(self.pid, 1)
        wait_for(lambda: self.taken() > before, "the settings to be taken over")

    def taken(self):
        return self.log.read_bytes().count(b'"configuration taken over"')


def bench_gate(system, client, profile_id, options):
    program = Program(system, system.pid("digitalme-api"), system.log_dir / "digitalme-api.log")

    def processes():
        return {"app": [program.pid], "nginx": family(system.pid("nginx")), "postgres": family(system.pid("postgres")),
                "redis": [system.pid("redis")]}
    read, open_page = f"{system.url}/api/v1/personality/{profile_id}", f"{system.url}/api/versions"
    runs = {"open, no limits": (open_page, "no limits"), "open, limits": (open_page, "limits"), "read, no limits": (read, "no limits"),
            "read, limits": (read, "limits"), "read, refused": (read, "refused"), "read, blocked": (read, "blocked")}
    cpu = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, (url, way) in runs.items():
            program.take(WAYS[way])
            load(url, client.token, 32, 1, processes)
            cpu[name].append(load(url, client.token, 32, options.seconds, processes)["cpu"])
    print(f"\ngate: processor time in µs a request, medians of {options.rounds} rounds; open: GET /api/versions, read: GET /api/v1/personality/{{id}}\n")
    middle = {name: {part: statistics.median(row[part] for row in rows) for part in rows[0]} for name, rows in cpu.items()}
    for name, parts in middle.items():
        print(f"{name:>16}  {sum(parts.values()):6.1f} = " + " + ".join(f"{part} {us:.1f}" for part, us in parts.items()))

    def whole(name):
        return sum(middle[name].values())
    print(f"\nlimits add {middle['open, limits']['app'] - middle['open, no limits']['app']:.1f} µs of our own to an open request and "
          f"{middle['read, limits']['app'] - middle['read, no limits']['app']:.1f} µs to a read (aim: at most 60)")
    print(f"a 429 costs {whole('read, refused') / whole('read, limits'):.2f} of a read, of somebody who is blocked "
          f"{whole('read, blocked') / whole('read, limits'):.2f} (aim: under 0.33)")
    program.take(WAYS["limits"])
    lost = load(open_page, client.token, LOST_AT, options.seconds, processes)
    print(f"{LOST_AT} connections from one address under its limit: {lost['rate']:.0f} requests/s, {lost['bad']} lost or refused")
    count_instructions(system, client, profile_id, options)
    program.take(WAYS["limits"])


def count_instructions(system, client, profile_id, options):
    """The same, as instructions of our process from the parameters read to the reply written."""
    requests = {"open": ("/api/versions", {}), "read": (f"/api/v1/personality/{profile_id}", {"HTTP_AUTHORIZATION": f"Bearer {client.token}"})}
    with under_callgrind(system, options.build) as (program, door):
        def instructions(path, params):
            run(["callgrind_control", "-z", str(program.pid)])
            for _ in range(COUNTED):
                fcgi_request(door, uri=path, params=params, timeout_s=60)
            run(["callgrind_control", "-d", str(program.pid)])
            newest = max(system.dir.glob(f"callgrind.out.{program.pid}.*"), key=lambda path: path.stat().st_mtime_ns)
            return int(re.search(r"^(?:totals|summary): (\d+)", newest.read_text(), re.M).group(1)) / COUNTED
        counts = {}
        for kind, way in (("open", "no limits"), ("open", "limits"), ("read", "no limits"), ("read", "limits"), ("read", "refused"), ("read", "blocked")):
            program.take(WAYS[way])
            path, params = requests[kind]
            for _ in range(20):
                fcgi_request(door, uri=path, params=params, timeout_s=60)
            counts[kind, way] = instructions(path, params)
    print(f"\ninstructions of our process a request, by callgrind over {COUNTED}: "
          + ", ".join(f"{kind} with {way} {n:,.0f}" for (kind, way), n in counts.items()))
    print(f"limits add {counts['open', 'limits'] - counts['open', 'no limits']:,.0f} to an open request; a 429 is "
          f"{counts['read', 'refused'] / counts['read', 'limits']:.2f} of a read, a blocked one {counts['read', 'blocked'] / counts['read', 'limits']:.2f}")


@contextlib.contextmanager
def under_callgrind(system, build):
    """A second digitalme-api with few threads, slow but exact."""
    door, log = system.run_dir / "callgrind.sock", system.log_dir / "digitalme-api-callgrind.log"
    env = {**os.environ, "DIGITALME_SERVER_API_SOCKET": str(door), "DIGITALME_SERVER_STREAM_SOCKET": str(system.run_dir / "callgrind-stream.sock"),
           "DIGITALME_SERVER_API_THREADS": "1", "DIGITALME_SERVER_STREAM_THREADS": "1", "DIGITALME_REDIS_TIMEOUT_MS": "5000"}
    with open(log, "ab") as out:
        child = subprocess.Popen(["valgrind", "--tool=callgrind", f"--callgrind-out-file={system.dir}/callgrind.out.%p",
                                  build / "fcgi-app/api/digitalme-api", "--config", system.config_file],
                                 env=env, stdout=out, stderr=out, cwd=system.dir)
    try:
        def serves():
            with contextlib.suppress(OSError):
                return fcgi_request(door, uri="/health/ready", timeout_s=60)[0] == 200
        wait_for(serves, "digitalme-api to serve under callgrind", 180)
        yield Program(system, child.pid, log), door
    finally:
        child.terminate()
        child.wait()
