"""A FastCGI client, to ask a door of the API without a proxy."""
import socket
import struct


def fcgi_request(socket_path, method="GET", uri="/health/live", body=b"", params=None, timeout_s=5):
    """One FastCGI request straight to a door, without a proxy: (status, headers, body). OSError when it cannot be had."""
    path, _, query = uri.partition("?")
    values = {"REQUEST_METHOD": method, "REQUEST_URI": uri, "QUERY_STRING": query, "SCRIPT_NAME": path,
              "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": str(len(body)) if body else "", **(params or {})}

    def size(n):
        return struct.pack("!B", n) if n < 128 else struct.pack("!I", n | 0x80000000)

    def record(kind, content):
        return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content

    pairs = b"".join(size(len(k)) + size(len(v)) + k + v
                     for k, v in ((k.encode(), v.encode()) for k, v in values.items()))
    def stream(kind, content):
        return b"".join(record(kind, content[start:start + 65535]) for start in range(0, len(content), 65535)) + record(kind, b"")

    message = record(1, struct.pack("!HB5x", 1, 0)) + stream(4, pairs) + stream(5, body)
    out = b""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout_s)
        s.connect(str(socket_path))
        s.sendall(message)
        answer = s.makefile("rb")
        while True:
            header = answer.read(8)
            if len(header) < 8:
                raise ConnectionError("the FastCGI reply ended early")
            _, kind, _, length, padding = struct.unpack("!BBHHBx", header)
            content = answer.read(length + padding)[:length]
            if kind == 6:
                out += content
            elif kind == 3:
                break
    head, _, reply = out.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line)
    return int(headers.get("Status", "200").split()[0]), headers, reply
