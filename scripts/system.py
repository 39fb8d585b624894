"""A whole private DigitalMe in one directory, touching no system service.

scripts/dev, scripts/test and the API tests all stand on this: it makes the keys, certificates, database and configuration, and starts,
stops, kills and restarts each part by its own process id. Only Python's standard library and Debian's programs are used.

    from system import System
    with System("/tmp/try", build="/tmp/build") as system:    # everything up; everything down at the end
        system.url                                             # https://127.0.0.1:PORT
        system.restart("digitalme-api")
        system.kill("redis"); system.start("redis")
        system.sql("SELECT count(*) FROM account")
"""
import base64
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from pathlib import Path

from fcgi import fcgi_request
from tools import Trouble, children_of, free_port, process_started, run, wait_for, write_file

ROOT = Path(__file__).resolve().parent.parent
POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")
SOCKET_PATH_MAX = 107  # sockaddr_un.sun_path less its final NUL
LONGEST_SOCKET = "/pg/.s.PGSQL.5432.lock"
MARK = "system.json"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STOP_WAIT_S = 40


def reachable_by_others(directory):
    """May a user who owns nothing here pass through to this directory?"""
    return all(p.stat().st_mode & stat.S_IXOTH for p in [directory, *directory.parents])


class System:
    """One private system. Parts, in the order they start:

        postgres  redis  smtp  digitalme-api  digitalme-worker  nginx | caddy

    directory   where everything lives; made when it does not exist, used again when it does
    build       the build tree that holds fcgi-app/api/digitalme-api and its brothers
    proxy       "nginx" or "caddy"; both listen on the same port, so one at a time
    port        of the proxy on 127.0.0.1; None takes a free one, the same at the next start
    settings    {"section.key": "value"} for digitalme.conf, over what is written by itself
    env         {"NAME": "value"} for the two programs, over the caller's own environment (DIGITALME_* reach them so)
    hold_sockets  this object holds the API's listening sockets and passes them on as systemd would (LISTEN_FDS), so that a
                client that connects while the API restarts waits instead of failing. Lasts as long as this object.
    modsecurity "DetectionOnly" or "On": nginx has the OWASP Core Rule Set before the program, which tells or also refuses
    durable     False: PostgreSQL does not wait for the disk. A killed process loses nothing, a machine without power would.

    Files: log/PART.log, mail/*.eml, ca/ca.pem (what a client must trust), digitalme.conf, keys/*.pem, run/*.pid.
    """

    def __init__(self, directory, build=None, proxy="nginx", port=None, settings=None, env=None, hold_sockets=False,
                 durable=True, modsecurity=None):
        if proxy not in ("nginx", "caddy"):
            raise Trouble(f"the proxy is nginx or caddy, not {proxy!r}")
        self.dir = Path(directory).absolute()
        self.build = Path(build).absolute() if build else self.dir / "build"
        self.proxy = proxy
        self.settings = dict(settings or {})
        self.env = dict(env or {})
        self.hold_sockets = hold_sockets
        self.durable = durable
        self.modsecurity = modsecurity
        self.parts = ["postgres", "redis", "smtp", "digitalme-api", "digitalme-worker", proxy]
        self._wanted_port = port
        self._state = None
        self._children = {}
        self._sockets = {}
        self._postgres_user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None

    # What a test or a person asks for.

    @property
    def url(self):
        """https://127.0.0.1:PORT"""
        return f"https://127.0.0.1:{self.port}"

    @property
    def port(self):
        return self._load()["port"]

    @property
    def smtp_port(self):
        return self._load()["smtp_port"]

    @property
    def ca_file(self):
        return self.dir / "ca" / "ca.pem"

    @property
    def mail_dir(self):
        return self.dir / "mail"

    @property
    def log_dir(self):
        return self.dir / "log"

    @property
    def run_dir(self):
        """Where the sockets are: run/, or a short directory under /tmp when the path would not fit a socket's address."""
        return Path(self._load()["run_dir"])

    @property
    def config_file(self):
        return self.dir / "digitalme.conf"

    @property
    def redis_socket(self):
        return self.run_dir / "redis.sock"

    def door(self, name):
        """The path of the API's listening socket: "api" or "stream"."""
        return self.run_dir / f"{name}.sock"

    def program(self, name):
        """The path of digitalme-api, digitalme-worker or digitalmectl in the build tree."""
        folder = {"digitalme-api": "api", "digitalme-worker": "worker", "digitalmectl": "ctl"}[name]
        return self.build / "fcgi-app" / folder / name

    def conninfo(self, user="digitalme_owner", database="digitalme"):
        """A libpq connection string. Users: postgres (superuser), digitalme_owner, digitalme_api."""
        text = f"host={self.run_dir}/pg port=5432 dbname={database} user={user}"
        if user == "digitalme_api":
            text += f" password={self._load()['database_password']}"
        return text

    def sql(self, text, user="postgres", database="digitalme"):
        """Run SQL through psql; the rows as a list of lists of text. Trouble when the database refuses."""
        out = run(["psql", "-XqAt", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", self.conninfo(user, database), "-c", text],
                  env=self._clean_env())
        return [line.split("\x1f") for line in out.splitlines()]

    def ssl_context(self):
        """A client's TLS context that trusts this system's CA and nothing else."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def mails(self):
        """The mail files so far, oldest first."""
        return sorted(self.mail_dir.glob("[!.]*.eml"))  # one that is being written begins with a dot

    def ready(self):
        """Does the API say through its own door that it is ready to serve?"""
        try:
            return fcgi_request(self.door("api"), uri="/health/ready", timeout_s=5)[0] == 200
        except OSError:
            return False

    # Life.

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    def up(self, say=lambda text: None):
        """Set up what is missing and start what does not run. say is called with a line for a person at each step."""
        self.prepare()
        for part in self.parts:
            if self.running(part):
                say(f"{part} already runs")
                continue
            self.start(part)
            say(f"{part} started")

    def down(self, say=lambda text: None):
        """Stop every part that runs, last started first."""
        if not (self.dir / MARK).exists():
            return
        for part in ["nginx", "caddy", "digitalme-worker", "digitalme-api", "smtp", "redis", "postgres"]:
            if self.running(part):
                self.stop(part)
                say(f"{part} stopped")
        for held in self._sockets.values():
            held.close()
        self._sockets.clear()

    def destroy(self):
        """Stop everything and remove the directory with all that is in it."""
        if not (self.dir / MARK).exists():
            raise Trouble(f"{self.dir} was not made by this program (it has no {MARK}); it is left alone")
        self.down()
        for path in (self._data_dir().parent, self.run_dir):
            if path.is_dir() and self.dir not in path.parents:
                shutil.rmtree(path)
        shutil.rmtree(self.dir)
        self._state = None

    def running(self, part):
        """Does the process in the part's pid file run (that very process, not a later one with its number)?"""
        self._reap(part)
        return self._pid(part) is not None

    def pid(self, part):
        """The part's process id, None when it does not run."""
        self._reap(part)
        return self._pid(part)

    def start(self, part):
        """Start one part and return when it serves. Does nothing when it runs."""
        if self.running(part):
            return
        command, options = self._command(part)
        self._spawn(part, command, **options)
        self._await_start(part)
        if part == "postgres":
            self._prepare_database()

    def stop(self, part):
        """Ask the part to end (SIGTERM; PostgreSQL's fast stop) and wait; SIGKILL, with a word on stderr, when it does not."""
        pid = self.pid(part)
        if pid is None:
            return
        os.kill(pid, signal.SIGINT if part == "postgres" else signal.SIGTERM)
        try:
            wait_for(lambda: not self.running(part), f"{part} to end", STOP_WAIT_S)
        except Trouble:
            print(f"{part} did not end within {STOP_WAIT_S} s; killed", file=sys.stderr)
            self.kill(part)
        self._pid_file(part).unlink(missing_ok=True)

    def kill(self, part):
        """SIGKILL, to the part and the children it would leave behind, and wait until they are gone."""
        pid = self.pid(part)
        if pid is None:
            return
        pids = [pid, *children_of(pid)]
        for one in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._reap(part)
        wait_for(lambda: self._reap(part) or not any(process_started(one) for one in pids), f"{part} to die", 10)
        self._pid_file(part).unlink(missing_ok=True)

    def reload(self, part, settings=None):
        """Write the configuration with these settings changed, and tell one of the two programs to read it again (SIGHUP)."""
        self.settings.update(settings or {})
        self._write_program_config()
        os.kill(self.pid(part), signal.SIGHUP)

    def restart(self, part):
        self.stop(part)
        self.start(part)

    # Set-up. Each step is whole or not done, so that an interrupted one is simply done again.

    def prepare(self):
        """Make the directory, keys, certificates and configuration. Nothing is started and nothing that exists is replaced."""
        self.check_place()
        try:
            self.dir.mkdir(parents=True, exist_ok=True)
            self._load()
        except PermissionError as e:
            raise Trouble(f"{e.filename}: permission denied; was it made by another user (root)?") from None
        state = self._load()
        if self._wanted_port and state["port"] != self._wanted_port:
            if self.running("nginx") or self.running("caddy"):
                raise Trouble(f"the proxy already runs on port {state['port']}; stop it before it can move to {self._wanted_port}")
            state["port"] = self._wanted_port
            self._save()
        self._make_run_dir()
        for name in ("log", "mail", "keys", "ca", "conf", "redis"):
            (self.dir / name).mkdir(exist_ok=True, mode=0o700)
        self._make_certificates()
        self._make_signing_key()
        self._make_data_dir()
        self._write_program_config()
        self._write_redis_config()
        self._write_proxy_config()

    def check_place(self):
        """Trouble when the directory is somebody else's."""
        if self.dir.exists() and not (self.dir / MARK).exists():
            # scripts/dev puts the build and its log here before anything else.
            if not self.dir.is_dir() or {p.name for p in self.dir.iterdir()} - {"build", "log", "lock", MARK + ".new"}:
                raise Trouble(f"{self.dir} exists and was not made by this program (it has no {MARK}): choose another directory")

    def check_port(self):
        """Trouble when the wanted port cannot be had."""
        self._check_port_free(self.proxy, self._wanted_port or self.port)

    def _load(self):
        if self._state is None:
            mark = self.dir / MARK
            if mark.exists():
                self._state = json.loads(mark.read_text())
            else:
                self._state = {
                    "port": self._wanted_port or free_port(),
                    "smtp_port": free_port(),
                    "run_dir": self._choose_run_dir(),
                    "database_password": secrets.token_urlsafe(24),
                    "pepper": secrets.token_urlsafe(48),
                }
                self._save()
            if "encryption_key" not in self._state:  # one made by an earlier version has none yet
                self._state["encryption_key"] = base64.b64encode(secrets.token_bytes(32)).decode()
                self._save()
        return self._state

    def _save(self):
        write_file(self.dir / MARK, json.dumps(self._state, indent=2) + "\n", 0o600)

    def _short_name(self):
        return "digitalme-" + hashlib.sha256(str(self.dir).encode()).hexdigest()[:12]

    def _choose_run_dir(self):
        here = self.dir / "run"
        fits = len(os.fsencode(str(here) + LONGEST_SOCKET)) <= SOCKET_PATH_MAX
        if fits and (self._postgres_user is None or reachable_by_others(self.dir)):
            return str(here)
        return f"/tmp/{self._short_name()}"

    def _make_run_dir(self):
        # As root the postgres user must pass through to its own socket's directory; nobody else's directory is used.
        mode = 0o711 if self._postgres_user else 0o700
        for path in (self.run_dir, self.dir / "run"):
            path.mkdir(exist_ok=True)
            if path.stat().st_uid != os.geteuid() or path.is_symlink():
                raise Trouble(f"{path} belongs to another user; remove it or choose another directory")
            path.chmod(mode)
        sockets = self.run_dir / "pg"
        sockets.mkdir(exist_ok=True, mode=0o700)
        self._give_to_postgres(sockets)

    def _give_to_postgres(self, path):
        if self._postgres_user:
            user = pwd.getpwnam(self._postgres_user)
            os.chown(path, user.pw_uid, user.pw_gid)

    def _make_certificates(self):
        """A CA that may vouch for this machine's loopback addresses only, and the proxy's and mail sink's certificate."""
        ca = self.dir / "ca"
        if not (ca / "ca.pem").exists():
            write_file(ca / "ca.cnf", "[req]\ndistinguished_name = name\nx509_extensions = ca\nprompt = no\n[name]\n"
                       "CN = DigitalMe development CA\n[ca]\nbasicConstraints = critical, CA:TRUE, pathlen:0\n"
                       "keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n"
                       "nameConstraints = critical, permitted;IP:127.0.0.0/255.0.0.0, permitted;DNS:localhost\n")
            run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                 "-config", ca / "ca.cnf", "-keyout", ca / "ca.key", "-out", ca / "ca.new"])
            os.replace(ca / "ca.new", ca / "ca.pem")
        certificate = ca / "server.pem"
        if certificate.exists() and subprocess.run(["openssl", "x509", "-checkend", "86400", "-noout", "-in", certificate],
                                                   stdout=subprocess.DEVNULL, check=False).returncode == 0:
            return
        write_file(ca / "server.cnf", "basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n"
                   "extendedKeyUsage = serverAuth\nsubjectAltName = IP:127.0.0.1, DNS:localhost\n"
                   "authorityKeyIdentifier = keyid\n")
        run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
             "-keyout", ca / "server.key", "-out", ca / "server.csr"])
        run(["openssl", "x509", "-req", "-in", ca / "server.csr", "-CA", ca / "ca.pem", "-CAkey", ca / "ca.key", "-CAcreateserial",
             "-days", "397", "-extfile", ca / "server.cnf", "-out", ca / "server.new"])
        os.replace(ca / "server.new", certificate)

    def _make_signing_key(self):
        keys = self.dir / "keys"
        if not any(keys.glob("*.pem")):
            kid = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", keys / "key.new"])
            os.chmod(keys / "key.new", 0o600)
            os.replace(keys / "key.new", keys / f"{kid}.pem")

    # PostgreSQL.

    def _data_dir(self):
        return (self.dir / "pg").resolve() / "data"

    def _make_data_dir(self):
        home = self.dir / "pg"
        if self._postgres_user and not reachable_by_others(self.dir):
            real = Path("/var/tmp") / self._short_name()
            if not home.is_symlink():
                home.symlink_to(real)
        else:
            real = home
        real.mkdir(exist_ok=True, mode=0o700)
        if not real.stat().st_uid == os.geteuid() and not self._postgres_user:
            raise Trouble(f"{real} belongs to another user; choose another directory")
        self._give_to_postgres(real)
        data = self._data_dir()
        if not data.exists():
            making = data.with_name("data.new")
            if making.exists():
                shutil.rmtree(making)
            run([*self._as_postgres(), POSTGRES_BIN / "initdb", "-D", making, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                 "--auth=trust", "--no-sync"], cwd="/", env=self._clean_env())
            os.replace(making, data)
        # Only the owner of the socket's directory can reach the server, so the two administrative roles need no password.
        write_file(data / "pg_hba.conf", "local all postgres trust\nlocal all digitalme_owner trust\nlocal all all scram-sha-256\n", 0o600)
        write_file(data / "digitalme.conf",
                   f"listen_addresses = ''\nunix_socket_directories = '{self.run_dir}/pg'\nunix_socket_permissions = 0700\nport = 5432\n"
                   "max_connections = 100\nshared_buffers = 64MB\nlog_line_prefix = '%m [%p] %q%u@%d '\nlog_timezone = 'UTC'\n"
                   "timezone = 'UTC'\n" + ("" if self.durable else "fsync = off\nfull_page_writes = off\n"), 0o600)
        include = "include_if_exists = 'digitalme.conf'\n"
        main = data / "postgresql.conf"
        if include not in main.read_text():
            with open(main, "a", encoding="utf-8") as f:
                f.write(include)
        for path in (data / "pg_hba.conf", data / "digitalme.conf"):
            self._give_to_postgres(path)

    def _as_postgres(self):
        """What to put before a command so that PostgreSQL never runs as root."""
        if not self._postgres_user:
            return []
        user = pwd.getpwnam(self._postgres_user)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]

    def _postgres_accepts(self):
        try:
            lines = (self._data_dir() / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self._pid("postgres")) and lines[7].strip() == "ready"

    def _prepare_database(self):
        """Roles, database and schema. A change that is deployed already is compared, not deployed again."""
        self.deploy_schema("digitalme")

    def deploy_schema(self, database):
        """Bring one database of this server to the newest schema; made when it does not exist."""
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{database}'", database="postgres"):
            run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", self.conninfo("postgres", "postgres"), "-f", ROOT / "schema" / "roles.sql"],
                env=self._clean_env())
            self.sql(f"ALTER ROLE digitalme_api PASSWORD '{self._load()['database_password']}'", database="postgres")
            self.sql(f"CREATE DATABASE {database} OWNER digitalme_owner", database="postgres")
        planned = [line.split()[0] for line in (ROOT / "schema" / "sqitch.plan").read_text().splitlines()
                   if line.strip() and line[0] not in "%#@"]
        deployed = {}
        if self.sql("SELECT 1 FROM pg_tables WHERE schemaname = 'sqitch' AND tablename = 'changes'", database=database):
            deployed = dict(self.sql("SELECT change, script_hash FROM sqitch.changes", database=database))
        for change, known in deployed.items():
            script = ROOT / "schema" / "deploy" / f"{change}.sql"
            if not script.exists() or hashlib.sha1(script.read_bytes()).hexdigest() != known:
                raise Trouble(f"schema/deploy/{change}.sql is not what {self.dir} was made with; revert it, or lose the data there with"
                              " `scripts/dev reset`")
        if set(planned) - set(deployed):
            self.sqitch("deploy", database)

    def sqitch(self, action, database="digitalme", *more):
        """Run `sqitch ACTION` as digitalme_owner against a database of this server; its output."""
        target = f"db:pg://digitalme_owner@/{database}?host={self.run_dir}/pg"
        env = {**self._clean_env(), "SQITCH_FULLNAME": "DigitalMe", "SQITCH_EMAIL": "maintainers@digitalme.example", "LC_ALL": "C.UTF-8"}
        return run(["sqitch", "--quiet", action, *more, "--target", target], cwd=ROOT, env=env)

    # What the parts are told.

    def _write_program_config(self):
        state = self._load()
        values = {
            "server.api_socket": self.door("api"),
            "server.stream_socket": self.door("stream"),
            "server.public_url": f"https://127.0.0.1:{state['port']}",
            "server.data_dir": ROOT / "share",
            "database.conninfo": f"host={self.run_dir}/pg port=5432 dbname=digitalme user=digitalme_api",
            "database.password": state["database_password"],
            "redis.address": f"unix:{self.redis_socket}",
            "log.syslog": "false",
            "log.stderr": "true",
            "token.key_dir": self.dir / "keys",
            "password.pepper": state["pepper"],
            "encryption.key": state["encryption_key"],
            "password.breached_file": ROOT / "share" / "passwords" / "common.sha1",
            "mail.host": "127.0.0.1",
            "mail.port": state["smtp_port"],
            "mail.tls": "when-offered",
            "mail.ca_file": self.ca_file,
            "mail.from": "digitalme@localhost.example",
            **self.settings,
        }
        sections = {}
        for name, value in values.items():
            section, _, key = name.partition(".")
            sections.setdefault(section, []).append(f"{key} = {value}")
        text = "# Written at every start by scripts/system.py.\n"
        for section, lines in sections.items():
            text += f"\n[{section}]\n" + "\n".join(lines) + "\n"
        write_file(self.config_file, text, 0o600)

    def _write_redis_config(self):
        write_file(self.dir / "conf" / "redis.conf",
                   f"port 0\nunixsocket {self.redis_socket}\nunixsocketperm 600\ndir {self.dir}/redis\nsave \"\"\nappendonly no\n"
                   "daemonize no\nloglevel notice\nmaxmemory 64mb\nmaxmemory-policy volatile-lru\n", 0o600)

    def _write_proxy_config(self):
        """The site's own files with this system's places put in. Each place must be found, so that a template cannot drift away."""
        conf = self.dir / "conf"
        ca = self.dir / "ca"
        common = {
            "/run/digitalme/api.sock": str(self.door("api")),
            "/run/digitalme/stream.sock": str(self.door("stream")),
            "/etc/digitalme/tls/server.crt": str(ca / "server.pem"),
            "/etc/digitalme/tls/server.key": str(ca / "server.key"),
        }
        nginx = ROOT / "proxy-conf" / "nginx"
        for path in nginx.glob("snippets/*.conf"):
            write_file(conf / path.name, path.read_text())
        self._derive(nginx / "snippets" / "digitalme-modsecurity.conf", conf / "digitalme-modsecurity.conf", {
            "/etc/nginx/modsecurity/digitalme.conf": f"{conf}/modsecurity-rules.conf",
            "/var/log/nginx/error.log": f"{self.log_dir}/nginx.log",
            "/var/log/nginx/digitalme-modsecurity.log": f"{self.log_dir}/modsecurity.log",
        })
        self._derive(nginx / "modsecurity" / "digitalme.conf", conf / "modsecurity-rules.conf", {
            "\nSecRuleEngine DetectionOnly\n": f"\nSecRuleEngine {self.modsecurity or 'DetectionOnly'}\n",
        })
        switches = ("# include snippets/digitalme-modsecurity.conf;", "# modsecurity off;")
        self._derive(nginx / "digitalme.conf", conf / "nginx-site.conf", {
            **common,
            **{line: line.removeprefix("# ") if self.modsecurity else line for line in switches},
            "snippets/": f"{conf}/",
            "/var/log/nginx/digitalme.log": f"{self.log_dir}/nginx-access.log",
            "listen [::]:443 ssl http2;": "",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port} ssl http2;",
            "server_name digitalme.example;": "server_name 127.0.0.1 localhost;",
        })
        temporary = self.dir / "nginx-tmp"
        temporary.mkdir(exist_ok=True, mode=0o700)
        places = "".join(f"    {kind}_temp_path {temporary}/{kind};\n" for kind in ("client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        write_file(conf / "nginx.conf",
                   ("load_module /usr/lib/nginx/modules/ngx_http_modsecurity_module.so;\n" if self.modsecurity else "") +
                   ("user root;\n" if os.geteuid() == 0 else "") +
                   f"daemon off;\nworker_processes auto;\nworker_rlimit_nofile 16384;\npid {self.dir}/run/nginx-own.pid;\nerror_log stderr warn;\n"
                   "events {\n    worker_connections 12288;\n}\nhttp {\n"
                   f"{places}    include {conf}/nginx-site.conf;\n}}\n")
        self._derive(ROOT / "proxy-conf" / "caddy" / "Caddyfile", conf / "Caddyfile", {
            **common,
            "admin unix//run/caddy/admin.sock": "admin off",
            "https://digitalme.example": f"https://127.0.0.1:{self.port}, https://localhost:{self.port}",
        })

    @staticmethod
    def _derive(template, target, places):
        text = template.read_text()
        for place, value in places.items():
            if place not in text:
                raise Trouble(f"{template} no longer holds {place!r}, which scripts/system.py replaces")
            text = text.replace(place, value)
        write_file(target, text)

    # Processes.

    def _command(self, part):
        """The command of a part and how to run it."""
        state = self._load()
        if part == "postgres":
            return [*self._as_postgres(), POSTGRES_BIN / "postgres", "-D", self._data_dir()], {"cwd": "/", "env": self._clean_env()}
        if part == "redis":
            return ["redis-server", self.dir / "conf" / "redis.conf"], {}
        if part == "smtp":
            return ["/usr/bin/python3", ROOT / "scripts" / "smtp_sink.py", "--port", str(state["smtp_port"]), "--dir", self.mail_dir,
                    "--certificate", self.dir / "ca" / "server.pem", "--key", self.dir / "ca" / "server.key"], {}
        if part in ("digitalme-api", "digitalme-worker"):
            program = self.program(part)
            if not program.exists():
                raise Trouble(f"{program} is not built")
            return [program, "--config", self.config_file], {"env": {**os.environ, **self.env}}
        if part == "nginx":
            return ["nginx", "-p", self.dir, "-e", "stderr", "-c", self.dir / "conf" / "nginx.conf"], {"env": self._clean_env()}
        if part == "caddy":
            home = self.dir / "caddy"
            home.mkdir(exist_ok=True, mode=0o700)
            return (["caddy", "run", "--config", self.dir / "conf" / "Caddyfile", "--adapter", "caddyfile"],
                    {"env": {**self._clean_env(), "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}})
        raise Trouble(f"no such part: {part} (there are {', '.join(self.parts)})")

    def _spawn(self, part, command, env=None, cwd=None):
        if part in ("nginx", "caddy"):
            self.check_port()
        elif part == "smtp":
            self._check_port_free(part, self.smtp_port)
        command = [str(word) for word in command]
        env = dict(env if env is not None else os.environ)
        env["PATH"] = PATH
        fds = ()
        if part == "digitalme-api" and self.hold_sockets:
            command, fds = self._pass_sockets(command, env)
        try:
            with open(self.log_dir / f"{part}.log", "ab") as log:
                child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=cwd or self.dir,
                                         start_new_session=True, pass_fds=fds)
        except FileNotFoundError:
            raise Trouble(f"{command[0]} is not installed; scripts/dev up and scripts/test install what is missing") from None
        self._children[part] = child
        started = process_started(child.pid)
        write_file(self._pid_file(part), f"{child.pid} {started}\n")

    def _check_port_free(self, part, port):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except PermissionError:
                raise Trouble(f"port {port} for {part} may only be used by root; choose one above 1023 (DM_DEV_PORT)") from None
            except OSError:
                raise Trouble(f"port {port} for {part} is in use by another program; choose another (DM_DEV_PORT)") from None

    def _pass_sockets(self, command, env):
        """Hand the doors over as systemd's socket unit does: from file descriptor 3 on, named, for exactly that process."""
        for name in ("api", "stream"):
            if name not in self._sockets:
                path = self.door(name)
                path.unlink(missing_ok=True)
                with socket.socket(socket.AF_UNIX) as s:
                    s.bind(str(path))
                    s.listen(1024)
                    s.setblocking(False)
                    self._sockets[name] = socket.socket(fileno=fcntl.fcntl(s.fileno(), fcntl.F_DUPFD_CLOEXEC, 20))
        api, stream = (self._sockets[name].fileno() for name in ("api", "stream"))
        env.update(LISTEN_FDS="2", LISTEN_FDNAMES="api:stream")
        script = f'exec 3<&{api} 4<&{stream} {api}<&- {stream}<&-; LISTEN_PID=$$ exec "$@"'
        return ["bash", "-c", script, "bash", *command], (api, stream)

    def _await_start(self, part):
        checks = {
            "postgres": self._postgres_accepts,
            "redis": lambda: self._says(socket.AF_UNIX, str(self.redis_socket), b"+PONG", b"PING\r\n"),
            "smtp": lambda: self._says(socket.AF_INET, ("127.0.0.1", self.smtp_port), b"220"),
            "digitalme-api": self.ready,
            "digitalme-worker": self._worker_listens,
            "nginx": lambda: self._says_tls(),
            "caddy": lambda: self._says_tls(),
        }

        def started():
            if not self.running(part):
                raise Trouble(f"{part} ended at its start; the end of {self.log_dir}/{part}.log:\n{self.log_tail(part)}")
            return checks[part]()

        try:
            wait_for(started, f"{part} to serve")
        except Trouble as e:
            if "in vain" in str(e):
                tail = self.log_tail(part)
                self.stop(part)
                raise Trouble(f"{e}; the end of {self.log_dir}/{part}.log:\n{tail}") from None
            raise

    def _says(self, family, address, expected, question=b""):
        try:
            with socket.socket(family) as s:
                s.settimeout(2)
                s.connect(address)
                s.sendall(question)
                return s.recv(64).startswith(expected)
        except OSError:
            return False

    def _says_tls(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as s:
                with self.ssl_context().wrap_socket(s, server_hostname="127.0.0.1"):
                    return True
        except ssl.SSLError as e:
            raise Trouble(f"the proxy's certificate does not hold: {e}") from None
        except OSError:
            return False

    def _worker_listens(self):
        return self.sql("SELECT 1 FROM pg_stat_activity WHERE query ILIKE 'LISTEN %' AND usename = 'digitalme_api' LIMIT 1")

    def log_tail(self, part, lines=15):
        with contextlib.suppress(FileNotFoundError):
            return "\n".join((self.log_dir / f"{part}.log").read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _pid_file(self, part):
        return self.dir / "run" / f"{part}.pid"

    def _pid(self, part):
        try:
            pid, started = self._pid_file(part).read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if str(process_started(pid)) == started else None

    def _reap(self, part):
        child = self._children.get(part)
        if child and child.poll() is not None:
            del self._children[part]

    @staticmethod
    def _clean_env():
        """The caller's environment without what would lead PostgreSQL's clients or a locale-less machine astray."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "SQITCH_"))}
        return {**env, "PATH": PATH, "LANG": "C.UTF-8"}
