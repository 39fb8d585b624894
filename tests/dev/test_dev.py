"""scripts/dev as a person uses it: from nothing to a conversation, again, and away. Slow: it builds everything once."""
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from system import System, Trouble, free_port, process_started  # noqa: E402

WORK = Path(os.environ["DM_TEST_WORK"])
DIR = WORK / "dev"
PORT = free_port()


def dev(*arguments, directory=DIR, port=PORT, **env):
    given = {k: v for k, v in os.environ.items() if not k.startswith(("DIGITALME_", "DM_DEV_", "ASAN_", "UBSAN_"))}
    return subprocess.run([ROOT / "scripts" / "dev", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          env={**given, "DM_DEV_DIR": str(directory), "DM_DEV_PORT": str(port), **env})


@pytest.fixture(scope="module")
def first():
    """The first `up`; everything after it uses what it made."""
    WORK.mkdir(parents=True, exist_ok=True)
    done = dev("up")
    assert done.returncode == 0, done.stdout + done.stderr
    yield done.stdout
    if DIR.exists():
        assert dev("reset", "--yes").returncode == 0


@pytest.mark.parametrize("arguments", [(), ("sideways",), ("up", "now"), ("logs", "-x"), ("reset", "--force")])
def test_bad_usage_is_told_and_changes_nothing(arguments, tmp_path):
    done = dev(*arguments, directory=tmp_path / "none")
    assert done.returncode == 2
    assert "usage: scripts/dev" in done.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", ""])
def test_a_port_that_is_none_is_refused(port, tmp_path):
    done = dev("up", directory=tmp_path / "none", port=port or "''")
    assert done.returncode == 2
    assert "DM_DEV_PORT" in done.stderr


def test_help_says_what_there_is():
    done = dev("help")
    assert done.returncode == 0
    for word in ("up", "down", "status", "logs", "psql", "reset", "DM_DEV_DIR", "DIGITALME_"):
        assert word in done.stdout


def test_somebody_elses_directory_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years of work")
    for verb in (("up",), ("reset", "--yes"), ("down",)):
        done = dev(*verb, directory=tmp_path)
        assert done.returncode == 1, verb
        assert str(tmp_path) in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_directorys_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    done = dev("up", directory=tmp_path / "file")
    assert done.returncode == 1
    assert "no directory" in done.stderr


def test_a_port_in_use_is_told_before_the_build(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = dev("up", directory=tmp_path / "new", port=taken.getsockname()[1])
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert not (tmp_path / "new" / "build").exists()


def test_up_does_the_main_job(first):
    for word in ("register", "mail ", "confirmed", "log-in", "self ", "traits     8", "patterns   3", "memories"):
        assert word in first
    assert first.count("[provider builtin") == 3
    assert "nothing it knows" not in first
    assert f"https://127.0.0.1:{PORT}" in first


def test_the_four_lines_to_try_work(first):
    lines = [line.strip() for line in first.splitlines() if re.match(r"  (T=\$\()?curl ", line)]
    assert len(lines) == 4
    done = subprocess.run(["bash", "-euc", "\n".join(f"{line}; echo" for line in lines)], capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert len(answers) == 3, done.stdout + done.stderr
    assert answers[1]["name"] == "Mara Lindqvist"
    assert "Spant" in answers[2]["reply"]["content"]


def test_postgresql_does_not_run_as_root(first):
    pid = System(DIR).pid("postgres")
    assert os.stat(f"/proc/{pid}").st_uid != 0


def test_a_second_up_is_quick_and_loses_nothing(first):
    system = System(DIR)
    before = system.sql("SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM profile), (SELECT count(*) FROM memory)")
    kept = system.pid("postgres")
    started = time.monotonic()
    done = dev("up")
    took_s = time.monotonic() - started
    assert done.returncode == 0, done.stdout + done.stderr
    # The bound is the issue's; a machine that also runs other tests gets twice that.
    assert took_s < 20
    assert "account of before" in done.stdout
    assert "one of before" in done.stdout
    assert done.stdout.count("[provider builtin") == 3
    assert system.pid("postgres") == kept
    assert before == system.sql("SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM profile), (SELECT count(*) FROM memory)")


def test_the_environment_reaches_the_programs(first):
    done = dev("up", DIGITALME_SERVER_INSTANCE_ID="by-environment")
    assert done.returncode == 0, done.stderr
    head = subprocess.run(["curl", "-sI", "--cacert", System(DIR).ca_file, f"https://127.0.0.1:{PORT}/health"], capture_output=True,
                          text=True, check=True).stdout
    assert "x-instance-id: by-environment" in head.lower()


def test_a_setting_out_of_bounds_is_told(first):
    done = dev("up", DIGITALME_SERVER_API_THREADS="100000")
    assert done.returncode == 1
    assert "DIGITALME_SERVER_API_THREADS" in done.stderr
    assert "256" in done.stderr
    assert dev("up").returncode == 0


def test_status_logs_and_psql(first):
    assert dev("up").returncode == 0
    status = dev("status")
    assert status.returncode == 0
    assert status.stdout.count("pid ") == 6
    assert "digitalme-api.log" in dev("logs").stdout
    assert dev("psql", "-Atc", "SELECT count(*) FROM profile").stdout == "1\n"


def test_down_stops_everything_and_up_finds_it_again(first):
    system = System(DIR)
    pids = [system.pid(part) for part in system.parts]
    assert dev("down").returncode == 0
    assert not any(process_started(pid) for pid in pids)
    assert dev("status").returncode == 3
    assert "run scripts/dev up" in dev("psql").stderr
    done = dev("up")
    assert done.returncode == 0, done.stderr
    assert "one of before" in done.stdout


def test_reset_wants_a_word(first):
    done = dev("reset")
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert (DIR / "system.json").exists()


def test_reset_removes_everything(first):
    assert dev("reset", "--yes").returncode == 0
    assert not DIR.exists()


def test_a_path_too_long_for_a_socket_is_no_obstacle():
    deep = WORK / ("d" * 60) / ("e" * 60)
    system = System(deep, durable=False)
    system.parts = ["postgres", "redis"]
    try:
        system.up()
        assert system.sql("SELECT 1") == [["1"]]
        short = system.run_dir
        assert str(short).startswith("/tmp/")
    finally:
        system.destroy()
    assert not short.exists()


def test_a_killed_part_starts_again():
    system = System(WORK / "killed", durable=False)
    system.parts = ["postgres", "redis"]
    try:
        system.up()
        system.sql("CREATE TABLE kept AS SELECT 7 AS n")
        for part in system.parts:
            system.kill(part)
            assert not system.running(part)
            system.start(part)
        assert system.sql("SELECT n FROM kept") == [["7"]]
    finally:
        system.destroy()


def test_an_unknown_part_is_refused():
    system = System(WORK / "killed")
    try:
        system.prepare()
        with pytest.raises(Trouble, match="no such part"):
            system.start("mainframe")
    finally:
        system.destroy()
