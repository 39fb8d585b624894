"""Small means of the scripts: run a command, wait for a condition, write a file whole, look at a process."""
import contextlib
import os
import random
import socket
import subprocess
import time
from pathlib import Path

START_WAIT_S = 60


class Trouble(Exception):
    """Something a person can act on; the message says what and how."""


def wait_for(condition, what, timeout_s=START_WAIT_S, step_s=0.02):
    """Ask condition() until it is true and return its value. Trouble after timeout_s."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Trouble(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(step_s)


_ports = []  # a socket for each port that this process was given: their names keep others away until it ends


def free_port():
    """
    A TCP port that nobody listens on, and that nobody else who asks here is given while this process lives. Below those that the kernel gives
    to outgoing connections: one of them would take it between now and the listening.
    """
    below = max(11000, int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0]))
    while True:
        port = random.randrange(10000, below)
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket() as s:
            try:
                name.bind(f"\0digitalme-port-{port}")
                s.bind(("", port))
            except OSError:
                name.close()
                continue
        _ports.append(name)
        return port


def write_file(path, text, mode=0o644):
    """Whole or not at all."""
    path = Path(path)
    temporary = path.with_name(path.name + ".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(temporary, mode)
    os.replace(temporary, path)


def run(command, **options):
    """Run to its end, quietly; Trouble with its words when it fails."""
    options.setdefault("stdin", subprocess.DEVNULL)
    try:
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    except FileNotFoundError:
        raise Trouble(f"{command[0]} is not installed; scripts/dev up and scripts/test install what is missing") from None
    if done.returncode != 0:
        raise Trouble(f"{Path(command[0]).name} failed ({done.returncode}): {' '.join(map(str, command))}\n{done.stdout.strip()}")
    return done.stdout


def process_started(pid):
    """When the process began, in the kernel's ticks; None when there is none or it is only waiting to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def children_of(pid):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry.name))
    return found
