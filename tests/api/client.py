"""A client of the API through the proxy. Paths are below /api/v1; site() takes those at the root."""
import json
import socket

import httpcore
import httpx

BASE = "/api/v1"
NO_BODY = object()


class NoDelay(httpcore.backends.sync.SyncBackend):
    """httpcore writes head and body apart: without TCP_NODELAY each body would wait 40 ms for the head's delayed ACK."""

    def connect_tcp(self, *args, **options):
        stream = super().connect_tcp(*args, **options)
        stream.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream


class Client:
    """Checks every reply against the contract. address: the loopback address to come from (127.0.0.0/8)."""

    def __init__(self, system, contract, token=None, address=None, http2=False, timeout_s=30):
        self.system = system
        self.contract = contract
        self.token = token
        self.address = address
        transport = httpx.HTTPTransport(verify=system.ssl_context(), http2=http2, local_address=address, trust_env=False)
        transport._pool._network_backend = NoDelay()
        self.http = httpx.Client(base_url=system.url, transport=transport, timeout=timeout_s, trust_env=False,
                                 event_hooks={"response": [contract.see]})

    def close(self):
        self.http.close()

    def site(self, method, path, body=NO_BODY, headers=None, content=None, params=None, expect=None):
        """One request. body: to be sent as JSON; content: raw bytes instead; params: for the query; expect: the status, or several, that must come."""
        sent = {}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not NO_BODY:
            content = json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        response = self.http.request(method, path, content=content, headers=sent, params=params)
        if expect is not None:
            expected = expect if isinstance(expect, tuple) else (expect,)
            assert response.status_code in expected, f"{method} {path} → {response.status_code}: {response.text}"
        return response

    def call(self, method, path, body=NO_BODY, **options):
        return self.site(method, BASE + path, body, **options)

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body=NO_BODY, **options):
        return self.call("POST", path, body, **options)

    def put(self, path, body=NO_BODY, **options):
        return self.call("PUT", path, body, **options)

    def patch(self, path, body=NO_BODY, **options):
        return self.call("PATCH", path, body, **options)

    def delete(self, path, body=NO_BODY, **options):
        return self.call("DELETE", path, body, **options)

    def pages(self, path, limit):
        """The items of a list, page by page, each page a list."""
        cursor, pages = None, []
        while True:
            page = self.get(path + f"?limit={limit}" + (f"&cursor={cursor}" if cursor else ""), expect=200).json()
            pages.append(page["items"])
            cursor = page["nextCursor"]
            if cursor is None:
                return pages


def violations(response):
    """{pointer: code} of a 422."""
    assert response.status_code == 422, f"{response.request.method} {response.request.url} → {response.status_code}: {response.text}"
    return {e["pointer"]: e["code"] for e in response.json()["errors"]}


def tls_socket(system, timeout_s=15):
    """A TLS connection to the proxy for what no HTTP library would send."""
    plain = socket.create_connection(("127.0.0.1", system.port), timeout_s)
    return system.ssl_context().wrap_socket(plain, server_hostname="127.0.0.1")


def read_reply(stream):
    """Status, headers and body of an HTTP/1.1 reply on a socket that the server closes; None when it closed without a word."""
    raw = b""
    try:
        while chunk := stream.recv(65536):
            raw += chunk
    except OSError:
        pass
    head, found, body = raw.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), httpx.Headers([line.split(": ", 1) for line in lines if ": " in line]), body
