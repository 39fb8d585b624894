#!/usr/bin/python3
"""The part of scripts/test that comes after packages and build: runs the parts, sums them up, shows where to look when one failed."""
import argparse
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from system import PATH, ROOT, System, Trouble, run  # noqa: E402

ALL = ("unit", "api", "schemathesis", "check", "schema", "fuzz", "dev", "distcheck")
DRIVERS = ("base_test", "store_test", "domain_test", "edge_test")
# What a sanitizer says of a program that runs on, or that ended where no test looked.
FOUND_BY_SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error: ")


class Tests:
    def __init__(self, directory, build, fuzz_s):
        self.fuzz_s = fuzz_s  # a target
        self.dir = Path(directory)
        self.build = Path(build)
        self.log_dir = self.dir / "log"
        self.lock = threading.Lock()
        self.passed = 0
        self.failed = 0
        self.env = {**os.environ, "PATH": PATH, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
                    "UBSAN_OPTIONS": "print_stacktrace=1", "TSAN_OPTIONS": "second_deadlock_stack=1"}
        os.environ.update(self.env)

    def count(self, name, passed, failed, log, started):
        with self.lock:
            self._count(name, passed, failed, log, started)

    def _count(self, name, passed, failed, log, started):
        self.passed += passed
        self.failed += failed
        print(f"{name:24} {passed:5} passed, {failed} failed   {time.monotonic() - started:5.0f} s", flush=True)
        if failed:
            print(f"  the end of {log}:")
            for line in Path(log).read_text(errors="replace").splitlines()[-40:]:
                print(f"  | {line}")

    def command(self, name, command, **options):
        """Run a command into log/NAME.log; its exit status and the log."""
        log = self.log_dir / f"{name}.log"
        with open(log, "wb") as out:
            status = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False,
                                    **{"env": self.env, **options}).returncode
        return status, log

    def one(self, name, command, **options):
        """A command that is one test: it passed when it ended with 0."""
        started = time.monotonic()
        status, log = self.command(name, command, **options)
        self.count(name, int(status == 0), int(status != 0), log, started)

    # The parts.

    def unit(self, drivers=DRIVERS):
        system = System(self.dir / "unit", build=self.build, durable=False)
        system.parts = ["postgres", "redis", "smtp"]  # nobody but the tests
        with system, self._http_servers(system) as http_ports:
            pass_on = {**self.env, **http_ports, "DM_TEST_REDIS": f"unix:{system.redis_socket}", "DM_TEST_CA": str(system.ca_file),
                       "DM_TEST_SMTP_PORT": str(system.smtp_port), "DM_TEST_ROOT": str(ROOT)}
            system.deploy_schema("digitalme_unit")
            # As the programs connect; a suite that looks behind them says user=digitalme_owner after it.
            pass_on["DM_TEST_CONNINFO"] = system.conninfo("digitalme_api", "digitalme_unit")
            for driver in drivers:
                started = time.monotonic()
                status, log = self.command(driver, [self.build / "tests" / "unit" / driver], env=pass_on, cwd=self.build)
                passed, failed = self._cunit(log.read_text(errors="replace"))
                if status != 0 and failed == 0:
                    failed = 1  # it crashed, or a sanitizer spoke after the last test
                self.count(driver, passed, failed, log, started)

    @staticmethod
    @contextlib.contextmanager
    def _http_servers(system):
        """Whom the HTTP client calls in its tests; the names of their ports."""
        ca = system.ca_file.parent
        with subprocess.Popen(["/usr/bin/python3", ROOT / "tests" / "unit" / "http_server.py", "--certificate", ca / "server.pem",
                               "--key", ca / "server.key"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as servers:
            ports = servers.stdout.readline().split()
            yield dict(zip(("DM_TEST_HTTP_PORT", "DM_TEST_HTTPS_PORT", "DM_TEST_OLD_TLS_PORT"), ports, strict=True))
            servers.stdin.close()

    @staticmethod
    def _cunit(text):
        found = re.findall(r"^\s+tests\s+\d+\s+\d+\s+(\d+)\s+(\d+)\s+\d+$", text, re.M)
        return (int(found[-1][0]), int(found[-1][1])) if found else (0, 1)

    def api(self, target="", arguments=(), env=None, at_once=2):
        """Through both proxies at once: each has a system of its own, and most of what a test does is to wait for one."""
        def through(proxy):
            self.pytest(f"api-{proxy}", [ROOT / "tests" / "api" / target, *arguments], {
                "DM_TEST_PROXY": proxy, "DM_TEST_BUILD": str(self.build), **(env or {})})
            self._sanitizers(f"api-{proxy}")

        with ThreadPoolExecutor(at_once) as threads:
            list(threads.map(through, ("nginx", "caddy")))

    def _sanitizers(self, name):
        """Did a sanitizer write into a program's log?"""
        started = time.monotonic()
        log = self.log_dir / f"{name}-sanitizers.log"
        found = [f"{path}: {line}" for path in sorted((self.dir / name).glob("*/log/digitalme-*.log"))
                 for line in path.read_text(errors="replace").splitlines() if FOUND_BY_SANITIZER.search(line)]
        log.write_text("\n".join(found) + "\n")
        self.count(f"{name}-sanitizers", int(not found), int(bool(found)), log, started)

    def pytest(self, name, arguments, env=None):
        started = time.monotonic()
        directory = self.dir / name
        if directory.exists():
            # What an interrupted run left.
            for mark in (*directory.glob("*/system.json"), *directory.glob("*/*/system.json")):
                System(mark.parent).destroy()
            shutil.rmtree(directory, ignore_errors=True)
        result = self.log_dir / f"{name}.xml"
        result.unlink(missing_ok=True)
        status, log = self.command(name, ["/usr/bin/python3", "-m", "pytest", "-q", "--tb=short", "-ra",
                                          f"--junitxml={result}", "-o", "junit_family=xunit1", *arguments],
                                   env={**self.env, **(env or {}), "DM_TEST_WORK": str(directory)}, cwd=ROOT)
        passed, failed = 0, 1
        if result.exists():
            suite = xml.etree.ElementTree.parse(result).getroot().find("testsuite")
            total, skipped = int(suite.get("tests")), int(suite.get("skipped"))
            failed = int(suite.get("failures")) + int(suite.get("errors"))
            passed = total - failed - skipped
            if status != 0 and failed == 0:
                failed = 1  # nothing was found to run, or pytest itself broke
        self.count(name, passed, failed, log, started)
        if result.exists():
            self._figures(result)

    @staticmethod
    def _figures(result):
        """What tests measured and told with record_property("figure", …)."""
        for figure in xml.etree.ElementTree.parse(result).getroot().iter("property"):
            if figure.get("name") == "figure":
                print(f"  {figure.get('value')}", flush=True)

    def schemathesis(self, env=None, proxies=("nginx",)):
        program = self._installed("schemathesis")
        for proxy in proxies:
            name = f"schemathesis-{proxy}"
            self.pytest(name, [ROOT / "tests" / "schemathesis"], {
                "DM_TEST_PROXY": proxy, "DM_TEST_BUILD": str(self.build), "DM_TEST_SCHEMATHESIS": str(program), **(env or {})})
            self._sanitizers(name)

    def _installed(self, program):
        """A program from PyPI in an environment of its own, of exactly the versions in tests/PROGRAM/requirements.txt."""
        wanted = ROOT / "tests" / program / "requirements.txt"
        environment = self.dir / "python" / program
        mark = environment / hashlib.sha256(wanted.read_bytes()).hexdigest()
        if not mark.exists():
            run(["/usr/bin/python3", "-m", "venv", "--clear", environment])
            run([environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                 "--require-hashes", "--requirement", wanted])
            mark.touch()
        return environment / "bin" / program

    def check(self):
        started = time.monotonic()
        _, log = self.command("check", [ROOT / "scripts" / "check"], env={**self.env, "DM_CHECK_BUILD": str(self.build)})
        text = log.read_text(errors="replace")
        passed, failed = len(re.findall(r"^ok ", text, re.M)), len(re.findall(r"^FAILED ", text, re.M))
        self.count("check", passed, failed or int(passed == 0), log, started)

    def schema(self):
        """Each change can be taken back: after revert nothing of ours is left, and a second deploy gives the first one's schema."""
        started = time.monotonic()
        log = self.log_dir / "schema.log"
        try:
            system = System(self.dir / "schema", build=self.build, durable=False)
            system.parts = ["postgres"]
            with system:
                name = "round_trip"
                system.deploy_schema(name)
                first = self._dump(system, name)
                system.sqitch("verify", name)
                system.sqitch("revert", name, "-y")
                left = system.sql("SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                                  " WHERE n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid"
                                  " AND d.deptype = 'e')", database=name)
                if left:
                    raise Trouble(f"revert leaves {left}")
                system.deploy_schema(name)
                if self._dump(system, name) != first:
                    raise Trouble("the schema deployed after a revert is not the one deployed at first")
                log.write_text("deploy, verify, revert, deploy: the same\n")
                self.count("schema", 1, 0, log, started)
        except Trouble as trouble:
            log.write_text(f"{trouble}\n")
            self.count("schema", 0, 1, log, started)

    @staticmethod
    def _dump(system, database):
        return re.sub(r"^\\(un)?restrict .*$", "", run(["pg_dump", "--schema-only", "--schema=public", system.conninfo("postgres", database)]),
                      flags=re.M)

    def fuzz(self, seconds=None):
        """Each target, from its committed corpus on; what it finds beyond stays in the test directory."""
        seconds = int(os.environ.get("DM_FUZZ_S", seconds or self.fuzz_s))
        for source in sorted((ROOT / "tests" / "fuzz").glob("*_fuzz.c")):
            target = source.stem
            grown = self.dir / "fuzz" / target
            grown.mkdir(parents=True, exist_ok=True)
            self.one(target, [self.dir / "build-fuzz" / "tests" / "fuzz" / target, f"-max_total_time={seconds}", "-max_len=16384",
                              "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", f"-artifact_prefix={self.log_dir}/{target}-",
                              grown, ROOT / "tests" / "fuzz" / "corpus" / target.removesuffix("_fuzz")])

    def dev(self):
        self.pytest("dev", [ROOT / "tests" / "dev"], {"DM_TEST_BUILD": str(self.build)})

    def tls(self):
        self.pytest("tls", [ROOT / "tests" / "tls"], {"DM_TEST_BUILD": str(self.build)})
        for grade in sorted((self.dir / "tls").glob("*.grade")):
            print(f"  {grade.stem}: {grade.read_text().strip()}")

    def distcheck(self):
        build = self.dir / "build-dist"
        build.mkdir(exist_ok=True)
        clean = {**{k: v for k, v in self.env.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}, "XZ_OPT": "-0"}
        script = f'{ROOT}/configure -q && make -s -j$(nproc) distcheck DISTCHECK_CONFIGURE_FLAGS=-q'
        self.one("distcheck", ["bash", "-c", script], cwd=build, env=clean)

    def long(self):
        self.unit()
        self.api(env={"DM_TEST_LONG": "1"}, at_once=1)  # what is measured (test_enumeration.py) is measured best alone
        self.schemathesis(env={"DM_TEST_LONG": "1"}, proxies=("nginx", "caddy"))
        self.fuzz(600)
        self.tls()

    def named(self, name):
        if name in DRIVERS:
            self.unit([name])
        elif (ROOT / "tests" / "api" / f"{name}.py").exists():
            self.api(f"{name}.py")
        else:
            self.api(arguments=["-k", name])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("parts", nargs="*")
    options = parser.parse_args()
    tests = Tests(options.dir, options.build, fuzz_s=60 if options.parts else 5)
    started = time.monotonic()
    for part in options.parts or ALL:
        try:
            (getattr(tests, part) if part in (*ALL, "long", "tls") else lambda name=part: tests.named(name))()
        except Trouble as trouble:
            log = tests.log_dir / f"{part}.log"
            log.write_text(f"{trouble}\n")
            tests.count(part, 0, 1, log, started)
    if tests.failed:
        print(f"\nlogs: {tests.log_dir}")
    print(f"({time.monotonic() - started:.0f} s)")
    print(f"{tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
