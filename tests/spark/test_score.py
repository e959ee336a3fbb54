"""A model in the pipeline: it scores, decides with the rules, explains its alerts, and is swapped while the stream runs."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pyspark.sql import DataFrame

from configuration import FraudDetectionError, KafkaConnection, TopicNames
from contract import Alert, Scored, Topics, decode, encode
from harness.detector import Detector, scraped
from harness.kafka import read_all, send
from local.process import free_port
from local.s3 import BUCKET, S3Server
from spark_jobs.input_settings import InputSettings
from spark_jobs.pipeline import detect
from spark_jobs.settings import S3, Rule
from spark_jobs.sources import inputs_of
from spark_jobs.transforms.score import ModelSource
from tests.frames import EVERY_TIME
from tests.models import MADE_AT, change, linear, margins
from tests.records import AT, transaction
from training.bundle import MANIFEST, MODEL, Description, Manifest, Role, Thresholds, describe
from training.store import ModelStore

TOPICS = Topics()
POLL_S = 1
FEATURES = ("amount", "is_night")
USUAL = (10.0, 0.0)
Raw = Callable[..., DataFrame]


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def added(store: ModelStore, weight: float, number: int = 0) -> Manifest:
    """Returns a new version: the sigmoid of (amount + is_night) times the weight."""
    files = {MODEL: linear(len(FEATURES), weight)}
    known = Description(features=FEATURES, usual=USUAL, thresholds=Thresholds(review=0.6, decline=0.9))
    manifest = describe("onnx", known, files, MADE_AT + timedelta(minutes=number))
    store.add(manifest, files)
    return manifest


def promoted(store: ModelStore, weight: float, number: int = 0, role: Role = "champion") -> Manifest:
    manifest = added(store, weight, number)
    store.point(role, manifest.version, "a test")
    return manifest


@pytest.fixture
def store(tmp_path: Path, request: pytest.FixtureRequest) -> ModelStore:
    if getattr(request, "param", "folder") == "s3":
        server: S3Server = request.getfixturevalue("s3")
        return ModelStore(f"s3a://{BUCKET}/{tmp_path.name}/models", S3.model_validate(server.settings))
    return ModelStore(str(tmp_path / "models"), S3())


def judged(raw: Raw, store: ModelStore, rules: dict[str, Rule], *amounts: str) -> tuple[dict[str, Scored], dict[str, Alert]]:
    """Returns what is said of payments of these amounts, by amount."""
    paid = [transaction(transaction_id=amount, amount=Decimal(amount), card_id=amount) for amount in amounts]
    frame = raw(*((TOPICS.transactions, encode(one), {"timestamp": AT}) for one in paid))
    records = detect(
        frame, TOPICS, inputs_of(InputSettings(), TOPICS), rules, ModelSource(store.place, POLL_S), EVERY_TIME
    ).collect()
    scored = [decode(Scored, bytes(one.value)) for one in records if one.topic == TOPICS.scored]
    alerts = [decode(Alert, bytes(one.value)) for one in records if one.topic == TOPICS.alerts]
    return {one.transaction.transaction_id: one for one in scored}, {one.transaction_id: one for one in alerts}


@pytest.mark.parametrize("store", ["folder", "s3"], indirect=True)
def test_model_and_rules_decide_together_and_an_alert_says_why(raw: Raw, store: ModelStore) -> None:
    version = promoted(store, 0.1).version
    rules = {
        "round": Rule(when="amount = 2", action="decline", reason="It is two"),
        "sure": Rule(when="fraud_score > 0.99", action="review", reason="The model is sure"),
    }
    scored, alerts = judged(raw, store, rules, "2", "3", "12.50", "60")
    expected = {"2": "decline", "3": "approve", "12.50": "review", "60": "decline"}
    assert {amount: one.decision for amount, one in scored.items()} == expected
    for amount, one in scored.items():
        assert one.fraud_score == pytest.approx(sigmoid(float(amount) / 10), abs=1e-6)
        assert (one.model_version, one.challenger_score, one.challenger_version) == (version, None, None)
    assert {amount: one.decision for amount, one in alerts.items()} == {k: v for k, v in expected.items() if v != "approve"}
    assert all((one.fraud_score, one.model_version) == (scored[k].fraud_score, version) for k, one in alerts.items())
    assert alerts["2"].reasons == ("It is two",)
    assert alerts["12.50"].reasons == ("Fraud score 0.78",)
    assert (alerts["60"].reasons, alerts["60"].rules) == (("The model is sure", "Fraud score 1.00"), ("sure",))
    (why,) = alerts["12.50"].contributions or ()
    assert (why.feature, why.value, why.usual, why.direction) == ("amount", 12.5, 10.0, "raises")
    assert why.contribution == pytest.approx(sigmoid(1.25) - sigmoid(1.0), abs=1e-6)
    (why,) = alerts["2"].contributions or ()
    assert (why.direction, why.contribution) == ("lowers", pytest.approx(sigmoid(0.2) - sigmoid(1.0), abs=1e-6))


def test_without_a_champion_rules_decide_alone(raw: Raw, store: ModelStore) -> None:
    scored, alerts = judged(raw, store, {"large": Rule(when="amount > 10", reason="It is large")}, "2", "12.50")
    assert {(one.fraud_score, one.model_version) for one in (*scored.values(), *alerts.values())} == {(None, None)}
    assert alerts.keys() == {"12.50"}
    assert alerts["12.50"].contributions is None


def test_a_challenger_scores_and_decides_nothing(raw: Raw, store: ModelStore) -> None:
    champion, challenger = promoted(store, 0.001), promoted(store, 1.0, role="challenger")
    scored, alerts = judged(raw, store, {}, "20")
    one = scored["20"]
    assert (one.model_version, one.challenger_version) == (champion.version, challenger.version)
    assert one.challenger_score == pytest.approx(sigmoid(20), abs=1e-6)
    assert (one.decision, alerts) == ("approve", {})


class Payments:
    """Sends payments to a running detector until one is scored as asked for."""

    def __init__(self, detector: Detector, kafka: KafkaConnection, topics: TopicNames) -> None:
        self._detector, self._kafka, self._topics = detector, kafka, topics
        self._numbers = count()
        self.sent = 0

    def until_scored_by(self, version: str | None) -> Scored:
        for number in self._numbers:
            paid = replace(
                transaction(transaction_id=f"t{number}", amount=Decimal("12.50")), event_time=AT + timedelta(seconds=number)
            )
            self.sent += send(self._kafka.bootstrap_servers, self._topics.transactions, [(b"card-1", encode(paid))])
            self._detector.until_scored(self.sent)
            last = next(one for one in self.scored() if one.transaction.transaction_id == f"t{number}")
            if last.model_version == version:
                return last
        raise AssertionError

    def scored(self) -> list[Scored]:
        return [decode(Scored, one.value) for one in read_all(self._kafka.bootstrap_servers, self._topics.scored)]

    def alerts(self) -> list[Alert]:
        return [decode(Alert, one.value) for one in read_all(self._kafka.bootstrap_servers, self._topics.alerts)]


@pytest.fixture
def payments(
    detector: Detector, kafka: KafkaConnection, new_topics: Callable[..., TopicNames], store: ModelStore
) -> Iterator[Payments]:
    topics = new_topics(1)
    detector.topics = topics
    detector.settings |= {
        "topics": {name: getattr(topics, name) for name in detector.settings["topics"]},
        "rules": {"all": {"when": "true", "reason": "For the alerts"}},
        "state_partitions": 1,
        "models": {"store": store.place, "poll": f"{POLL_S}s"},
    }
    yield Payments(detector, kafka, topics)
    detector.kill()


@pytest.mark.fresh
def test_models_are_swapped_while_the_stream_runs(
    detector: Detector, store: ModelStore, payments: Payments, tmp_path: Path
) -> None:
    port = free_port()
    detector.start("realTime", trigger={"mode": "realTime", "duration": "5m", "catch_up": False}, metrics={"port": port})
    pid = detector.pid
    assert payments.until_scored_by(None).fraud_score is None
    assert scraped(port)["fraud_model_missing"] == 1
    first = promoted(store, 0.1)
    assert payments.until_scored_by(first.version).decision == "review"
    second = promoted(store, 0.001, 1)
    assert payments.until_scored_by(second.version).fraud_score == pytest.approx(sigmoid(0.0125), abs=1e-6)

    # A bundle that has been tampered with is refused, and the champion stays.
    broken = added(store, 0.2, 2)
    bundle = Path(store.place) / broken.version
    (bundle / MODEL).write_bytes(b"something else")
    pinned = hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()
    change(Path(store.place) / "champion.json", version=broken.version, manifest_sha256=pinned)
    spark_log = tmp_path / "logs" / "spark.log"
    while broken.version not in spark_log.read_text():
        payments.until_scored_by(second.version)
    while scraped(port)["fraud_model_refused"] == 0:
        payments.until_scored_by(second.version)
    assert scraped(port)["fraud_model_missing"] == 0

    store.point("champion", first.version, "back again")
    while scraped(port)["fraud_model_refused"] == 1:
        payments.until_scored_by(first.version)
    assert (detector.pid, detector.alive) == (pid, True)
    by_id = {one.transaction.transaction_id: one for one in payments.scored()}
    assert len(by_id) == payments.sent == len(payments.scored())
    for alert in payments.alerts():
        scored = by_id[alert.transaction_id]
        assert (alert.model_version, alert.fraud_score) == (scored.model_version, scored.fraud_score)
        assert (alert.contributions is None) == (alert.model_version is None)
    assert second.version in detector.errors, "the driver says who is champion"


def test_without_a_champion_that_can_be_trusted_rules_decide_and_a_start_that_requires_one_stops(
    detector: Detector, run_here: Callable[..., None], store: ModelStore, payments: Payments, kafka: KafkaConnection
) -> None:
    manifest = promoted(store, 0.1)
    change(Path(store.place) / manifest.version / MANIFEST, family="oracle")
    send(kafka.bootstrap_servers, detector.topics.transactions, [(b"card-1", encode(transaction()))])
    run_here(detector)
    (scored,) = payments.scored()
    assert (scored.decision, scored.model_version) == ("review", None)
    with pytest.raises(FraudDetectionError) as refused:
        run_here(detector, models=detector.settings["models"] | {"required": True})
    assert f"The model store {store.place} is refused" in str(refused.value)
    assert manifest.version in str(refused.value)


def test_what_is_no_score_is_absent_and_counted_and_rules_decide(
    detector: Detector, run_here: Callable[..., CollectorRegistry], store: ModelStore, payments: Payments, kafka: KafkaConnection
) -> None:
    files = {MODEL: margins()}
    known = Description(features=("amount",), usual=(0.5,), thresholds=Thresholds(review=0.6, decline=0.9))
    manifest = describe("onnx", known, files, MADE_AT)
    store.add(manifest, files)
    store.point("champion", manifest.version, "a test")
    paid = [transaction(transaction_id=amount, amount=Decimal(amount), card_id=amount) for amount in ("0.70", "1.01", "12.50")]
    send(kafka.bootstrap_servers, detector.topics.transactions, ((one.card_id.encode(), encode(one)) for one in paid))
    metrics = run_here(detector, rules={"large": {"when": "amount > 10", "reason": "It is large"}})
    scored = {one.transaction.transaction_id: one for one in payments.scored()}
    assert {amount: one.fraud_score for amount, one in scored.items()} == {"0.70": pytest.approx(0.7), "1.01": None, "12.50": None}
    assert {one.model_version for one in scored.values()} == {manifest.version}
    assert {amount: one.decision for amount, one in scored.items()} == {"0.70": "review", "1.01": "approve", "12.50": "review"}
    alerts = {one.transaction_id: (one.reasons, one.fraud_score) for one in payments.alerts()}
    assert alerts["12.50"] == (("It is large",), None)
    deadline = time.monotonic() + 30
    while metrics.get_sample_value("fraud_unscored_total", {"role": "champion"}) != 2:
        assert time.monotonic() < deadline, "two payments without a score are not counted"
        time.sleep(0.05)
    assert metrics.get_sample_value("fraud_executor_model", {"executor": "driver", "version": manifest.version}) == 1
