"""/metrics for Prometheus, and /healthz for Kubernetes, on one port. It needs prometheus-client, which not every program has."""

import errno
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from pydantic import BaseModel, ConfigDict, Field

from configuration.errors import FraudDetectionError
from configuration.listening import listening_address

Environment = dict[str, Any]


class PortInUse(FraudDetectionError):
    """Another program listens on the port of the metrics."""


class Serving(BaseModel):
    """Where metrics are served."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: int = Field(8001, ge=0, le=65_535, description="Port of /metrics and /healthz; 0: a free one, which the log names")
    host: str = Field("127.0.0.1", description="Address at which the port listens; use :: in a pod, which is every address")


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request: one that is slow to read holds up no other."""

    daemon_threads = True


class _ServerOfIPv6(_Server):
    """Takes IPv4's connections too, where its address is every address."""

    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    """Says nothing of requests."""

    timeout = 10
    """Seconds in which a request has to come."""

    def log_message(self, *_: object) -> None:
        """Writes nothing."""


@contextmanager
def serving(registry: CollectorRegistry, host: str, port: int, works: Callable[[], bool]) -> Iterator[int]:
    """Serves meanwhile, and gives the port: /metrics, and /healthz, which is 503 unless the program `works`.

    Raises:
        PortInUse: another program listens there, or the address is none of this machine's.
    """
    metrics = make_wsgi_app(registry)

    def answer(environment: Environment, start: Callable[..., Any]) -> Iterable[bytes]:
        path = environment.get("PATH_INFO")
        if path == "/metrics":
            page: Iterable[bytes] = metrics(environment, start)
            return page
        found = path == "/healthz"
        status = "404 Not Found" if not found else "200 OK" if works() else "503 Service Unavailable"
        start(status, [("Content-Type", "text/plain")])
        return [f"{status}\n".encode()]

    address = listening_address(host)
    try:
        server = make_server(address, port, answer, _ServerOfIPv6 if ":" in address else _Server, _Handler)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
            raise
        raise PortInUse(
            f"Nothing can listen on port {port} of {host}: {error.strerror}", "Set metrics.host and metrics.port."
        ) from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
