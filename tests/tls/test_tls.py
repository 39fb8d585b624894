"""The TLS of both proxies, as testssl.sh finds it and as SSL Labs would grade it. Slow: every protocol and cipher is tried.

Debian 12's testssl.sh (3.0) finds but does not grade, so the grade is reckoned here by SSL Labs' SSL Server Rating Guide, version 2009r."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from system import System  # noqa: E402

WORK = Path(os.environ["DM_TEST_WORK"])
GRAVE = ("MEDIUM", "HIGH", "CRITICAL")
# What testssl.sh complains of, and why it stands.
PASSED_OVER = {
    "cipher_order": "all ciphers are strong, so the client may choose: it knows best whether it has AES in hardware",
    "cert_revocation": "the certificate is this test's own; a public authority names its list of revoked ones in it",
}
PROTOCOLS = {"SSLv2": 0, "SSLv3": 80, "TLS1": 90, "TLS1_1": 95, "TLS1_2": 100, "TLS1_3": 100}
OLD = ("SSLv2", "SSLv3", "TLS1", "TLS1_1")
HALF_A_YEAR_S = 15_768_000


def scored(value, steps):
    """What the first step says that the value is below."""
    return next(score for below, score in steps if value < below)


def rsa_bits(kind, bits):
    """The RSA key as strong as this one (NIST SP 800-57 part 1, table 2)."""
    return scored(bits, [(224, 1024), (250, 2048), (384, 3072), (512, 7680), (1024, 15360)]) if kind.startswith("EC") else bits


class Findings:
    def __init__(self, found):
        self.found = {one["id"]: one for one in found}
        self.ciphers = [one["finding"] for one in found if re.fullmatch(r"cipher_x\w+", one["id"])]

    def text(self, name):
        return self.found[name]["finding"]

    def offered(self):
        return [name for name in PROTOCOLS if self.text(name).startswith("offered")]

    def grave(self):
        return {name: one["finding"] for name, one in self.found.items() if one["severity"] in GRAVE and name not in PASSED_OVER}

    def weakest_key(self):
        """Of the certificate and of all key exchanges, as bits of RSA."""
        keys = re.findall(r"\b(ECDH|DH|RSA) (\d+)\b", "\n".join(self.ciphers)) + re.findall(r"^(\w+) (\d+) bits", self.text("cert_keySize"))
        return min(rsa_bits(kind, int(bits)) for kind, bits in keys)

    def scores(self):
        """Protocol support, key exchange, cipher strength."""
        protocols = [PROTOCOLS[name] for name in self.offered()]
        key = scored(self.weakest_key(), [(512, 20), (1024, 40), (2048, 80), (4096, 90), (1 << 20, 100)])
        ciphers = [scored(int(re.search(r"\s(\d+)\s+\S+\s*$", one).group(1)), [(1, 0), (128, 20), (256, 80), (1 << 20, 100)])
                   for one in self.ciphers]
        return (min(protocols) + max(protocols)) / 2, key, (min(ciphers) + max(ciphers)) / 2

    def worst_allowed(self):
        """What else is the case holds the grade down, whatever the scores."""
        old = set(OLD) & set(self.offered())
        aead = all(re.search("GCM|CCM|ChaCha", one) for one in self.ciphers)
        if "TLS1_2" not in self.offered() and "TLS1_3" not in self.offered():
            return "C"
        return "B" if old or not aead or self.found["PFS"]["severity"] != "OK" or self.weakest_key() < 2048 else "A"

    def hsts_s(self):
        found = re.search(r"=(\d+) s", self.found.get("HSTS_time", {"finding": ""})["finding"])
        return int(found.group(1)) if found else 0

    def grade(self):
        if self.found["cert_chain_of_trust"]["severity"] != "OK":
            return "T"
        if self.grave():
            return "F"
        protocol, key, cipher = self.scores()
        lost = 100 - (0.3 * protocol + 0.3 * key + 0.4 * cipher)
        grade = max(self.worst_allowed(), scored(lost, [(20.01, "A"), (35.01, "B"), (50.01, "C"), (65.01, "D"), (80.01, "E"), (101, "F")]))
        return "A+" if grade == "A" and self.hsts_s() >= HALF_A_YEAR_S else grade


@pytest.fixture(scope="module")
def found():
    """testssl.sh's findings: found("nginx")."""
    known = {}

    def find(proxy):
        raw = WORK / f"{proxy}.json"
        with System(WORK / proxy, build=os.environ["DM_TEST_BUILD"], proxy=proxy, durable=False) as system:
            done = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--ip", "127.0.0.1", "--add-ca", system.ca_file,
                                   "--jsonfile", raw, "-p", "-s", "-f", "-P", "-S", "-h", "-U", "-e", f"localhost:{system.port}"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False)
        assert raw.exists(), done.stdout + done.stderr
        return json.loads(raw.read_text())

    return lambda proxy: known[proxy] if proxy in known else known.setdefault(proxy, find(proxy))


@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
def test_the_grade_is_an_a_at_least(found, proxy):
    findings = Findings(found(proxy))
    scores = "protocols {:g}, key exchange {:g}, ciphers {:g}".format(*findings.scores())
    (WORK / f"{proxy}.grade").write_text(f"{findings.grade()} ({scores})\n")
    assert not findings.grave()
    assert findings.grade() in ("A", "A+"), scores


@pytest.mark.parametrize("name,severity,finding,grade", [
    ("TLS1", "LOW", "offered (deprecated)", "B"),
    ("TLS1_1", "LOW", "offered (deprecated)", "B"),
    ("PFS", "LOW", "not offered", "B"),
    ("cipher_x002f", "LOW", "x2f AES128-SHA RSA 2048 AES 128 TLS_RSA_WITH_AES_128_CBC_SHA", "B"),
    ("cert_keySize", "LOW", "RSA 1024 bits", "B"),
    ("HSTS_time", "LOW", "30 days (=2592000 seconds) is too short", "A"),
    ("heartbleed", "CRITICAL", "VULNERABLE", "F"),
    ("cert_chain_of_trust", "CRITICAL", "failed (self signed)", "T"),
])
def test_what_is_worse_has_a_worse_grade(found, name, severity, finding, grade):
    """The reckoning itself: the findings of nginx with one of them spoilt."""
    others = [one for one in found("nginx") if one["id"] != name]
    assert Findings([*others, {"id": name, "severity": severity, "finding": finding}]).grade() == grade
