"""Support's look into a checkpoint: the same numbers as the detector's, nothing written, mistakes in a paragraph."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from configuration import FraudDetectionError, KafkaConnection, TopicNames
from contract import Customer, Label, encode
from harness.detector import Detector
from harness.kafka import read_all, send
from producer.topics import create_topics
from spark_jobs.aggregations import GroupBy
from spark_jobs.checkpoint import read_pages
from spark_jobs.errors import NoHistory, UnusableCheckpoint
from spark_jobs.explain_history import ExplainSettings, explain, table
from spark_jobs.feature_reference import of_group
from spark_jobs.features import CARD, GROUPS
from spark_jobs.vocabulary import Aggregation, Operation, days
from tests.records import AT, transaction

FRAUD = Path(sys.executable).parent / "fraud"
AMOUNTS = ("10.00", "20.00", "60.00", "30.00")
BUSY = 2_000
DIFFERS = {"last", "seconds_since_last", "count_same"}
"""What a transaction sees of the events before it, and what it compares with itself."""


@pytest.fixture(scope="module")
def detector(kafka: KafkaConnection, run_here: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Detector]:
    """A detector that has read two cards at two terminals, a profile and a label, and has stopped."""
    topics = TopicNames().prefixed("explain.")
    create_topics(kafka, topics.specs(2))
    paid = [
        transaction(
            transaction_id=f"a{number}",
            event_time=AT + timedelta(minutes=20 * number),
            amount=Decimal(amount),
            response_code="declined" if number == 1 else "approved",
            device_id="d1" if number else None,
        )
        for number, amount in enumerate(AMOUNTS)
    ]
    busy = [
        transaction(transaction_id=f"b{number}", card_id="card-2", terminal_id="T2", event_time=AT + timedelta(seconds=number))
        for number in range(BUSY)
    ]
    send(kafka.bootstrap_servers, topics.transactions, ((one.card_id.encode(), encode(one)) for one in (*paid, *busy)))
    known = Label(
        transaction_id="a0",
        card_id="card-1",
        terminal_id=paid[0].terminal_id,
        event_time=AT,
        labelled_at=AT + timedelta(days=6),
        is_fraud=True,
    )
    send(kafka.bootstrap_servers, topics.labels, [(b"card-1", encode(known))])
    holder = Customer(
        customer_id="C00001",
        card_id="card-1",
        name="Ada",
        birth_date=date(1980, 1, 1),
        country="FR",
        home_latitude=48.5,
        home_longitude=2.5,
        signup_date=date(2018, 1, 1),
        updated_at=datetime(2018, 1, 1, tzinfo=UTC),
    )
    send(kafka.bootstrap_servers, topics.customers, [(b"card-1", encode(holder))])
    one = Detector(kafka, topics, tmp_path_factory.mktemp("explain"))
    run_here(one)
    yield one
    one.kill()


@pytest.fixture
def look(spark: SparkSession, detector: Detector) -> Callable[..., dict[str, Any]]:
    def call(key: str, **settings: Any) -> dict[str, Any]:
        return explain(spark, ExplainSettings(**{"key": key, "checkpoint": detector.settings["checkpoint"], **settings}))

    return call


def scored(detector: Detector, transaction_id: str) -> dict[str, float]:
    """Returns the features that the detector gave to a transaction."""
    values = (json.loads(record.value or b"") for record in read_all(detector.kafka.bootstrap_servers, detector.topics.scored))
    return next(value["features"] for value in values if value["transaction"]["transaction_id"] == transaction_id)


def files(folder: str) -> dict[str, tuple[int, int]]:
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in Path(folder).rglob("*")}


@pytest.mark.parametrize(
    ("key", "group", "last"), [("card-1", "card", "a3"), ("T00001", "terminal", "a3"), ("card-2", "card", f"b{BUSY - 1}")]
)
def test_the_values_are_those_that_the_newest_transaction_saw(
    look: Callable[..., dict[str, Any]], detector: Detector, key: str, group: str, last: str
) -> None:
    found = look(key, group=group)
    (kinds,) = (of_group(one) for one in GROUPS if one.name == group)
    names = [name for name, one in kinds.items() if one.feature and one.kind not in DIFFERS]
    saw = scored(detector, last)
    assert len(names) > 15
    assert {name: found["values"][name] for name in names} == {name: saw[name] for name in names}
    assert found["incomplete"] == []


def test_a_card_s_events_profile_and_label(look: Callable[..., dict[str, Any]]) -> None:
    found = look("card-1")
    assert found["transactions"] == {"events": 4, "first": "2018-04-01T12:30:15.250000Z", "last": "2018-04-01T13:30:15.250000Z"}
    assert found["labels"] == {"events": 1, "first": "2018-04-01T12:30:15.250000Z", "last": "2018-04-01T12:30:15.250000Z"}
    assert (found["profile"], found["at"], found["pages"]) == ("2018-01-01T00:00:00Z", "2018-04-01T13:30:15.250000Z", 1)
    assert found["plan"] == CARD.plan_hash
    assert found["values"]["card_last_home_latitude"] == 48.5
    assert found["values"]["card_sum_amount_1h"] == 110.0  # the first is an hour old, and an hour is (t - 1h, t]
    words = "\n".join(table(found))
    assert "transactions  4 from 2018-04-01T12:30:15.250000Z to 2018-04-01T13:30:15.250000Z" in words
    assert re.search(
        r"^card_declined_count_1h +1 +transactions +Number of the card's declined transactions in the last hour", words, re.M
    )
    assert re.search(r"^card_count_same_device_id_30d +- ", words, re.M)


def test_a_busy_card_s_pages_are_all_read(look: Callable[..., dict[str, Any]]) -> None:
    found = look("card-2")
    assert found["transactions"]["events"] == BUSY
    assert found["pages"] > BUSY // 32
    assert found["bytes"] > 16_384
    assert (found["labels"]["events"], found["profile"]) == (0, None)


def test_windows_end_where_one_asks(look: Callable[..., dict[str, Any]]) -> None:
    later = look("card-1", at=AT + timedelta(days=8))
    assert later["at"] == "2018-04-09T12:30:15.250000Z"
    names = ("card_count_1d", "card_count_30d", "card_fraud_count_30d_delay_7d", "card_seconds_since_last_30d")
    assert [later["values"][name] for name in names] == [0, 4, 1, 8 * 86_400 - 3_600]
    assert later["incomplete"] == []
    earlier = look("card-1", at=AT + timedelta(minutes=20))
    assert earlier["values"]["card_count_1h"] == 2
    assert earlier["incomplete"] == []
    before = look("card-1", at=AT - timedelta(days=9))
    assert "card_count_30d" in before["incomplete"]
    assert "card_count_7d" not in before["incomplete"]
    assert "Perhaps not all" in "\n".join(table(before))


def test_what_cannot_be_told(look: Callable[..., dict[str, Any]], spark: SparkSession, detector: Detector, tmp_path: Path) -> None:
    def refusal(kind: type[FraudDetectionError], key: str = "card-1", **settings: Any) -> str:
        with pytest.raises(kind) as refused:
            look(key, **settings)
        return str(refused.value)

    assert "has no history of this card, as of batch" in refusal(NoHistory, "T00001")
    assert "nobody" not in refusal(NoHistory, "nobody", group="terminal")
    assert "There is no checkpoint at" in refusal(UnusableCheckpoint, checkpoint=str(tmp_path / "nowhere"))
    assert "There is no checkpoint at" in refusal(UnusableCheckpoint, checkpoint=str(tmp_path))
    begun = tmp_path / "begun"
    shutil.copytree(detector.settings["checkpoint"], begun)
    shutil.rmtree(begun / "commits")
    assert "has no history yet" in refusal(NoHistory, checkpoint=str(begun))
    other = GroupBy("card", "card_id", days(1), (Aggregation(Operation.COUNT, windows=(days(1),)),))
    with pytest.raises(UnusableCheckpoint, match="other feature definitions"):
        read_pages(spark, detector.settings["checkpoint"], other, "card-1")


@pytest.mark.long
def test_fraud_features_explains_beside_a_running_detector_and_writes_nothing(
    detector: Detector, home: Path, look: Callable[..., dict[str, Any]]
) -> None:
    checkpoint = detector.settings["checkpoint"]
    expected = look("card-1")
    environment = {**os.environ, "FRAUD_HOME": str(home / "state")}

    def fraud(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [FRAUD, "features", "--explain", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    before = files(checkpoint)
    detector.start("microBatch")
    try:
        done = fraud("card-1", "--checkpoint", checkpoint, "--json")
    finally:
        detector.stop()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected
    assert files(checkpoint) == before
    wrong = fraud("nobody", "--group", "terminal", "--checkpoint", checkpoint)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.splitlines()[-1].startswith("error: The checkpoint ")
    naive = fraud("card-1", "--at", "2018-04-01T12:00:00")
    assert (naive.returncode, naive.stderr.count("\n")) == (1, 1)
    assert not list(home.iterdir()), "it leaves nothing in the folder that it runs in"
