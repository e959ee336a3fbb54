"""A promoted model is watched in a real Kafka, at 200 payments a second: one that does harm is taken back in its first window."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from configuration import KafkaConnection
from contract import encode
from contract.topics import TopicSpec
from harness.kafka import send_all
from producer.topics import create_topics
from spark_jobs.settings import S3
from tests.models import added, change
from tests.records import scored, transaction
from training import promotion
from training.gate import Asked, judge
from training.models import app
from training.store import ModelStore
from training.watch.watch import Interrupted
from training.watching import RolledBack

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
USUAL, HARM = 0.0076, 0.4
"""Shares of payments that are reviewed."""
_numbers = count(1)


class Place(NamedTuple):
    store: ModelStore
    kafka: KafkaConnection
    topic: str

    def send(self, version: str, begin: datetime, length: timedelta, a_second: int, alerts: float) -> None:
        """Writes scored payments, evenly over a time, each thirty milliseconds after its payment."""
        first, every = round(begin.timestamp() * 1000), 1000 // a_second
        values = [_value(version, "approve", 0.004), _value(version, "review", 0.9)]
        draws = np.random.default_rng(5).random(round(length.total_seconds()) * a_second) < alerts

        def records() -> Iterator[tuple[Any, ...]]:
            for number, is_alert in enumerate(draws):
                paid = str(first + number * every - 30).encode()
                yield self.topic, str(number % 97).encode(), values[int(is_alert)], [("input-timestamp", paid)]

        assert send_all(self.kafka.bootstrap_servers, records(), first, every) == len(draws)

    def promote(self, version: str, at: datetime) -> None:
        promotion.promote(self.store, judge(self.store, version, Asked()), "tests")
        change(Path(self.store.place) / "champion.json", promoted_at=at.isoformat())

    def watch(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["watch", *arguments, "--store", self.store.place])

    @property
    def champion(self) -> str:
        pointer = self.store.pointer("champion")
        assert pointer
        return pointer.version


def _value(version: str, decision: Any, score: float) -> bytes:
    return encode(replace(scored(transaction()), features={}, model_version=version, decision=decision, fraud_score=score))


@pytest.fixture
def place(tmp_path: Path, kafka: KafkaConnection, monkeypatch: pytest.MonkeyPatch) -> Place:
    topic = f"watched{next(_numbers)}"
    # Of other times: by the records' own clock, and kept.
    settings = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    create_topics(kafka, [TopicSpec(name=topic, partitions=2, settings=settings)])
    monkeypatch.delenv("FRAUD_CONFIG", raising=False)
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("FRAUD_TOPICS__SCORED", topic)
    return Place(ModelStore(str(tmp_path / "models"), S3()), kafka, topic)


def test_a_harmless_model_is_kept_for_its_hour_and_a_bad_one_goes_in_its_first_minute(place: Place) -> None:
    old, good, bad = (added(place.store, number).version for number in (1, 2, 3))
    place.promote(old, NOON - HOUR)
    place.send(old, NOON - HOUR, HOUR, 20, USUAL)
    place.promote(good, NOON)
    place.send(good, NOON, HOUR, 20, USUAL)
    # It passes the gate: what it does, no metric of its own tells.
    place.promote(bad, NOON + HOUR)
    place.send(bad, NOON + HOUR, MINUTE, 200, HARM)
    place.send(bad, NOON + HOUR + MINUTE, timedelta(seconds=1), 200, HARM)

    done = place.watch(bad, "--for", "1h")
    assert isinstance(done.exception, RolledBack)
    assert done.exception.exit_code == 7
    said = str(done.exception)
    assert f"{bad} is rolled back, and {good} is champion: in window 1 alerts are " in said
    assert "of payments, before 0.7" in said
    assert place.champion == good
    actions = [(one.action, one.version) for one in place.store.audit.events()]
    assert sorted(actions)[-2:] == [("promoted", bad), ("rolled_back", bad)]
    assert [one.kind for one in judge(place.store, bad, Asked()).reasons] == ["rolled_back"]
    assert isinstance(place.watch(bad).exception, RolledBack), "asked again, it says the same"
    assert sorted((one.action, one.version) for one in place.store.audit.events()) == sorted(actions)

    # The good one, as it was watched before.
    change(Path(place.store.place) / "champion.json", promoted_at=NOON.isoformat(), previous=old)
    kept = place.watch("--for", "1h", "--window", "2m")
    assert kept.exit_code == 0, kept.exception
    assert f"{good} stays champion: 72,000 payments in 1h after its promotion, 30 of 30 windows" in kept.output
    assert place.champion == good


def test_without_payments_nothing_is_judged(place: Place) -> None:
    old, new = (added(place.store, number).version for number in (1, 2))
    place.promote(old, NOON - HOUR)
    assert "stays champion: there was none before" in place.watch().output
    place.promote(new, NOON)
    place.send(old, NOON - MINUTE, MINUTE, 20, USUAL)
    kept = place.watch("--for", "2m")
    assert f"{new} stays champion, and was not judged: in 2m after its promotion it has scored no payment" in kept.output
    other = place.watch(old)
    assert f"{old} is not champion, {new} is" in str(other.exception)
    assert place.champion == new


def test_a_watch_that_is_ended_leaves_the_champion(place: Place) -> None:
    old, new = (added(place.store, number).version for number in (1, 2))
    place.promote(old, NOON)
    place.promote(new, datetime.now(UTC))
    program = [sys.executable, "-m", "training.models", "watch", "--store", place.store.place]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert any("watching" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait() == Interrupted.exit_code
    assert f"error: The watch was ended after 0 of 60 windows, and {new} stays champion" in told
    assert place.champion == new


def test_settings_of_a_trainer_say_where_store_and_kafka_are(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRAUD_KAFKA__BOOTSTRAP_SERVERS", "FRAUD_TOPICS__SCORED"):
        monkeypatch.delenv(name)
    kafka = {"bootstrap_servers": place.kafka.bootstrap_servers}
    told = {"data": "kafka", "store": place.store.place, "kafka": kafka, "topics": {"scored": place.topic}}
    (tmp_path / "trainer.yaml").write_text(json.dumps(told))
    monkeypatch.setenv("FRAUD_CONFIG", str(tmp_path / "trainer.yaml"))
    old, new = (added(place.store, number).version for number in (1, 2))
    place.promote(old, NOON - HOUR)
    place.promote(new, NOON)
    kept = CliRunner().invoke(app, ["watch", "--for", "1m"])
    assert "was not judged" in kept.output, kept.exception
