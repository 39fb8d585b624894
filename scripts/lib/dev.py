#!/usr/bin/python3
"""The part of scripts/dev that comes after packages and build: start, show, stop and remove the system in one directory."""
import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import demo  # noqa: E402
from system import MARK, PATH, System, Trouble  # noqa: E402


def up(system):
    started = time.monotonic()
    print(f"Starting in {system.dir} …", flush=True)
    system.prepare()
    # The programs and the proxy start anew, so that a new build, new settings and a new environment count; the data's keepers go on.
    for part in (system.proxy, "digitalme-worker", "digitalme-api"):
        system.stop(part)
    system.up(say=lambda text: print(f"  {text}", flush=True))
    print(f"  (after {time.monotonic() - started:.1f} s)\n", flush=True)
    demo.show(system)


def precheck(system):
    """What would fail after a build of minutes fails before it."""
    system.check_place()
    if not system.running(system.proxy):
        system.check_port()


def status(system):
    missing = 0
    for part in system.parts:
        pid = system.pid(part)
        missing += pid is None
        print(f"  {part:17} {'pid ' + str(pid) if pid else 'does not run'}")
    print(f"  {'URL':17} {system.url}\n  {'mails':17} {system.mail_dir}\n  {'logs':17} {system.log_dir}")
    if not missing:
        print(f"  {'ready':17} {'yes' if system.ready() else 'no; see the logs'}")
    return 3 if missing else 0


def down(system):
    if not any(system.running(part) for part in system.parts):
        print("nothing runs")
    system.down(say=print)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("verb", choices=("precheck", "up", "down", "status", "psql", "reset"))
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    system = System(options.dir, port=options.port if options.verb in ("precheck", "up") else None)
    if options.verb not in ("precheck", "up") and not (system.dir / MARK).exists():
        raise Trouble(f"there is no system in {system.dir} (run scripts/dev up first)")
    if options.verb == "psql":
        if not system.running("postgres"):
            raise Trouble("PostgreSQL does not run (run scripts/dev up first)")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        os.execvpe("psql", ["psql", system.conninfo(), *options.arguments], {**environment, "PATH": PATH})
    if options.verb == "reset":
        system.destroy()
        print(f"{system.dir} is gone")
        return 0
    return {"precheck": precheck, "up": up, "down": down, "status": status}[options.verb](system) or 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        print(f"dev: {trouble}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
