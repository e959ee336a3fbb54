"""What Kubernetes is told: a stream that hangs does not live, and one that starts, loads its state or catches up does."""

import socket
from collections.abc import Callable
from datetime import timedelta
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Gauge

from spark_jobs.health import Health, longest_silence, serve
from spark_jobs.settings import AvailableNowTrigger, MicroBatchTrigger, RealTimeTrigger, Trigger

REAL_TIME = RealTimeTrigger(duration=timedelta(minutes=5))
DEFAULT = 300_000


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = self.progressed = 0.0

    def read(self) -> float:
        return self.now

    def since_progress(self) -> float:
        return self.now - self.progressed

    def health(self) -> Health:
        return Health(self.since_progress, self.read)


def test_a_detector_that_has_not_begun_lives_and_is_not_ready() -> None:
    clock = Clock()
    health = clock.health()
    clock.now = 3_600
    assert health.trouble() is None
    assert health.not_ready
    health.started(REAL_TIME, DEFAULT)
    assert not health.not_ready


@pytest.mark.parametrize(
    ("trigger", "max_offsets", "seconds"),
    [
        (MicroBatchTrigger(interval=timedelta(seconds=1)), DEFAULT, 600),
        (MicroBatchTrigger(interval=timedelta(minutes=10)), DEFAULT, 1_800),
        (MicroBatchTrigger(), 3_000_000, 6_000),
        (AvailableNowTrigger(), DEFAULT, 600),
        (RealTimeTrigger(duration=timedelta(seconds=5)), DEFAULT, 600),
        (REAL_TIME, DEFAULT, 900),
    ],
)
def test_how_long_a_stream_may_be_silent_follows_from_its_trigger(trigger: Trigger, max_offsets: int, seconds: float) -> None:
    assert longest_silence(trigger, max_offsets) == seconds
    clock = Clock()
    health = clock.health()
    health.started(trigger, max_offsets)
    for clock.now in (seconds, seconds + 1):
        health.looked()
        assert bool(health.trouble()) is (clock.now > seconds)
    clock.progressed = clock.now
    assert health.trouble() is None


def test_a_java_process_that_does_not_answer_is_known_whatever_the_trigger() -> None:
    clock = Clock()
    health = clock.health()
    health.started(REAL_TIME, DEFAULT)
    clock.now = clock.progressed = 120
    assert health.trouble() is None
    clock.now = clock.progressed = 121
    assert health.trouble() == "Spark's Java process has not answered for 121 s"


def test_the_kubelet_asks_beside_the_metrics() -> None:
    registry, clock = CollectorRegistry(), Clock()
    Gauge("one", "A metric", registry=registry).set(7)
    health = clock.health()
    ask = served(registry, health)
    assert ask("healthz") == (200, "ok\n")
    assert ask("readyz") == (503, "the stream has not begun\n")
    health.started(MicroBatchTrigger(), DEFAULT)
    assert ask("readyz") == (200, "ok\n")
    health.has_executor(False)
    assert ask("readyz") == (503, "there is no executor\n")
    assert ask("healthz") == (200, "ok\n"), "Kubernetes starts no detector anew that waits for a node"
    health.has_executor(True)
    clock.now = 601
    health.looked()
    said = "the query has reported nothing for 601 s, at most 600 are usual\n"
    assert ask("healthz") == ask("readyz") == (503, said)
    assert "one 7.0" in ask("metrics")[1]


def served(registry: CollectorRegistry, health: Health) -> Callable[[str], tuple[int, str]]:
    """Returns a function that asks for a path, and gives status and text."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve(registry, health, "127.0.0.1", port)

    def ask(path: str) -> tuple[int, str]:
        try:
            with urlopen(f"http://127.0.0.1:{port}/{path}") as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    return ask
