"""Whether the detector lives, and whether it is ready, as Kubernetes asks; and the port that serves this and the metrics.

A stream that hangs shows in one of two ways. Spark's Java process does not answer: then the main thread, which asks it a few times
a second, does not come round. Or it answers, and the query reports neither progress nor that there is nothing to do.
"""

import errno
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server

from configuration import listening_address
from configuration.serving import PortInUse
from spark_jobs.settings import MicroBatchTrigger, RealTimeTrigger, Trigger

LOOK_S = 120.0
"""Spark's Java process answers within a second, and within this time after the longest pause of its garbage collector."""
PROGRESS_S = 600.0
"""A report takes no longer than this after a start that loads all state, nor where all waits for a store that is slow."""
SLOWEST_RATE = 500
"""Records a second that a batch works off at the least: a tenth of what a core does while its JVM is cold (docs/benchmarks.md)."""
REPORTS = 3
"""So many reports in a row are not missed by chance."""


class Health:
    """What was seen of the stream last. Its methods may be called by any thread."""

    def __init__(self, seconds_since_progress: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing runs yet: alive, and not ready."""
        self._since_progress, self._clock = seconds_since_progress, clock
        self._looked = clock()
        self._limit_s: float | None = None
        self._has_executor = True

    def started(self, trigger: Trigger, max_offsets: int) -> None:
        """The query runs, with this trigger and batches of so many records at most."""
        self.looked()
        self._limit_s = longest_silence(trigger, max_offsets)

    def looked(self) -> None:
        """Spark's Java process has answered."""
        self._looked = self._clock()

    def has_executor(self, is_there: bool) -> None:
        """Whether there is an executor at the moment; unless said otherwise there is."""
        self._has_executor = is_there

    @property
    def not_ready(self) -> str | None:
        """What the query lacks to run; None where it lacks nothing."""
        if self._limit_s is None:
            return "the stream has not begun"
        return None if self._has_executor else "there is no executor"

    def trouble(self) -> str | None:
        """Returns by what one knows that the stream hangs; None where it does not, or has not begun."""
        if self._limit_s is None:
            return None
        silent_s, unanswered_s = self._since_progress(), self._clock() - self._looked
        if unanswered_s > LOOK_S:
            return f"Spark's Java process has not answered for {unanswered_s:.0f} s"
        if silent_s > self._limit_s:
            return f"the query has reported nothing for {silent_s:.0f} s, at most {self._limit_s:.0f} are usual"
        return None


def longest_silence(trigger: Trigger, max_offsets: int) -> float:
    """Returns after how many seconds without a report the query hangs, whatever it may be busy with."""
    period = timedelta()
    if isinstance(trigger, RealTimeTrigger):
        period = trigger.duration
    elif isinstance(trigger, MicroBatchTrigger):
        period = trigger.interval
    return max(PROGRESS_S, max_offsets / SLOWEST_RATE, REPORTS * period.total_seconds())


def serve(registry: CollectorRegistry, health: Health, host: str, port: int) -> None:
    """Serves /healthz, /readyz, and the metrics at /metrics, until the program ends.

    Raises:
        PortInUse: another program has the port.
    """
    try:
        server, _ = start_http_server(port, listening_address(host), registry)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortInUse(f"Port {port} on {host} is in use", "Set metrics.port to a free one, or to 0 for no metrics.") from None
    server.set_app(answers(make_wsgi_app(registry), health))


def answers(metrics: WSGIApplication, health: Health) -> WSGIApplication:
    """Returns what answers: /healthz with 200 unless the stream hangs, /readyz if it runs as well, all else with the metrics."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path not in ("/healthz", "/readyz"):
            return metrics(environ, start_response)
        trouble = health.trouble()
        if path == "/readyz":
            trouble = health.not_ready or trouble
        start_response("503 Service Unavailable" if trouble else "200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{trouble or 'ok'}\n".encode()]

    return answer
