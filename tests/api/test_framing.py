"""Where a request ends and what its fields are: what two readers of HTTP could take in two ways gets nobody a second request, nor a
field that was never sent as one."""
import contextlib
import secrets
import socket

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest

from client import read_reply, tls_socket
from system import wait_for

# What a proxy and what lies behind it could disagree about.
LENGTHS = {
    "both ways": ["Content-Length: {n}", "Transfer-Encoding: chunked"],
    "both ways, the other first": ["Transfer-Encoding: chunked", "Content-Length: {n}"],
    "two lengths": ["Content-Length: {n}", "Content-Length: 5"],
    "two lengths in one field": ["Content-Length: {n}, 5"],
    "a length with a sign": ["Content-Length: +{n}"],
    "a length with a base": ["Content-Length: 0x{n}"],
    "an encoding nobody knows": ["Transfer-Encoding: xchunked", "Content-Length: {n}"],
    "an encoding behind a blank": ["Transfer-Encoding : chunked", "Content-Length: {n}"],
    "an encoding on a folded line": ["X: 1", " Transfer-Encoding: chunked", "Content-Length: 5"],
    "an encoding twice": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Content-Length: {n}"],
    "an encoding behind another": ["Transfer-Encoding: identity, chunked", "Content-Length: {n}"],
    "an encoding after a bare CR": ["X: 1\rTransfer-Encoding: chunked", "Content-Length: {n}"],
    "an encoding after a NUL": ["X: 1\0", "Transfer-Encoding: chunked", "Content-Length: {n}"],
}


@pytest.mark.parametrize("what", LENGTHS)
def test_two_ways_to_say_a_length_smuggle_nothing(system, nobody, what):
    hidden, after = (f"{name}-{secrets.token_hex(6)}" for name in ("hidden", "after"))
    body = f"0\r\n\r\nGET /api/versions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Correlation-Id: {hidden}\r\n\r\n"
    fields = "\r\n".join(LENGTHS[what]).format(n=len(body))
    with tls_socket(system) as stream:
        stream.sendall(f"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                       f"Connection: close\r\n{fields}\r\n\r\n{body}".encode())
        raw = read_reply(stream)
    assert raw is None or 400 <= raw[0] < 500 or raw[0] == 501
    assert raw is None or b"HTTP/1.1" not in raw[2], "one request was answered twice"
    # The log is in order: when this one's line is there, the hidden one's would be too.
    nobody.site("GET", "/api/versions", headers={"X-Correlation-Id": after}, expect=200)
    log = system.log_dir / "digitalme-api.log"
    wait_for(lambda: after in log.read_text(errors="replace"), "the log's line", 10)
    assert hidden not in log.read_text(errors="replace")


def ask_by_http_2(system, more):
    """Status, or None when the stream or the connection was refused. Nothing of what is sent is looked at on this side."""
    context = system.ssl_context()
    context.set_alpn_protocols(["h2"])
    config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None)
    connection = h2.connection.H2Connection(config)
    with socket.create_connection(("127.0.0.1", system.port), 15) as plain, \
            context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
        connection.initiate_connection()
        connection.send_headers(1, [(b":method", b"GET"), (b":path", b"/api/versions"), (b":scheme", b"https"),
                                    (b":authority", b"127.0.0.1"), *more], end_stream=True)
        stream.sendall(connection.data_to_send())
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            while data := stream.recv(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.ResponseReceived):
                        return int(dict(event.headers)[b":status"])
                    if isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                        return None
    return None


NO_FIELDS = {
    "a line end in a value": (b"x-one", b"1\r\nx-two: 2"),
    "a bare LF in a value": (b"x-one", b"1\nx-two: 2"),
    "a NUL in a value": (b"x-one", b"1\0"),
    "a line end in a name": (b"x-one\r\nx-two", b"1"),
    "a colon in a name": (b"x-one: 1", b"1"),
    "a capital in a name": (b"X-One", b"1"),
    "an empty name": (b"", b"1"),
    "a pseudo-field that there is not": (b":x-one", b"1"),
    "a second path": (b":path", b"/metrics"),
}


@pytest.mark.parametrize("what", NO_FIELDS)
def test_http_2_takes_no_line_end_and_no_name_that_is_none(system, what):
    assert ask_by_http_2(system, [(b"x-sound", b"1")]) == 200
    assert ask_by_http_2(system, [NO_FIELDS[what]]) in (None, 400)


@pytest.mark.parametrize("name,value", [(b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"upgrade", b"h2c"),
                                        (b"keep-alive", b"1"), (b"proxy-connection", b"close"), (b"te", b"gzip")])
def test_http_2_obeys_no_field_of_the_connection(system, name, value):
    """Refused, or passed over: it is no part of the request that the program gets."""
    assert ask_by_http_2(system, [(name, value)]) in (None, 200, 400)
