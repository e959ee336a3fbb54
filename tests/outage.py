"""A broker that is away, killed or frozen, while detectors run in both modes: what both tiers of its test do."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import psutil

from configuration import KafkaConnection, TopicNames
from contract import encode
from harness.detector import MICRO_BATCH, Detector
from harness.kafka import read_all, send
from local.broker import Broker
from producer.topics import create_topics
from tests.records import AT, transaction

MODES = {"microBatch": MICRO_BATCH, "realTime": {"mode": "realTime", "duration": "5s", "catch_up": False}}
COUNT = 20
"""Payments at a time; each tenth is a fraud."""
WAIT_S = 300.0


class Watched:
    """A detector as a runtime keeps it: one that ends with an exit code other than 0 is started again."""

    def __init__(self, mode: str, kafka: KafkaConnection, folder: Path) -> None:
        topics = TopicNames().prefixed(f"{mode}.")
        create_topics(kafka, topics.specs(1))
        folder.mkdir()
        self.mode, self.sent, self.restarts = mode, 0, 0
        self.detector = Detector(kafka, topics, folder)
        self.detector.settings |= {"state_partitions": 1, "console": {"enabled": False}}

    def start(self) -> None:
        self.detector.start(self.mode, trigger=MODES[self.mode])

    def send(self) -> None:
        numbers = range(self.sent, self.sent + COUNT)
        paid = [
            transaction(transaction_id=f"t{one}", event_time=AT + timedelta(seconds=one), is_fraud=one % 10 == 0) for one in numbers
        ]
        send(self.detector.kafka.bootstrap_servers, self.detector.topics.transactions, [(b"k", encode(one)) for one in paid])
        self.sent += COUNT

    def keep_alive(self) -> None:
        """Does what restartPolicy does."""
        if not self.detector.alive:
            assert self.detector.wait() == 1, "Kubernetes would take its end for a wish"
            assert "error: " in self.detector.errors
            self.restarts += 1
            with suppress(AssertionError):  # it may end once more while Kafka is away
                self.start()

    def until_all_is_scored(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while self._ids(self.detector.topics.scored, lambda one: one["transaction"]) != {f"t{one}" for one in range(self.sent)}:
            assert time.monotonic() < deadline, self.detector.errors
            self.keep_alive()
            time.sleep(0.5)

    def alerts(self) -> set[str]:
        return self._ids(self.detector.topics.alerts, lambda one: one)

    def _ids(self, topic: str, paid: Callable[[dict[str, str]], dict[str, str]]) -> set[str]:
        found = read_all(self.detector.kafka.bootstrap_servers, topic)
        return {paid(json.loads(one.value or b""))["transaction_id"] for one in found}


@contextmanager
def frozen(broker: Broker) -> Iterator[None]:
    process = psutil.Process(int((broker.home / "pid").read_text()))
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@contextmanager
def killed(broker: Broker) -> Iterator[None]:
    broker.kill()
    try:
        yield
    finally:
        broker.start()


def outages(folder: Path, seconds: float, modes: Iterable[str] = MODES) -> list[Watched]:
    """Returns the detectors of these modes, stopped, after Kafka was away in both ways for so long each time."""
    broker = Broker(folder / "kafka")
    broker.start()
    kafka = KafkaConnection(bootstrap_servers=broker.address)
    watched = [Watched(mode, kafka, folder / mode) for mode in modes]
    try:
        for one in watched:
            one.start()
            one.send()
            one.until_all_is_scored()
        for away in (frozen, killed):
            with away(broker):
                ends = time.monotonic() + seconds
                while time.monotonic() < ends:
                    time.sleep(1)  # an outage is a time; nothing else is waited for
                    for one in watched:
                        one.keep_alive()
            for one in watched:
                one.send()
                one.until_all_is_scored()
        for one in watched:
            assert one.alerts() == {f"t{number}" for number in range(0, one.sent, 10)}, "an alert is lost"
            assert one.detector.stop() == 0, one.detector.errors
            assert "\tat " not in one.detector.errors
            assert "Traceback" not in one.detector.errors
    finally:
        for one in watched:
            one.detector.kill()
        broker.kill()
    return watched
