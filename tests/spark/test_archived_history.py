"""A detector that begins with the history of an archive sees what one would that was there from the beginning."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from confluent_kafka import TopicPartition
from pyspark.sql import SparkSession

from configuration import FraudDetectionError, KafkaConnection, TopicNames, reach
from contract import Customer, Label, Merchant, Transaction, encode
from contract.fields import fields_of
from harness.detector import Archiver, Detector
from harness.kafka import read_all, send, send_all
from harness.rule import Deleted, batch_order
from harness.worlds import assert_same
from local.s3 import BUCKET, S3Server
from producer.topics import create_topics
from spark_jobs import migrate_checkpoint, places
from spark_jobs.checkpoint_files import files_of
from spark_jobs.errors import ArchiveBehind, NoHistory, RecordsExpired, UnusableTopic
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.migrate_checkpoint import MigrateSettings
from tests.feature_worlds import by_rule, customer, world
from tests.records import AT, scored, transaction
from tests.source import SENT_AT, Source

Run = Callable[..., None]
Migrate = Callable[..., None]
FIRST = 1_700_000_000_000
"""Kafka's timestamp of the first record: each has a millisecond of its own, so that one order is that of all topics."""
FOREIGN = "9"
"""Cards that begin so pay by a topic of arrays."""


@pytest.fixture
def migrate(spark: SparkSession) -> Migrate:
    def run(detector: Detector, lake: str, to: str, **changes: Any) -> None:
        file = detector.write("availableNow", **changes)
        settings = MigrateSettings.load(["--config", str(file), f"--from={lake}", f"--to={to}", "--history=archive"], "tests")
        newest, moved = migrate_checkpoint.migrate(spark.newSession(), settings)
        lines = list(migrate_checkpoint.summary(settings, newest, moved))
        assert lines[0] == f"{to} has the history of {lake}, and goes on there."
        assert len(lines) == 3, "the archive has all that a plan asks for"

    return run


class Old(NamedTuple):
    """A detector and an archiver that have read the first half of a world, which Kafka has deleted; the second half waits there."""

    detector: Detector
    lake: str
    before: list[str]
    after: set[str]
    expected: pd.DataFrame


def first_half(records: list[Any]) -> list[Any]:
    """Returns records in an order in which some payments are late, one comes twice, and profiles are deleted."""
    found = list(records)
    for at in range(0, len(found) - 1, 5):
        if isinstance(found[at], Transaction) and isinstance(found[at + 1], Transaction):
            found[at], found[at + 1] = found[at + 1], found[at]
    cards = sorted({one.card_id for one in found if isinstance(one, Transaction)})
    again = next(one for one in found if isinstance(one, Transaction) and not one.card_id.startswith(FOREIGN))
    gone = [Deleted(Customer, card) for card in cards[::2]]
    return [*found, again, *gone, customer(cards[0], AT - timedelta(days=9), home_latitude=-45.0)]


def sent(records: list[Any], topics: TopicNames, arrays: str) -> Iterator[tuple[str, str, bytes | None]]:
    """Yields what is sent: payments of FOREIGN cards as arrays, each alone or with the next one."""
    topic_of = {Transaction: topics.transactions, Label: topics.labels, Customer: topics.customers, Merchant: topics.merchants}
    for one in records:
        if isinstance(one, Deleted):
            yield topic_of[one.kind], one.key, None
        elif isinstance(one, Transaction) and one.card_id.startswith(FOREIGN):
            others = [{"transaction_id": "none"}] if one.vpn else []
            yield arrays, one.card_id, json.dumps({"items": [*others, json.loads(encode(one))]}).encode()
        else:
            yield topic_of[type(one)], getattr(one, "card_id", None) or one.terminal_id, encode(one)


@pytest.fixture(scope="module")
def old(kafka: KafkaConnection, s3: S3Server, run_here: Run, archive_here: Run, tmp_path_factory: Any) -> Iterator[Old]:
    topics, arrays = TopicNames().prefixed("archived."), TopicNames().prefixed("arrays.")
    for some in (topics, arrays):
        create_topics(kafka, [replace(one, settings=one.settings | {"retention.ms": "-1"}) for one in some.specs(2)])
    folder = tmp_path_factory.mktemp("archived")
    mapped = {
        "topic": arrays.transactions,
        "each": "$.items",
        "where": "body:transaction_id::string <> 'none'",
        "fields": {one.name: f"$.{one.name}" for one in fields_of(Transaction)},
    }
    inputs = {"input": {"transactions": [{"topic": topics.transactions}, mapped]}}
    lake = f"s3a://{BUCKET}/archived"
    detector, archiver = Detector(kafka, topics, folder), Archiver(kafka, topics, folder)
    detector.settings |= inputs | {"s3": s3.settings}
    sinks = {"sinks": {"lake": {"type": "delta", "path": lake}}, "checkpoint": str(folder / "archive")}
    archiver.settings |= inputs | {"s3": s3.settings} | sinks
    records = batch_order(one for seed in (410, 411, 910) for one in world(seed))
    halves = first_half(records[: len(records) // 2]), records[len(records) // 2 :]
    paid = [[one.transaction_id for one in half if isinstance(one, Transaction)] for half in halves]
    unreadable = ((topics.transactions, b"k", b"no JSON"), (topics.labels, b"k", b"{}"))
    count = send_all(kafka.bootstrap_servers, [*sent(halves[0], topics, arrays.transactions), *unreadable], FIRST)
    run_here(detector, max_offsets=count // 2)
    archive_here(archiver)
    forget(kafka, [topics.transactions, topics.labels, arrays.transactions])  # profiles are compacted, and stay
    nothing = (arrays.transactions, b"k", b'{"items": []}')
    send_all(kafka.bootstrap_servers, [nothing, *sent(halves[1], topics, arrays.transactions)], FIRST + count)
    yield Old(detector, lake, paid[0], set(paid[1]), by_rule([*halves[0], *halves[1]]))
    detector.kill()


def forget(kafka: KafkaConnection, topics: list[str]) -> None:
    """Deletes all that is in the topics."""
    admin, _ = reach(kafka)
    ends = places.ends(kafka, topics)
    for deleted in admin.delete_records([TopicPartition(*one, end) for one, (_, end) in ends.items()]).values():
        deleted.result()


def features(kafka: KafkaConnection, topic: str) -> pd.DataFrame:
    """Returns the features of all scored records of a topic."""
    found = [json.loads(one.value or b"") for one in read_all(kafka.bootstrap_servers, topic)]
    index = pd.Index([one["transaction"]["transaction_id"] for one in found], name="transaction_id")
    return pd.DataFrame([one["features"] for one in found], index, columns=list(FEATURE_COLUMNS), dtype=float)


@pytest.mark.timeout(300)
def test_the_first_payment_sees_what_kafka_no_longer_has(
    old: Old, migrate: Migrate, run_here: Run, kafka: KafkaConnection, tmp_path: Path
) -> None:
    """Late payments, repeats, deleted profiles, dead letters and arrays among them; exactly as for the detector that read them."""
    detector = old.detector
    letters = len(read_all(kafka.bootstrap_servers, detector.topics.rejected))
    assert letters == 2
    new = str(tmp_path / "new")
    migrate(detector, old.lake, new, state_partitions=3)
    run_here(detector, checkpoint=new, state_partitions=3)
    found = features(kafka, detector.topics.scored)
    assert sorted(found.index) == sorted([*old.before, *old.after])
    assert len(read_all(kafka.bootstrap_servers, detector.topics.rejected)) == letters
    found = found.loc[sorted(old.after)]
    assert_same(found, old.expected.loc[found.index], tolerance=1e-9)

    elsewhere = TopicNames().prefixed("elsewhere.")
    create_topics(kafka, elsewhere.specs(2))
    outputs = {name: getattr(elsewhere, name) for name in ("scored", "alerts", "rejected")}
    run_here(detector, topics=asdict(detector.topics) | outputs)
    assert_same(found, features(kafka, elsewhere.scored))


@pytest.fixture
def source(kafka: KafkaConnection, new_topics: Callable[..., TopicNames]) -> Source:
    return Source(kafka, new_topics(1))


def publish(source: Source, kafka: KafkaConnection, numbers: list[int]) -> None:
    """Sends what a detector would say of the payments at these offsets."""
    for number in numbers:
        told = {"input-topic": source.topic, "input-partition": 0, "input-offset": number, "input-timestamp": SENT_AT}
        # The last one at another time: were it remembered, it would count beside the one that is read again.
        at = AT + timedelta(seconds=-1 if number == 8 else number + 1)
        paid = transaction(transaction_id=f"paid-{number + 1}", event_time=at)
        headers = [(name, str(value).encode()) for name, value in told.items()]
        send(kafka.bootstrap_servers, source.topics.scored, [(b"card", encode(scored(paid)), headers)])


@pytest.mark.long
def test_it_goes_on_at_the_first_record_that_the_archive_does_not_have(
    source: Source, kafka: KafkaConnection, migrate: Migrate, run_here: Run, archive_here: Run, spark: SparkSession, tmp_path: Path
) -> None:
    lake = str(tmp_path / "lake")
    detector, archiver = Detector(kafka, source.topics, tmp_path), Archiver(kafka, source.topics, tmp_path)
    archiver.settings |= {"checkpoint": str(tmp_path / "archive"), "sinks": {"lake": {"type": "parquet", "path": lake}}}
    refused = str(tmp_path / "refused")

    def refusal(kind: type[FraudDetectionError], place: str = lake) -> str:
        with pytest.raises(kind) as caught:
            migrate(detector, place, refused)
        assert not Path(refused).exists()
        return str(caught.value)

    def goes_on_at(to: str) -> int:
        return (places.Checkpoint(files_of(spark, to), to).places or {})[source.topic]["0"]

    source.pay(10)
    publish(source, kafka, [*range(7), 8])  # the detector was killed amid a batch
    archive_here(archiver)
    new = str(tmp_path / "new")
    migrate(detector, lake, new)
    assert goes_on_at(new) == 7
    run_here(detector, checkpoint=new)
    ours = source.scored()[8:]
    assert [one.transaction.transaction_id for one in ours] == ["paid-8", "paid-9", "paid-10"]
    assert [one.features["card_count_1d"] for one in ours] == [8, 9, 10], "a payment counts twice, or not at all"
    assert f"2 of topic {source.topic}, partition 0, from offset 7 on" in refusal(ArchiveBehind)

    archive_here(archiver)
    source.pay(3)
    source.delete_before(12)
    assert f"2 of topic {source.topic}, partition 0 (offsets 10 to 11)" in refusal(RecordsExpired)
    migrate(detector, lake, str(tmp_path / "newer"), on_lost_records="skip")
    assert goes_on_at(str(tmp_path / "newer")) == 12
    source.make_anew()
    assert f"of topic {source.topic}, partition 0" in refusal(UnusableTopic)
    assert "Name the `path` of a sink" in refusal(NoHistory, str(tmp_path / "nothing"))
