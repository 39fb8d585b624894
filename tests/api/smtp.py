"""Mail servers that misbehave as told, in place of the system's own sink."""
import asyncio
import ssl
import threading

from aiosmtpd.controller import Controller


class MailServer:
    """Takes the system's SMTP port while the part "smtp" is stopped.

    answer    what it says to a mail: "250 …" takes it, "451 …" asks to come again, "550 …" refuses it for good
    delay_s   how long it thinks before it answers
    hold      an Event: while it is clear, no mail is answered
    """

    def __init__(self, system, answer="250 Taken", delay_s=0.0, tls=True):
        self.system = system
        self.answer = answer
        self.delay_s = delay_s
        self.hold = threading.Event()
        self.hold.set()
        self.begun = []      # Message-IDs in the order their text came
        self.taken = []      # those that were answered with 250
        self.at_once = {}    # Message-ID: how many deliveries of it were open
        self.overlapped = []
        self.encrypted = []  # was the connection?
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(system.dir / "ca" / "server.pem", system.dir / "ca" / "server.key")
        self.controller = Controller(self, hostname="127.0.0.1", port=system.smtp_port, server_hostname="localhost", tls_context=context)

    def __enter__(self):
        self.controller.start()
        return self

    def __exit__(self, *_):
        self.hold.set()
        self.controller.stop()

    async def handle_DATA(self, _server, session, envelope):
        text = envelope.content.decode()
        message_id = next(line for line in text.splitlines() if line.startswith("Message-ID:")).split()[1]
        self.begun.append(message_id)
        self.encrypted.append(session.ssl is not None)
        self.at_once[message_id] = self.at_once.get(message_id, 0) + 1
        if self.at_once[message_id] > 1:
            self.overlapped.append(message_id)
        try:
            while not self.hold.is_set():
                await asyncio.sleep(0.02)
            await asyncio.sleep(self.delay_s)
        finally:
            self.at_once[message_id] -= 1
        if self.answer.startswith("250"):
            self.taken.append(message_id)
        return self.answer
