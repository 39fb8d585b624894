"""digitalmectl: what the operator sees."""
import json
import re
import subprocess

import pytest

from environment import CTL
from system import wait_for


@pytest.fixture
def changed(system, tmp_path):
    """A copy of the system's configuration with one key given anew at its end, and the number of that line."""
    def make(section, line):
        key, kept, here = line.partition(" = ")[0], [], ""
        for old in system.config_file.read_text().splitlines():
            here = old if old.startswith("[") else here
            if not (here == f"[{section}]" and old.startswith(f"{key} = ")):
                kept.append(old)
        text = "\n".join(kept) + f"\n\n[{section}]\n{line}\n"
        path = tmp_path / "digitalme.conf"
        path.write_text(text)
        path.chmod(0o600)
        return path, text.count("\n")
    return make


def test_a_good_configuration_is_said_to_be_good(ctl):
    done = ctl("config", "check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "the configuration is good\n", "")


@pytest.mark.parametrize("section,line,words", [
    ("server", "api_threads = 0", ["server.api_threads", "1 to 256", "threads"]),
    ("server", "api_threads = 257", ["server.api_threads", "1 to 256"]),
    ("server", "api_threads = many", ["server.api_threads", "many"]),
    ("server", "api_threads = 12abc", ["server.api_threads"]),
    ("database", "wait_ms = 99999999999999999999", ["database.wait_ms", "1 to 30000", "ms"]),
    ("mail", "tls = sometimes", ["mail.tls", "never", "when-offered", "always"]),
    ("log", "stderr = perhaps", ["log.stderr"]),
    ("limits", "user = 20/0", ["limits.user", "COUNT/SECONDS"]),
    ("limits", "user = lots", ["limits.user", "COUNT/SECONDS"]),
    ("token", "key_dir = relative/path", ["token.key_dir"]),
    ("server", "apithreads = 3", ["apithreads"]),
    ("sever", "api_threads = 3", ["sever"]),
    ("server", "no equals sign", []),
])
def test_a_bad_key_is_told_with_file_line_and_what_is_allowed(ctl, changed, section, line, words):
    path, number = changed(section, line)
    done = ctl("config", "check", config=path)
    assert done.returncode == 1 and done.stdout == ""
    assert f"{path}:{number}:" in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr


def test_a_key_given_twice_is_told_with_both_lines(ctl, system, tmp_path):
    path = tmp_path / "digitalme.conf"
    path.write_text(system.config_file.read_text() + "\n[mail]\ntls = never\n")
    done = ctl("config", "check", config=path)
    assert done.returncode == 1 and re.search(r"digitalme\.conf:\d+: given twice: mail\.tls, first in line \d+", done.stderr)


def test_a_bad_value_from_the_environment_names_the_variable(ctl):
    done = ctl("config", "check", env={"DIGITALME_SERVER_API_THREADS": "9999"})
    assert done.returncode == 1 and "DIGITALME_SERVER_API_THREADS" in done.stderr and "1 to 256" in done.stderr
    done = ctl("config", "check", env={"DIGITALME_NO_SUCH": "1"})
    assert done.returncode == 1 and "DIGITALME_NO_SUCH" in done.stderr


def test_a_bad_secret_is_told_without_the_secret(ctl):
    done = ctl("config", "check", env={"DIGITALME_PASSWORD_PEPPER": "tooshortasecret"})
    assert done.returncode == 1 and "password.pepper" in done.stderr and "tooshortasecret" not in done.stderr


@pytest.mark.parametrize("key", ["ENCRYPTION_KEY", "ENCRYPTION_PREVIOUS_KEY"])
def test_an_encryption_key_that_is_no_base64_is_told_without_it(ctl, key):
    """It has the right length."""
    no_key = "not-base64-of-thirty-two-bytes-0123456789ab_"
    done = ctl("config", "check", env={f"DIGITALME_{key}": no_key})
    name = key.lower().replace("_", ".", 1)
    assert done.returncode == 1 and f"{name}: must be 32 bytes in base64" in done.stderr and no_key not in done.stderr


@pytest.mark.parametrize("program", ["digitalme-api", "digitalme-worker"])
def test_the_programs_do_not_start_with_a_bad_key(system, changed, program):
    path, number = changed("server", "api_threads = 0")
    done = subprocess.run([system.program(program), "--config", path], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0 and f"{path}:{number}:" in done.stderr


def test_a_missing_file_is_told(ctl, tmp_path):
    done = ctl("config", "check", config=tmp_path / "none.conf")
    assert done.returncode == 1 and "none.conf" in done.stderr


def test_the_environment_goes_before_the_file(ctl):
    text = ctl("config", "print", env={"DIGITALME_SERVER_API_THREADS": "7"}).stdout
    assert re.search(r"^api_threads = 7\b.*DIGITALME_SERVER_API_THREADS", text, re.M), text[:400]


def test_config_print_masks_secrets(ctl, system):
    done = ctl("config", "print")
    state = system._load()
    assert done.returncode == 0 and done.stdout.count("[redacted]") >= 2
    assert state["pepper"] not in done.stdout and state["encryption_key"] not in done.stdout and state["database_password"] not in done.stdout
    assert "[server]" in done.stdout and "api_threads = 16" in done.stdout


def test_config_sample_is_a_configuration_the_programs_take(ctl, tmp_path):
    sample = ctl("config", "sample").stdout
    path = tmp_path / "sample.conf"
    path.write_text(sample)
    done = ctl("config", "check", config=path, env={"DIGITALME_PASSWORD_PEPPER": "p" * 40, "DIGITALME_ENCRYPTION_KEY": "A" * 43 + "="})
    assert done.returncode == 0, done.stderr


def test_doctor_finds_a_sound_system_sound(ctl):
    done = ctl("doctor")
    assert done.returncode == 0 and "FAIL" not in done.stdout
    for name in ("configuration", "signing keys", "database", "schema", "redis", "api door", "stream door"):
        assert re.search(rf"^ok +{name}", done.stdout, re.M)


@pytest.mark.parametrize("variable,value,name", [
    ("DIGITALME_DATABASE_CONNINFO", "host=/nonexistent dbname=digitalme user=digitalme_api", "database"),
    ("DIGITALME_REDIS_ADDRESS", "unix:/nonexistent/redis.sock", "redis"),
    ("DIGITALME_TOKEN_KEY_DIR", "/nonexistent", "signing keys"),
    ("DIGITALME_SERVER_API_SOCKET", "/nonexistent/api.sock", "api door"),
    ("DIGITALME_SERVER_STREAM_SOCKET", "/nonexistent/stream.sock", "stream door"),
    ("DIGITALME_DATABASE_PASSWORD", "wrong", "database")])
def test_doctor_tells_what_is_broken_and_how_to_mend_it(ctl, variable, value, name):
    done = ctl("doctor", env={variable: value})
    assert done.returncode == 1
    assert re.search(rf"^FAIL +.*", done.stdout, re.M) and "mend:" in done.stdout
    assert not re.search(rf"^ok +{name}$", done.stdout, re.M)


def test_doctor_names_each_failed_check(ctl):
    """A line that does not say which check failed helps nobody at three in the morning."""
    done = ctl("doctor", env={"DIGITALME_REDIS_ADDRESS": "unix:/nonexistent/redis.sock"})
    assert re.search(r"^FAIL +redis\b", done.stdout, re.M), done.stdout


def test_calibrate_finds_the_dearest_cost_within_the_time(ctl):
    found = json.loads(ctl("password", "calibrate", "--json", "--max-ms", "100").stdout)
    times = {row["cost"]: row["ms"] for row in found["measured"]}
    assert found["maxMs"] == 100 and list(times) == list(range(10, 10 + len(times)))
    assert times.get(found["cost"], 0) <= 100 < times[max(times)] or found["cost"] == 10 and times[10] > 100
    # Each step doubles the work.
    assert all(1.5 < times[cost + 1] / times[cost] < 2.7 for cost in list(times)[:-1]), times


def test_calibrate_prints_what_goes_into_the_file(ctl, tmp_path, system):
    text = ctl("password", "calibrate", "--max-ms", "1").stdout
    assert text.endswith("[password]\ncost = 10\n") and "no lower" in text
    path = tmp_path / "digitalme.conf"
    path.write_text(text)
    secrets = {"DIGITALME_PASSWORD_PEPPER": "p" * 40, "DIGITALME_ENCRYPTION_KEY": system._load()["encryption_key"]}
    done = ctl("config", "print", config=path, env=secrets)
    assert re.search(r"^cost = 10\b.*digitalme.conf", done.stdout, re.M), done.stdout + done.stderr


@pytest.mark.parametrize("words", [["--max-ms"], ["--max-ms", "0"], ["--max-ms", "soon"], ["--fast"], ["120"]])
def test_calibrate_says_what_it_takes(ctl, words):
    done = ctl("password", "calibrate", *words)
    assert done.returncode == 2 and "--max-ms 1…10000" in done.stderr and done.stdout == ""


def test_doctor_tells_of_a_cost_that_keeps_people_waiting(ctl):
    done = ctl("doctor", env={"DIGITALME_PASSWORD_COST": "14"})
    assert done.returncode == 1
    assert re.search(r"^FAIL +cost of a password .*cost 14 takes \d+\.\d ms\n.*calibrate", done.stdout, re.M), done.stdout


def test_routes_prints_one_line_an_endpoint(ctl, contract):
    lines = [line.split() for line in ctl("routes").stdout.splitlines()]
    assert {(line[0], line[1]) for line in lines} == {(o.method, o.path) for o in contract.operations}
    assert len(lines) == len(contract.operations)


@pytest.mark.parametrize("words", [["nonsense"], ["config"], ["config", "nonsense"], [], ["routes", "more"], ["--nonsense"]])
def test_an_unknown_command_shows_the_usage_and_fails(ctl, words):
    done = ctl(*words)
    assert done.returncode == 2 and done.stdout == ""
    assert "usage:" in done.stderr or "takes no arguments" in done.stderr


def test_help_and_version_are_asked_for_and_so_succeed():
    done = subprocess.run([CTL, "--help"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0 and "config check" in done.stdout
    done = subprocess.run([CTL, "--version"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0 and re.fullmatch(r"digitalmectl \d+\.\d+\S*\n", done.stdout)


def test_two_programs_cannot_share_a_door(system, nobody):
    """A second API on the same sockets must say so, not take them away."""
    done = subprocess.run([system.program("digitalme-api"), "--config", system.config_file], capture_output=True, text=True, timeout=30,
                          check=False)
    assert done.returncode != 0 and "api.sock" in done.stderr
    wait_for(system.ready, "the first to serve on", 5)
    nobody.site("GET", "/health/ready", expect=200)
