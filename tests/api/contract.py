"""Holds every reply against the contract: the OpenAPI document that the program prints from its own rows, and what api.md says of all
replies. A deviation fails the test that saw it."""
import json
import re
import uuid
from datetime import datetime
from email.utils import parsedate_to_datetime

import jsonschema

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
# A page may run its own script and style, which the policy names by their hash, and ask this site.
PAGE_POLICY = re.compile(r"default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='; connect-src 'self'; "
                         r"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def is_time(value):
    return not isinstance(value, str) or (TIME.fullmatch(value) and datetime.fromisoformat(value[:-1]) is not None)


@formats.checks("uuid", raises=ValueError)
def is_uuid(value):
    return not isinstance(value, str) or str(uuid.UUID(value)) == value


@formats.checks("email")
def is_email(value):
    return not isinstance(value, str) or re.fullmatch(r"[^@\s]+@[^@\s]+", value)


@formats.checks("uri")
def is_uri(value):
    return not isinstance(value, str) or re.match(r"[a-z][a-z0-9+.-]*:", value)


class Operation:
    """One method of one path."""

    def __init__(self, method, path, row):
        self.method = method
        self.path = path
        self.row = row
        self.id = row["operationId"]
        schemes = {name: names for requirement in row["security"] for name, names in requirement.items()}
        self.secured = bool(schemes)
        self.scope = next(iter(schemes.get("apiKey", ())), None)  # that opens it to API keys
        self.role = next((name for name in schemes.get("bearer", ()) if name in ("Admin", "SuperAdmin")), None)
        self.params = re.findall(r"\{(\w+)\}", path)
        self.pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        self.routed = re.compile(re.sub(r"\\\{\w+\\\}", "[0-9A-Fa-f-]{36}", re.escape(path)))  # what the program finds by it
        self.success = next(int(s) for s in row["responses"] if s.startswith("2"))

    def path_with(self, ids):
        """Its path with an id for each parameter."""
        return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], self.path)

    def request_schema(self):
        content = self.row.get("requestBody", {}).get("content")
        return content and content["application/json"]["schema"]


class Contract:
    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver.from_schema(document)
        self.operations = [Operation(method.upper(), path, row)
                           for path, rows in document["paths"].items() for method, row in rows.items()]
        self.served = set()  # operation ids that were answered with their success
        self.seen = set()    # (operation id or None, status)

    def resolve(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def successor(self, path):
        """What an old path stands for; None for any other."""
        for alias in self.document["x-aliases"]:
            if path == alias["path"] or path.startswith(alias["path"] + "/"):
                return alias["successor"] + path.removeprefix(alias["path"])
        return None

    def find(self, method, path):
        path = self.successor(path) or path
        method = "GET" if method == "HEAD" else method
        matches = [o for o in self.operations if o.method == method and o.pattern.fullmatch(path)]
        return min(matches, key=lambda o: len(o.params), default=None)

    def see(self, response):
        """httpx's hook."""
        response.read()
        self.check(response.request.method, response.request.url.raw_path.decode().partition("?")[0], response.status_code,
                   response.headers, response.content)

    def check(self, method, path, status, headers, body):
        operation = self.find(method, path)
        self.seen.add((operation.id if operation else None, status))
        where = f"{method} {path} → {status} {body[:500]!r}: "
        self._check_fields(where, status, headers)
        if headers["X-Instance-Id"] != "proxy":
            self._check_deprecation(where, operation, path, headers)
        if method == "HEAD" or status in (204, 304):
            assert body == b"", where + "a body where none may be"
        elif status >= 400 and not self._documents(operation, status, headers):
            self._check_problem(where, status, headers, body)
        elif operation is None:
            assert status == 204 and method == "OPTIONS", where + "an answer without an operation"
        if operation and method != "HEAD" and status not in (204, 304):
            self._check_content(where, operation, status, headers, body)
        if operation and status == operation.success:
            self.served.add(operation.id)

    def expected(self, operation, status):
        """What the test has brought about is no finding of the whole run."""
        self.seen.remove((operation, status))

    def _check_fields(self, where, status, headers):
        for name, value in SECURITY_HEADERS.items():
            page = name == "Content-Security-Policy" and headers.get("Content-Type", "").startswith("text/html")
            assert PAGE_POLICY.fullmatch(headers[name]) if page else headers.get(name) == value, where + f"{name}: {headers.get(name)}"
        for name in ("X-Correlation-Id", "X-Instance-Id"):
            assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", headers.get(name, "")), where + f"{name}: {headers.get(name)}"
        assert headers.get("API-Version") == "1", where + "no API-Version"
        assert not re.search(r"\d", headers.get("Server", "")), where + f"Server: {headers.get('Server')}"
        assert "X-Powered-By" not in headers and "Status" not in headers, where + "a field that tells of the inside"
        due = {201: "Location", 401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}.get(status)
        assert due is None or headers.get(due), where + f"no {due}"

    def _check_deprecation(self, where, operation, path, headers):
        """RFC 9745, RFC 8594, RFC 8288: told of what is deprecated, and of nothing else. What no row serves may tell it or not."""
        told = {name: headers[name] for name in ("Deprecation", "Sunset", "Link") if name in headers}
        successor = self.successor(path)
        if operation and operation.routed.fullmatch(successor or path) and (successor or operation.row.get("deprecated")):
            assert re.fullmatch(r"@\d+", told["Deprecation"]) and told["Link"].endswith('rel="deprecation"'), where + f"{told}"
            assert parsedate_to_datetime(told["Sunset"]).timestamp() >= int(told["Deprecation"][1:]), where + f"{told}"
            assert not successor or told["Link"].startswith(f'<{successor}>; rel="successor-version"'), where + f"{told}"
        elif not successor:
            assert not told, where + f"{told}"

    def _documents(self, operation, status, headers):
        """Does the operation itself document another body than a problem for this status?"""
        if not operation or str(status) not in operation.row["responses"]:
            return False
        content = self.resolve(operation.row["responses"][str(status)]).get("content", {})
        return headers.get("Content-Type", "").partition(";")[0] in set(content) - {"application/problem+json"}

    def _check_problem(self, where, status, headers, body):
        assert headers.get("Content-Type") == "application/problem+json", where + "not a problem document"
        problem = json.loads(body)
        self._validate(where, problem, {"$ref": "#/components/schemas/Problem"})
        assert problem["status"] == status, where + "another status in the document"
        assert problem["type"].startswith("urn:digitalme:problem:"), where + "a strange type"
        # A path that cannot be read, or is too long to repeat, is left out.
        assert problem.get("detail") and problem.get("instance", "/").startswith("/"), where + "no detail, or a strange instance"
        assert problem["correlationId"] == headers["X-Correlation-Id"], where + "another correlation id in the document"
        for leak in ("postgres", "libpq", "redis", "select ", "insert ", ".c:", "/home/", "/tmp/", "json-c", "stack"):
            assert leak not in problem.get("detail", "").lower(), where + f"tells {leak!r}"

    def _check_content(self, where, operation, status, headers, body):
        responses = operation.row["responses"]
        documented = self.resolve(responses.get(str(status), responses["default"]))
        content = documented.get("content", {})
        if not content:
            assert body == b"", where + "a body that the document does not know"
            return
        media = headers.get("Content-Type", "").partition(";")[0]
        assert media in content, where + f"{media} is not documented, {list(content)} is"
        if "json" in media:
            self._validate(where, json.loads(body), content[media]["schema"])

    def _validate(self, where, value, schema):
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver, format_checker=formats)
        errors = [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(value)]
        assert not errors, where + "; ".join(errors)
