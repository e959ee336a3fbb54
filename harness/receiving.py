"""Servers that a notifier sends to: a receiver of webhooks, a mail server, and one that takes connections and says nothing."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from local.process import HOST, free_port

TIMEOUT_S = 60.0


class Got(NamedTuple):
    """A request, as it came; `at` in seconds since 1970."""

    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        """Of the message."""
        return self.headers["webhook-id"]

    @property
    def alerts(self) -> list[str]:
        """The alert_ids of the message."""
        return [one["alert_id"] for one in json.loads(self.body)["data"]["alerts"]]


class Inbox:
    """What a server has got, in its order. Safe for threads."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._changed = threading.Condition()

    def put(self, one: Any) -> None:
        """Adds what has come."""
        with self._changed:
            self.all.append(one)
            self._changed.notify_all()

    def until(self, is_so: Callable[[list[Any]], bool]) -> None:
        """Returns once it is so; fails once nothing has come for a minute."""
        with self._changed:
            while not is_so(self.all):
                assert self._changed.wait(TIMEOUT_S), f"{len(self.all)} have come"


class Receiver:
    """Takes webhooks at `url`. `answers` gives the status of each; it may do something first, as the sender waits for it."""

    def __init__(self, address: str) -> None:
        self.url = f"http://{address}/hook?token=sesame"
        self.inbox = Inbox()
        self.answers: Callable[[Got], int] = lambda _: 204

    @property
    def alerts(self) -> set[str]:
        """The alert_ids of all that has come."""
        return {alert for one in self.inbox.all for alert in one.alerts}

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keeps a request; returns the status of the answer."""
        got = Got(headers, body, time.time())
        self.inbox.put(got)
        return self.answers(got)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Runs a receiver meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Hands the request over."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = one.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 the server's name
            """Writes nothing."""

        def handle(self) -> None:
            """A sender may be killed amid its request."""
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    one = Receiver(f"{HOST}:{server.server_port}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()


class MailServer:
    """Takes mail for anybody; `answers` gives the line with which each is taken, or refused."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.inbox = Inbox()
        self.answers: Callable[[EmailMessage], str] = lambda _: "250 OK"
        self.refuses: set[str] = set()
        """Recipients that there are not."""

    async def handle_RCPT(  # noqa: N802 aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Takes a recipient, or refuses it for good."""
        if address in self.refuses:
            return "550 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        """Keeps a mail."""
        mail = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]  # bytes by default
        assert isinstance(mail, EmailMessage)
        self.inbox.put(mail)
        return self.answers(mail)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Runs a mail server meanwhile."""
    one = MailServer(free_port())
    controller = Controller(one, hostname=HOST, port=one.port)
    controller.start()
    try:
        yield one
    finally:
        controller.stop()


@contextmanager
def silent_server() -> Iterator[int]:
    """Gives the port of a server that takes connections and never says a word."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        found.listen(100)
        yield found.getsockname()[1]
