"""Means of scripts/bench: runs of wrk, the processor time and memory of processes, percentiles."""
import os
import re
import statistics
from pathlib import Path

from system import Trouble, children_of, run

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def family(pid):
    return [pid, *children_of(pid)]


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_A_SECOND


def resident_mb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise Trouble(f"no resident memory is told for process {pid}")


def in_ms(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def wrk_command(url, connections, seconds, token=None, script=None, arguments=()):
    command = ["wrk", "--latency", "-t", "1" if connections == 1 else "2", "-c", connections, "-d", f"{seconds}s", "--timeout", "10s"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    if script:
        command += ["-s", script]
    return [str(word) for word in [*command, url, *(["--", *arguments] if arguments else [])]]


def wrk_figures(out):
    """What a run of wrk printed: requests, requests a second, latencies in ms, and how many were no 2xx."""
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    return {
        "requests": int(re.search(r"(\d+) requests in", out).group(1)),
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
        "p50": in_ms(re.search(r"^\s+50%\s+(\S+)", out, re.M).group(1)),
        "p99": in_ms(re.search(r"^\s+99%\s+(\S+)", out, re.M).group(1)),
        "bad": (int(errors.group(1)) if errors else 0) + (sum(map(int, sockets.groups())) if sockets else 0),
    }


def load(url, token, connections, seconds, processes):
    """One run of wrk, with the CPU ms a thousand requests."""
    before = {name: cpu_seconds(pids) for name, pids in processes().items()}
    figures = wrk_figures(run(wrk_command(url, connections, seconds, token)))
    spent = {name: cpu_seconds(pids) - before[name] for name, pids in processes().items()}
    return {**figures, "cpu": {name: seconds * 1e6 / max(figures["requests"], 1) for name, seconds in spent.items()}}


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def percentile(values, share):
    """The smallest value that is not below this share of all."""
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def load_average():
    """What else the machine does: processes that want a processor, over the last minute."""
    return f"load {os.getloadavg()[0]:.1f}"
