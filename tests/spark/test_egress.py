"""What leaves the detector is the contract's, byte for byte the same each time."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contract import SCHEMA_VERSION, Alert, Header, Rejected, Scored, Topics, decode, encode
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.settings import Rule
from spark_jobs.transforms.decide import ruleset_version
from spark_jobs.transforms.egress import egress
from spark_jobs.transforms.observe import counted
from tests.records import AT, transaction
from tests.spark.test_decide import detected

TOPICS = Topics()
RULES = {"large": Rule(when="amount > 100", reason='It is "large"')}
SMALL = transaction(amount=Decimal("0.10"), device_id='é"', vpn=False, channel="ecom", latitude=None, longitude=None)
LARGE = transaction(transaction_id="t2", amount=Decimal("100.10"), is_fraud=True)
BIG = b"\x01" * 1_000_000
LABEL = {
    "transaction_id": "t",
    "card_id": "c",
    "terminal_id": "T",
    "event_time": "2018-04-01T00:00:00Z",
    "labelled_at": "2018-04-08T00:00:00Z",
    "is_fraud": True,
}
LATER = AT + timedelta(hours=1)
"""Kafka's time of the dead letters that are large."""
RECORD = "topic string, key binary, value string"
Raw = Callable[..., DataFrame]


@pytest.fixture(scope="module")
def decided(raw: Raw) -> Iterator[DataFrame]:
    """The decided events of one batch, kept: to plan the whole pipeline takes longer than to run it."""
    headers = [("trace", b"\x01\xff"), ("none", None)]
    frame = raw(
        (TOPICS.transactions, encode(SMALL), {"timestamp": AT}),
        (TOPICS.transactions, encode(LARGE), {"timestamp": AT}),
        (TOPICS.transactions, b"\xff", {"timestamp": AT, "headers": headers, "key": b"\x00\x01"}),
        (TOPICS.labels, None, {"timestamp": AT, "key": None}),
        (TOPICS.labels, json.dumps(LABEL).encode(), {"timestamp": AT}),
        (TOPICS.transactions, BIG, {"timestamp": LATER, "key": b"k"}),
        (TOPICS.transactions, b"", {"timestamp": LATER, "key": BIG}),
        (TOPICS.transactions, b"", {"timestamp": LATER, "headers": [("h", BIG)]}),
        (TOPICS.transactions, b"x" * 400_000, {"timestamp": LATER, "key": b"k" * 60_000, "headers": [("\x01" * 30_000, b"")]}),
    )
    kept = detected(frame, RULES).persist()
    yield kept
    kept.unpersist()


def test_a_transaction_an_alert_and_a_dead_letter_and_nothing_of_a_label(spark: SparkSession, decided: DataFrame) -> None:
    some = decided.where(F.col("ingest_time") == AT)
    kinds = spark.createDataFrame(
        [(kind,) for kind in ("label", "rejected", "rejected", "transaction", "transaction")], "kind string"
    )
    assert_df_equality(some.select("kind"), kinds, ignore_row_order=True, ignore_nullable=True)
    found = egress(some, TOPICS).withColumn("value", F.col("value").cast("string"))
    written = [row.value.encode() for row in found.where(F.col("topic") == TOPICS.scored).collect()]
    features = {one.transaction.transaction_id: one.features for one in (decode(Scored, value) for value in written)}
    assert {name: one["card_count_1h"] for name, one in features.items()} == {"t1": 1.0, "t2": 2.0}
    assert {"is_weekend": 1.0, "is_night": 0.0}.items() <= features["t1"].items()
    assert features["t1"].keys() < set(FEATURE_COLUMNS), "what is absent is left out"
    version = ruleset_version(RULES)
    records = [
        (TOPICS.scored, Scored(transaction=SMALL, features=features["t1"], decision="approve", rules=(), ruleset_version=version)),
        (
            TOPICS.scored,
            Scored(transaction=LARGE, features=features["t2"], decision="review", rules=("large",), ruleset_version=version),
        ),
        (
            TOPICS.alerts,
            Alert(
                alert_id=hashlib.sha256(f"fraud-alert\nt2\ncard-1\n{LARGE.event_time.timestamp() * 1e6:.0f}".encode()).hexdigest(),
                transaction_id="t2",
                user_id=LARGE.customer_id,
                timestamp=LARGE.event_time,
                decision="review",
                reasons=('It is "large"',),
                rules=("large",),
                card_id=LARGE.card_id,
                amount=LARGE.amount,
                currency="EUR",
                merchant=LARGE.merchant_id,
                ruleset_version=version,
            ),
        ),
    ]
    dead = Rejected(
        topic=TOPICS.transactions,
        partition=0,
        offset=2,
        timestamp=AT,
        reasons=("invalid_utf8",),
        schema_version=SCHEMA_VERSION,
        key=b"\x00\x01",
        value=b"\xff",
        headers=(Header(key="trace", value=b"\x01\xff"), Header(key="none")),
    )
    tombstone = Rejected(
        topic=TOPICS.labels, partition=0, offset=3, timestamp=AT, reasons=("tombstone",), schema_version=SCHEMA_VERSION
    )
    rows = [(topic, b"card-1", encode(one).decode()) for topic, one in records]
    rows += [(TOPICS.rejected, one.key, encode(one).decode()) for one in (dead, tombstone)]
    assert_df_equality(found.drop("headers"), spark.createDataFrame(rows, RECORD), ignore_row_order=True, ignore_nullable=True)


def test_headers_name_the_record_that_it_came_of(decided: DataFrame) -> None:
    """So that a repeat is known from another record that says the same, and how long it took."""
    at = f"{AT.timestamp() * 1000:.0f}"
    found = egress(decided.where(F.col("ingest_time") == AT), TOPICS).collect()
    headers = {(one.topic, tuple((header.key, bytes(header.value).decode()) for header in one.headers)) for one in found}
    places = {TOPICS.scored: [(TOPICS.transactions, 0), (TOPICS.transactions, 1)], TOPICS.alerts: [(TOPICS.transactions, 1)]}
    places[TOPICS.rejected] = [(TOPICS.transactions, 2), (TOPICS.labels, 3)]
    assert headers == {
        (topic, (("input-topic", source), ("input-partition", "0"), ("input-offset", str(offset)), ("input-timestamp", at)))
        for topic, read in places.items()
        for source, offset in read
    }


def test_nothing_leaves_of_what_came_before_publish_from(decided: DataFrame) -> None:
    assert {AT, LATER} == {row.ingest_time.astimezone(UTC) for row in decided.collect()}
    all_of_them, later = (egress(decided, TOPICS, publish_from=at).count() for at in (AT, LATER))
    assert (all_of_them, later) == (9, 4)
    assert egress(decided, TOPICS, publish_from=LATER + timedelta(microseconds=1)).isEmpty()


def test_a_dead_letter_always_fits_into_kafka(decided: DataFrame) -> None:
    records = egress(decided.where(F.col("ingest_time") == LATER), TOPICS).collect()
    assert all(len(record.key) + len(record.value) < 1_000_000 for record in records)
    dead = sorted((decode(Rejected, bytes(record.value)) for record in records), key=lambda one: one.offset)
    value, key, headers, all_fits = dead
    assert value.truncated
    assert BIG.startswith(value.value)
    assert len(value.value) == 409_600
    assert (key.truncated, len(key.key)) == (True, 65_536)
    assert (headers.truncated, headers.headers) == (True, None)
    assert (all_fits.truncated, len(all_fits.value)) == (None, 400_000)


def test_a_timestamp_in_the_future_does_not_hide_how_far_behind_a_stream_is(decided: DataFrame) -> None:
    future = F.lit("2999-01-01").cast("timestamp")
    ahead = decided.withColumn("ingest_time", F.when(F.col("kind") == "label", future).otherwise(F.col("ingest_time")))
    newest = F.max("newest").alias("newest")
    assert ahead.select(*counted(ahead)).agg(newest).first() == decided.select(*counted(decided)).agg(newest).first()
    assert ahead.select(*counted(ahead)).where("kind = 'label' AND newest IS NOT NULL").isEmpty()
