"""A second API process beside a system's own: the same database, Redis and signing keys, doors of its own, no proxy before it."""
import json
import os
import subprocess

from client import BASE
from people import SECRETS
from system import fcgi_request, wait_for


class Beside:
    def __init__(self, system, name, env=None):
        self.doors = {kind: system.run_dir / f"{name}-{kind}.sock" for kind in ("api", "stream")}
        env = {**os.environ, **(env or {}), "DIGITALME_SERVER_API_SOCKET": str(self.doors["api"]),
               "DIGITALME_SERVER_STREAM_SOCKET": str(self.doors["stream"])}
        with open(system.log_dir / f"digitalme-api-{name}.log", "ab") as log:
            self.process = subprocess.Popen([system.program("digitalme-api"), "--config", system.config_file], env=env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.ready, f"the API {name} to serve")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def ready(self):
        assert self.process.poll() is None, "it ended at its start"
        try:
            return self.ask("/health/ready")[0] == 200
        except OSError:
            return False

    def ask(self, path, token=None, method="GET", body=None, door="api"):
        """Status and body of one request."""
        params = {"CONTENT_TYPE": "application/json"} if body is not None else {}
        if token:
            params["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        status, _, reply = fcgi_request(self.doors[door], method, path, json.dumps(body).encode() if body is not None else b"", params, 60)
        return status, json.loads(reply) if reply else None

    def me(self, token):
        return self.ask(BASE + "/auth/me", token)[0]

    def log_in(self, account):
        status, session = self.ask(BASE + "/auth/login", None, "POST", {"email": account.email, "password": account.password}, "stream")
        assert status == 200, session
        SECRETS.update((session["accessToken"], session["refreshToken"]))
        return session
