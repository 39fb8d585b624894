#!/usr/bin/python3
"""The servers that the HTTP client's unit tests call: one in the clear, one by TLS, one by a TLS that nobody should speak any more. Each path is a way to
behave. Prints the three ports on one line, then serves until its standard input ends."""
import argparse
import gzip
import http.server
import socket
import ssl
import sys
import threading
import time
import urllib.parse
import warnings

GONE = threading.Event()  # the reader of /stream has gone away
STEP_S = 0.02


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = {name: int(value) for name, value in urllib.parse.parse_qsl(url.query)}
        getattr(self, "path_" + url.path.strip("/").replace("-", "_"))()

    do_POST = do_GET

    def raw(self, text):
        self.wfile.write(text if isinstance(text, bytes) else text.encode())

    def answer(self, body, status=200, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.raw(body)

    def for_ever(self, piece):
        """Until the client has had enough."""
        self.close_connection = True
        try:
            while True:
                self.raw(piece)
                time.sleep(STEP_S)
        except OSError:
            GONE.set()

    def path_echo(self):
        """What came, to the letter."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(f"{self.requestline}\n{self.headers}".encode() + body, X_One="1", x_two=" two ")

    def path_bytes(self):
        body = bytes(i % 251 for i in range(self.query["n"]))
        if not self.query.get("chunked"):
            return self.answer(body)
        self.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for at in range(0, len(body), 50_000):
                part = body[at:at + 50_000]
                self.raw(b"%x\r\n%b\r\n" % (len(part), part))
            self.raw("0\r\nX-Late: 1\r\n\r\n")
        except OSError:
            self.close_connection = True

    def path_status(self):
        self.answer(b"why", self.query["code"], Location=f"http://{self.headers['Host']}/echo", Retry_After="7")

    def path_header(self):
        self.raw("HTTP/1.1 200 OK\r\n" + "".join(f"X-{n:05}: {'v' * 90}\r\n" for n in range(self.query["n"])) + "Content-Length: 0\r\n\r\n")

    def path_interim(self):
        self.raw("HTTP/1.1 102 Processing\r\nX-Interim: 1\r\n\r\n" * self.query["n"] + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def path_gzip(self):
        self.answer(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")

    def path_cut(self):
        self.close_connection = True
        self.raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.")

    def path_nonsense(self):
        self.close_connection = True
        self.raw("220 mail.example ESMTP\r\n")

    def path_silent(self):
        self.close_connection = True
        self.rfile.read(1)

    def path_slow_header(self):
        self.raw("HTTP/1.1 200 OK\r\nX-Slow: ")
        self.for_ever("x")

    def path_stream(self):
        GONE.clear()
        self.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.for_ever("9\r\ndata: x\n\n\r\n")

    def path_gone(self):
        self.answer(b"gone" if GONE.wait(10) else b"still there")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    tls = None

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls = tls
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, address):
        """The handshake belongs to the connection's own thread."""
        try:
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
            super().finish_request(request, address)
            if self.tls:
                request.unwrap().close()
        except (OSError, ssl.SSLError):
            pass

    def handle_error(self, *_):
        pass


def context(options, old):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.certificate, options.key)
    if old:
        warnings.simplefilter("ignore", DeprecationWarning)
        tls.set_ciphers("ALL:@SECLEVEL=0")
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    return tls


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    servers = [Server(), Server(context(options, old=False)), Server(context(options, old=True))]
    print(*(server.server_port for server in servers), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    socket.setdefaulttimeout(30)
    main()
