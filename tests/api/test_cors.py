"""Pages of other sites: the listed ones may call and read every answer, refusals too; all others get no CORS field."""
import pytest

from client import BASE, read_reply, tls_socket
from people import People

pytestmark = pytest.mark.own_system
PAGE, SECOND = "https://app.example", "https://admin.example:8443"
FOREIGN = ["https://evil.example", "https://app.example.evil.example", "http://app.example", "https://app.example:443", "https://APP.example",
           "null", "*", f"{PAGE} {SECOND}"]


@pytest.fixture(scope="module")
def site(own_system):
    return own_system(settings={"cors.origins": f"{PAGE} {SECOND}", "cors.max_age_s": "1234", "limits.anonymous": "200/3600",
                                "limits.superadmin": "2/3600"})


@pytest.fixture(scope="module")
def crowd(site, contract):
    people = People(site, contract)
    yield people
    people.close()


@pytest.fixture(scope="module")
def someone(crowd):
    return crowd.logged_in()


@pytest.fixture
def browser(crowd):
    return crowd.client()


def fields(reply):
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control-")}


def preflight(browser, path, method, origin=PAGE, headers="authorization,content-type", expect=204):
    return browser.site("OPTIONS", path, headers={"Origin": origin, "Access-Control-Request-Method": method,
                                                  "Access-Control-Request-Headers": headers}, expect=expect)


@pytest.mark.parametrize("origin", [PAGE, SECOND])
def test_a_listed_origin_may_call_and_read(someone, browser, origin):
    browser.token = someone.client.token
    reply = browser.get("/auth/me", headers={"Origin": origin}, expect=200)
    assert reply.headers["Access-Control-Allow-Origin"] == origin and reply.headers["Vary"] == "Origin"
    exposed = {name.strip().lower() for name in reply.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"ratelimit", "ratelimit-policy", "retry-after", "x-correlation-id", "etag", "location", "idempotency-replayed"} <= exposed
    assert "access-control-allow-credentials" not in fields(reply)


def test_what_is_exposed_is_all_that_a_reply_has_for_a_page(someone, browser):
    browser.token = someone.client.token
    reply = browser.post("/personality", {"name": "Exposed"}, headers={"Origin": PAGE, "Idempotency-Key": "cors-exposed"}, expect=201)
    exposed = {name.strip().lower() for name in reply.headers["Access-Control-Expose-Headers"].split(",")}
    # What Fetch always shows, what belongs to the connection or to the browser itself.
    shown = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}
    ours = {"date", "connection", "server", "vary", "alt-svc", "transfer-encoding", "content-encoding", "strict-transport-security",
            "x-content-type-options", "x-frame-options", "referrer-policy", "permissions-policy", "content-security-policy",
            "cross-origin-opener-policy", "cross-origin-resource-policy"}
    left = {name.lower() for name in reply.headers} - exposed - shown - ours - set(fields(reply))
    assert not left


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_gets_no_cors_field(browser, origin):
    reply = browser.site("GET", "/api/versions", headers={"Origin": origin}, expect=200)
    assert not fields(reply) and reply.headers["Vary"] == "Origin"
    refused = preflight(browser, f"{BASE}/personality", "POST", origin=origin)
    assert not fields(refused) and refused.headers["Vary"] == "Origin"


def test_without_an_origin_there_is_no_cors_field_but_caches_are_warned(browser):
    reply = browser.site("GET", "/api/versions", expect=200)
    assert not fields(reply) and reply.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path,method,allowed", [
    ("/personality", "POST", {"GET", "POST", "HEAD", "OPTIONS"}),
    ("/personality/018f0000-0000-7000-8000-000000000000", "PATCH", {"GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}),
    ("/auth/login", "POST", {"POST", "OPTIONS"}),
    ("/conversations/018f0000-0000-7000-8000-000000000000/messages", "POST", {"GET", "POST", "HEAD", "OPTIONS"})])
def test_a_preflight_is_answered_from_the_row_without_a_credential(browser, path, method, allowed):
    reply = preflight(browser, BASE + path, method)
    assert reply.headers["Access-Control-Allow-Origin"] == PAGE
    assert set(reply.headers["Access-Control-Allow-Methods"].split(", ")) == allowed
    asked = {name.lower() for name in reply.headers["Access-Control-Allow-Headers"].split(", ")}
    assert {"authorization", "content-type", "idempotency-key", "if-match", "x-api-key", "x-correlation-id"} <= asked
    assert reply.headers["Access-Control-Max-Age"] == "1234" and reply.headers["Vary"] == "Origin"
    assert reply.content == b"" and "access-control-expose-headers" not in fields(reply)


def test_preflights_use_up_no_limit(browser):
    for _ in range(3):
        assert "RateLimit" not in preflight(browser, f"{BASE}/auth/login", "POST").headers


def test_a_preflight_for_nothing_is_404(browser):
    assert "access-control-allow-methods" not in fields(preflight(browser, f"{BASE}/nothing", "GET", expect=404))


def test_refusals_can_be_read_too(site, crowd, someone, browser):
    own = {"Origin": PAGE}
    seen = {}

    def see(reply):
        seen[reply.status_code] = fields(reply).get("access-control-allow-origin"), reply.headers.get("Vary")
    see(browser.get("/auth/me", headers=own, expect=401))
    see(browser.get("/nothing", headers=own, expect=404))
    see(browser.put("/auth/login", {}, headers=own, expect=405))
    browser.token = someone.client.token
    see(browser.post("/personality", content=b"{", headers=own, expect=400))
    see(browser.post("/personality", {"name": ""}, headers=own, expect=422))
    see(browser.get("/personality", headers={**own, "Accept": "image/png"}, expect=406))
    see(browser.post("/personality", content=b"x=1", headers={**own, "Content-Type": "text/plain"}, expect=415))
    boss = crowd.confirmed()
    site.sql(f"UPDATE account SET role = 'SuperAdmin' WHERE email = '{boss.email}'")
    boss.log_in()
    while True:
        reply = boss.client.get("/auth/me", headers=own, expect=(200, 429))
        if reply.status_code == 429:
            see(reply)
            break
    assert seen == dict.fromkeys((400, 401, 404, 405, 406, 415, 422, 429), (PAGE, "Origin"))


def test_an_origin_that_is_no_text_harms_nothing(site):
    """Two Origin fields, and one that would break a line of the reply."""
    for origin in (f"Origin: {PAGE}\r\nOrigin: https://evil.example", "Origin: https://app.example\tSet-Cookie: a=b"):
        with tls_socket(site) as stream:
            stream.sendall(f"GET /api/versions HTTP/1.1\r\nHost: 127.0.0.1\r\n{origin}\r\nConnection: close\r\n\r\n".encode())
            status, headers, _ = read_reply(stream)
        assert status in (200, 400) and headers.get("Access-Control-Allow-Origin") in (None, PAGE) and "Set-Cookie" not in headers


def test_without_a_list_there_is_no_cors(nobody):
    reply = nobody.site("GET", "/api/versions", headers={"Origin": PAGE}, expect=200)
    assert not fields(reply) and "Vary" not in reply.headers
    assert not fields(preflight(nobody, f"{BASE}/personality", "POST"))


@pytest.mark.parametrize("origins,why", [("*", "wildcard"), ("https://*.example", "wildcard"), ("null", "sandboxed"), ("https://app.example/", "not even /"),
                                         ("app.example", "a scheme and a host"), ("https://app.example:443", "leave it out")])
def test_a_list_that_no_browser_would_match_is_refused_at_the_start(ctl, tmp_path, system, origins, why):
    config = tmp_path / "digitalme.conf"
    config.write_text(system.config_file.read_text() + f"\n[cors]\norigins = {origins}\n")
    result = ctl("config", "check", config=config)
    number = len(config.read_text().splitlines())
    assert result.returncode == 1 and f"{config}:{number}: cors.origins: " in result.stderr and why in result.stderr
