"""Health, and the pages at the site's root."""
import re


def test_health_names_each_dependency_and_its_state(nobody):
    health = nobody.site("GET", "/health", expect=200).json()
    assert health["status"] == "pass"
    assert {check["name"]: check["status"] for check in health["checks"]} == {"database": "pass", "redis": "pass"}
    assert health["instanceId"] == nobody.site("GET", "/health").headers["X-Instance-Id"]


def test_liveness_and_readiness_answer_without_a_credential(nobody):
    assert nobody.site("GET", "/health/live", expect=200).json()["status"] == "pass"
    assert nobody.site("GET", "/health/ready", expect=200).json()["status"] == "pass"


def test_head_answers_as_get_without_a_body(nobody):
    head = nobody.site("HEAD", "/health/live", expect=200)
    get = nobody.site("GET", "/health/live")
    assert head.headers["Content-Type"] == get.headers["Content-Type"] == "application/json"
    assert head.content == b""


def test_jwks_tells_public_keys_only(nobody):
    reply = nobody.site("GET", "/.well-known/jwks.json", expect=200)
    keys = reply.json()["keys"]
    assert keys
    for key in keys:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", key["x"]) and re.fullmatch(r"[A-Za-z0-9_-]{43}", key["y"])
        assert set(key) == {"kty", "crv", "alg", "use", "kid", "x", "y"}, "a private member?"


def test_openapi_served_is_the_one_the_program_prints(nobody, contract):
    assert nobody.get("/openapi.json", expect=200).json() == contract.document


def test_metrics_count_requests_by_row_and_never_by_raw_path(nobody):
    def count():
        text = nobody.site("GET", "/metrics", expect=200).text
        found = re.search(r'^digitalme_http_requests_total\{([^}]*route="site\.versions"[^}]*status="2xx"[^}]*)\} (\d+)$', text, re.M)
        assert "/personality/" not in text and "/health" not in text
        return int(found.group(2)) if found else 0

    before = count()
    nobody.site("GET", "/api/versions", expect=200)
    assert count() == before + 1
