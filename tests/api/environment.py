"""Where the tests run, and the contract they hold the program to. Needed when tests are collected, before there is a system."""
import functools
import json
import os
import subprocess
from pathlib import Path

import pytest

from contract import Contract


def _given(name):
    value = os.environ.get(name)
    if not value:
        pytest.exit(f"{name} is not set; run these tests with: scripts/test api", 2)
    return value


BUILD = Path(_given("DM_TEST_BUILD")).absolute()
PROXY = _given("DM_TEST_PROXY")
WORK = Path(_given("DM_TEST_WORK")).absolute()
CTL = BUILD / "fcgi-app" / "ctl" / "digitalmectl"

# Wide enough that only test_limits.py, which has systems of its own, ever meets a limit.
WIDE = {f"limits.{name}": "1000000/60" for name in
        ("anonymous", "user", "admin", "superadmin", "auth", "refresh", "model", "export")}
SETTINGS = {**WIDE, "token.access_s": "3600", "password.queue": "16", "password.wait_ms": "60000",
            "lockout.address_failures": "1000000", "worker.backoff_s": "1", "worker.backoff_max_s": "1"}


@functools.cache
def contract():
    """From the program, so that the tests know every row of what was built."""
    try:
        text = subprocess.run([CTL, "openapi"], capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.exit(f"{CTL} openapi: {e} {getattr(e, 'stderr', '')}", 2)
    return Contract(json.loads(text))
