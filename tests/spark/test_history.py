"""History in a stream: what changes it, what passes it, and a checkpoint that is not its own."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from chispa import assert_approx_df_equality, assert_df_equality
from pyspark.sql import DataFrame, SparkSession

from configuration import KafkaConnection, TopicNames
from contract import Customer, Label, Merchant, Topics, encode
from harness.detector import Detector
from harness.kafka import read_all, send
from producer.topics import create_topics
from spark_jobs import checkpoint
from spark_jobs.errors import UnusableCheckpoint
from spark_jobs.features import CARD, TERMINAL
from spark_jobs.pipeline import features
from spark_jobs.vocabulary import days
from tests.frames import decoded
from tests.records import AT, transaction

TOPICS = Topics()
DEGREE_KM = 6371 * math.pi / 180
"""A degree of latitude, on the sphere that the features measure on."""
Raw = Callable[..., DataFrame]


def featured(raw: Raw, *records: tuple[str, bytes]) -> DataFrame:
    """Returns the features of each transaction of a batch, beside its id; one partition is sorted without another job."""
    rows = features(decoded(raw(*((topic, value, {"timestamp": AT}) for topic, value in records))))
    return rows.where("kind = 'transaction'").select("transaction.transaction_id", "features.*").coalesce(1)


def paid(name: str, after: timedelta = timedelta(0), **changes: object) -> tuple[str, bytes]:
    return TOPICS.transactions, encode(replace(transaction(transaction_id=name, event_time=AT + after), **changes))


CARDS, ROUNDS = [f"card-{number}" for number in range(5)], 4
CHUNKS = [
    [
        paid(f"{card} {at}", at, card_id=card, terminal_id=f"T{card}", amount=Decimal(chunk + 1))
        for at in (timedelta(minutes=chunk * ROUNDS + round_) for round_ in range(ROUNDS))
        for card in CARDS
    ]
    for chunk in range(3)
]
"""Payments of a few cards, a minute apart."""


def test_a_label_counts_from_when_it_was_known(spark: SparkSession, raw: Raw) -> None:
    """Of two terminals with a card each, one is told in time, and the other a microsecond late."""
    now = days(7) + timedelta(hours=12)
    records = []
    for name, known in (("in time", now), ("late", now + timedelta(microseconds=1))):
        keys = {"card_id": name, "terminal_id": name}
        label = Label(transaction_id=f"{name}: old", **keys, event_time=AT, labelled_at=AT + known, is_fraud=True)
        records += [paid(f"{name}: old", **keys), paid(f"{name}: new", now, **keys), (TOPICS.labels, encode(label))]
    found = featured(raw, *records).select("transaction_id", "terminal_fraud_count_1d_delay_7d", "terminal_risk_1d")
    expected = spark.createDataFrame(
        [("in time: old", 0.0, 0.0), ("in time: new", 1.0, 1.0), ("late: old", 0.0, 0.0), ("late: new", 0.0, 0.0)], found.schema
    )
    assert_df_equality(found, expected, ignore_row_order=True)


def test_profiles_a_journey_and_a_device(spark: SparkSession, raw: Raw) -> None:
    one = transaction()
    holder = Customer(
        customer_id=one.customer_id, card_id=one.card_id, name="N", birth_date=date(1980, 1, 1), country="FR", home_latitude=48.0,
        home_longitude=2.0, signup_date=AT.date() - timedelta(days=100), updated_at=AT - days(1),
    )  # fmt: skip
    owner = Merchant(
        merchant_id=one.merchant_id, terminal_id=one.terminal_id, name="N", merchant_category="5411", country="FR", latitude=48.0,
        longitude=2.0, onboarding_date=AT.date() - timedelta(days=5), updated_at=AT - days(1),
    )  # fmt: skip
    place = {"latitude": 48.0, "longitude": 2.0}
    all_of = featured(
        raw,
        (TOPICS.customers, encode(holder)),
        (TOPICS.merchants, encode(owner)),
        paid("a", **place, device_id="mine"),
        paid("b", timedelta(hours=1), latitude=49.0, longitude=2.0, device_id="new"),
        paid("c", timedelta(hours=2), latitude=None, longitude=None, device_id="mine"),
        paid("d", timedelta(hours=3), **place),
    )
    found = all_of.selectExpr(
        *("transaction_id", "account_age_days", "terminal_age_days", "card_count_same_device_id_30d"),
        *("home_distance_km", "home_distance_km = 0 AS is_at_home", "speed_kmh"),
    )
    expected = spark.createDataFrame(
        [
            ("a", 100.0, 5.0, 1.0, 0.0, True, None),
            ("b", 100.0, 5.0, 1.0, DEGREE_KM, False, DEGREE_KM),
            ("c", 100.0, 5.0, 2.0, None, None, None),  # no place, no distance
            ("d", 100.0, 5.0, None, 0.0, True, DEGREE_KM / 2),  # since the last purchase with a place, two hours ago
        ],
        found.schema,
    )
    assert_approx_df_equality(found, expected, 1e-9, ignore_row_order=True)


def test_ties_repeats_and_what_is_late(spark: SparkSession, raw: Raw) -> None:
    """A repeat counts once, and an hour ago is outside of an hour."""
    all_of = featured(
        raw,
        paid("b", amount=Decimal(20)),
        paid("a", amount=Decimal(10)),
        paid("b", amount=Decimal(20)),
        paid("c", timedelta(hours=1), amount=Decimal(30)),
    )
    found = all_of.select("transaction_id", "card_sum_amount_1h", "card_count_1d")
    expected = spark.createDataFrame([("a", 10.0, 1.0), ("b", 30.0, 2.0), ("b", 30.0, 2.0), ("c", 30.0, 3.0)], found.schema)
    assert_df_equality(found, expected, ignore_row_order=True)


@pytest.fixture(scope="module")
def detector(kafka: KafkaConnection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Detector]:
    """A detector that has been stopped, killed and stopped, with a checkpoint; each run was sent a chunk of CHUNKS."""
    topics = TopicNames().prefixed("history.")
    create_topics(kafka, topics.specs(2))
    one = Detector(kafka, topics, tmp_path_factory.mktemp("history"))
    # The second run has no checkpoint before its end: the third one repeats it.
    runs: list[tuple[str, int, Callable[[], int | None]]] = [("5s", 1, one.stop), ("5m", 2, one.kill), ("5s", 4, one.stop)]
    try:
        for chunk, (duration, scored, end) in zip(CHUNKS, runs, strict=True):
            one.start("realTime", trigger={"mode": "realTime", "duration": duration, "catch_up": False})
            send(kafka.bootstrap_servers, topics.transactions, [(b"k", value) for _, value in chunk])
            one.until_scored(scored * len(chunk))
            assert not end(), one.errors
        yield one
    finally:
        one.kill()


def test_histories_in_memory_are_in_the_checkpoint_when_it_is_made_and_again_after_a_crash(detector: Detector, raw: Raw) -> None:
    rows = (row.asDict() for row in featured(raw, *(record for chunk in CHUNKS for record in chunk)).collect())
    expected = {row.pop("transaction_id"): {name: value for name, value in row.items() if value is not None} for row in rows}
    records = read_all(detector.kafka.bootstrap_servers, detector.topics.scored)
    found = [json.loads(record.value or b"") for record in records]
    for one in found:
        assert one["features"] == expected[one["transaction"]["transaction_id"]]
    assert {one["transaction"]["transaction_id"] for one in found} == expected.keys()
    assert len(found) == len(expected) + len(CHUNKS[1]), "what the first run did is in its checkpoint, and not repeated"


def test_a_checkpoint_of_other_features_or_partitions_is_refused(
    detector: Detector, run_here: Callable[..., None], spark: SparkSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place, scored = detector.settings["checkpoint"], (detector.kafka.bootstrap_servers, detector.topics.scored)
    checkpoint.require_same_state(spark, str(tmp_path / "none"), 2)
    before = len(read_all(*scored))
    with pytest.raises(UnusableCheckpoint, match="has its state in 2 partitions"):
        run_here(detector, state_partitions=3)
    assert len(read_all(*scored)) == before
    checkpoint.require_same_state(spark, place, 2)
    other = replace(CARD, aggregations=CARD.aggregations[1:])
    monkeypatch.setattr(checkpoint, "GROUPS", (TERMINAL, other))
    with pytest.raises(UnusableCheckpoint, match="other feature definitions"):
        checkpoint.require_same_state(spark, place, 2)
