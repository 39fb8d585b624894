#!/usr/bin/python3
"""A mail server for development: takes every mail, delivers none, writes one .eml file a mail. Offers STARTTLS."""
import argparse
import asyncio
import signal
import ssl
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP


class Sink:
    """Writes each mail under a name that sorts by time; whole or not at all, so that a reader never sees half of one."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.count = 0

    async def handle_DATA(self, _server, session, envelope):
        self.count += 1
        name = f"{time.time_ns():019d}-{self.count:04d}.eml"
        head = (f"X-Mail-From: {envelope.mail_from}\r\nX-Mail-To: {', '.join(envelope.rcpt_tos)}\r\n"
                f"X-Transport: {'tls' if session.ssl else 'plain'}\r\n")
        temporary = self.directory / f".{name}"
        temporary.write_bytes(head.encode() + envelope.content)
        temporary.rename(self.directory / name)
        return "250 Taken"


async def serve(options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    sink = Sink(options.dir)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, tls_context=context, hostname="localhost", enable_SMTPUTF8=True, loop=loop),
                                      "127.0.0.1", options.port)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGINT, ended.set)
    await ended.wait()
    server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", required=True, help="where the mails go")
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
