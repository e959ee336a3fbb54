"""Whoever is on call is told of what happens within three minutes, and of nothing worse.

A real Prometheus has the chart's rules as they are, beside a real detector in real-time mode, a real watcher and a real broker.
Only how often Prometheus looks differs from production (`harness.prometheus`). `make test-oncall` runs it, in a quarter of an hour.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest
from confluent_kafka import Producer

from configuration import KafkaConnection, TopicNames
from contract import encode
from harness.detector import Detector
from harness.prometheus import Prometheus, prometheus
from harness.watching import watcher_program
from local.process import free_port
from spark_jobs.settings import S3
from tests.chart.alerting import JOBS
from tests.chart.manifests import find, objects
from tests.models import MADE_AT, linear
from tests.records import transaction
from training.bundle import MODEL, Description, Thresholds, describe
from training.store import ModelStore

WITHIN_S, BEYOND_S = 180.0, 15.0
"""An alert fires within so many seconds; for so many after it no worse one may come."""
RATE = 20
LIVE_S, LOOKS = 5.0, 20
"""What was sent so long ago is on the dashboard *Live*, whenever one looks."""
CHART = (
    *("--set", "monitoring.prometheusRule.enabled=true", "--set", "watcher.enabled=true"),
    *("--set", "detector.config.trigger.mode=realTime", "--set", "detector.executor.slots=10"),
)


class Stage:
    """All that runs, and what a test does to it."""

    def __init__(self, detector: Detector, port: int, store: ModelStore, sees: Prometheus) -> None:
        self.detector, self.port, self.store, self.sees = detector, port, store, sees
        self.junk = False
        self._settings: dict[str, Any] = {}
        self._sent: list[float] = []
        self._over = threading.Event()
        self._sender = threading.Thread(target=self._send, daemon=True)

    def begin(self, mode: str) -> None:
        """Returns once payments flow, a model scores them, and Prometheus sees that all is well."""
        self._sender.start()
        trigger = {"mode": mode, **({"duration": "5m"} if mode == "realTime" else {})}
        self._settings = {"mode": mode, "metrics": {"port": self.port}, "trigger": trigger}
        self.detector.start(**self._settings)
        wanted = (
            "fraud_batch_duration_seconds_count > 0",
            'fraud_model{role="champion"} == 1',
            "fraud_watch_out_records_total > 100",
        )
        until(lambda: all(self.sees.value(one) for one in wanted))
        assert self.sees.firing() == {}

    def freeze(self) -> None:
        """Java stands still; the program in Python still answers."""
        self._java().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._java().send_signal(signal.SIGCONT)

    def goes_on(self) -> bool:
        """Starts a detector again that has ended, as its runtime would."""
        if not self.detector.alive:
            assert self.detector.wait() == 1
            self.detector.start(**self._settings)
        return True

    def reject(self) -> None:
        """One record in five is no payment from now on."""
        self.junk = True

    def lose_the_model(self) -> None:
        """The champion's name goes, and somebody restarts the detector."""
        assert self.detector.stop() == 0
        (Path(self.store.place) / "champion.json").unlink()
        self.detector.start(**self._settings)

    def sent_until(self, seconds_ago: float) -> int:
        """Returns how many payments had been sent so long ago."""
        return sum(at <= time.monotonic() - seconds_ago for at in tuple(self._sent))

    def end(self) -> None:
        self._over.set()
        self._sender.join()

    def _java(self) -> psutil.Process:
        (java,) = (one for one in psutil.Process(self.detector.pid).children(recursive=True) if one.name() == "java")
        return java

    def _send(self) -> None:
        producer = Producer({**self.detector.kafka.librdkafka(), "linger.ms": 5})
        usual = transaction()
        for number in count():
            card = f"card-{number % 50}"
            paid = replace(usual, transaction_id=f"t{number}", card_id=card, event_time=datetime.now(UTC) - timedelta(seconds=1))
            producer.produce(self.detector.topics.transactions, encode(paid), card)
            self._sent.append(time.monotonic())
            if self.junk and number % 4 == 0:
                producer.produce(self.detector.topics.transactions, b"{}", card)
            if self._over.wait(1 / RATE):
                break
        producer.flush(10)


@pytest.fixture
def stage(request: pytest.FixtureRequest, kafka: KafkaConnection, topics: TopicNames, tmp_path: Path) -> Iterator[Stage]:
    detector = Detector(kafka, topics, tmp_path)
    ports = {"fraud": free_port(), "fraud_watch": free_port()}
    store = ModelStore(str(tmp_path / "models"), S3())
    files = {MODEL: linear(2, 0.001)}
    known = Description(features=("amount", "is_night"), usual=(10.0, 0.0), thresholds=Thresholds(review=0.9))
    champion = describe("onnx", known, files, MADE_AT)
    store.add(champion, files)
    store.point("champion", champion.version, "a test")
    detector.settings |= {"models": {"store": store.place}, "rules": {}, "console": {"enabled": False}}
    groups = find(objects(*CHART), "PrometheusRule", "fraud-detector")["spec"]["groups"]
    jobs = {JOBS[name]: port for name, port in ports.items()}
    with watcher_program(kafka, topics, ports["fraud_watch"], tmp_path), prometheus(tmp_path / "prometheus", groups, jobs) as sees:
        one = Stage(detector, ports["fraud"], store, sees)
        try:
            one.begin(getattr(request, "param", "realTime"))
            yield one
        finally:
            one.end()
            detector.kill()


def until(is_so: Callable[[], bool], seconds: float = 120.0) -> None:
    """Returns once it is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"it is not so after {seconds:.0f} s"
        threading.Event().wait(0.5)


def told(stage: Stage, happens: Callable[[], None], alert: str, severity: str) -> None:
    """Lets something happen, and waits for the alert; no other that is critical comes before it, nor soon after."""
    critical: set[str] = set()

    def fires() -> bool:
        firing = stage.sees.firing()
        critical.update(name for name, how in firing.items() if how == "critical")
        return firing.get(alert) == severity

    began = time.monotonic()
    happens()
    until(fires, WITHIN_S - (time.monotonic() - began))
    print(f"{alert} after {time.monotonic() - began:.0f} s")
    over = time.monotonic() + BEYOND_S
    until(lambda: fires() and time.monotonic() > over)
    assert critical <= {alert}


def test_a_detector_that_is_killed(stage: Stage) -> None:
    told(stage, stage.detector.kill, "FraudDetectorDown", "critical")


def test_a_detector_that_stands_still(stage: Stage) -> None:
    try:
        told(stage, stage.freeze, "FraudDetectorStalled", "critical")
        # So does the kubelet know, which would end it.
        until(lambda: health(stage.port) == 503, WITHIN_S)
    finally:
        stage.thaw()
    # Where a record was on its way when all stood still, its time is up now: the detector ends, and its runtime starts it again.
    until(lambda: stage.goes_on() and stage.sees.firing() == {})
    assert health(stage.port) == 200


def test_a_sender_whose_payments_cannot_be_read(stage: Stage) -> None:
    told(stage, stage.reject, "FraudDetectorRejects", "warning")


def test_a_model_that_is_lost(stage: Stage) -> None:
    told(stage, stage.lose_the_model, "FraudModelLost", "critical")


@pytest.mark.parametrize("stage", ["realTime", "microBatch"], indirect=True)
def test_the_dashboard_of_now_is_five_seconds_old_at_most(stage: Stage) -> None:
    def behind() -> float:
        known = stage.sent_until(LIVE_S)  # asked first: what comes meanwhile is not missed
        return known - (stage.sees.value("sum(fraud_watch_decisions_total)") or 0)

    until(lambda: behind() <= 0)  # what came while the detector started has been worked off
    for _ in range(LOOKS):
        assert behind() <= 0
        threading.Event().wait(1)


def health(port: int) -> int:
    """Returns the status of /healthz."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
