"""A lake has every record once, whatever a detector repeats, and a trainer reads from it what was sent."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contract import Customer, Label, Merchant, Rejected, Topics, Transaction, encode
from harness.detector import Archiver
from harness.kafka import send
from spark_jobs.checkpoint_files import Folder
from spark_jobs.settings import S3
from spark_jobs.sinks.seen import PIECE, Seen
from spark_jobs.sources import read_history
from spark_jobs.transforms.stored import said
from tests.records import AT, alert, scored, transaction
from tests.s3 import Archive

Run = Callable[..., None]
Headers = list[tuple[str, bytes]]
TOPICS = Topics()


def came_of(offset: int, partition: int = 0, topic: str = "transactions", **more: Any) -> Headers:
    told = {"input-topic": topic, "input-partition": partition, "input-offset": offset, **more}
    return [(name, str(value).encode()) for name, value in told.items()]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(str(tmp_path / "lake"))


def sent_by_a_detector(archiver: Archiver, numbers: Iterable[int]) -> None:
    """Sends what a detector says of the payments with these numbers, of two input partitions: every tenth is an alert too."""
    paid = [(one, transaction(transaction_id=f"t{one:04}", card_id=f"c{one % 7}")) for one in numbers]
    address, topics = archiver.kafka.bootstrap_servers, archiver.topics
    send(address, topics.scored, [(b"k", encode(scored(payment)), came_of(one // 2, one % 2)) for one, payment in paid])
    alerts = [(b"k", encode(alert(payment)), came_of(one // 2, one % 2)) for one, payment in paid if one % 10 == 0]
    send(address, topics.alerts, alerts)


def test_what_a_detector_repeats_is_there_once(archiver: Archiver, archive: Archive, archive_here: Run) -> None:
    archiver.settings |= archive.sinks
    sent_by_a_detector(archiver, range(200))
    sent_by_a_detector(archiver, range(150, 250))  # a repeat amid a batch
    archive_here(archiver)
    sent_by_a_detector(archiver, range(400))  # all again, and new ones, over several batches of another run
    archive_here(archiver, max_offsets=300)
    everyone = [f"t{one:04}" for one in range(400)]
    assert sorted(row["transaction_id"] for row in archive.rows("scored")) == everyone
    assert sorted(row["transaction_id"] for row in archive.rows("transactions")) == everyone
    assert sorted(row["transaction_id"] for row in archive.rows("alerts")) == everyone[::10]


def test_only_what_says_where_it_came_from_is_a_repeat(archiver: Archiver, archive: Archive, archive_here: Run) -> None:
    strange: list[Headers] = [
        *([], came_of(1)[1:], came_of(-1), came_of(1, partition="x"), came_of(1, topic="/"), came_of(1, topic="ü")),
        *(came_of(10**19), came_of("1.0"), [("input-offset", None)], came_of(1, **{"input-element": "x"})),
    ]
    different = [
        *(came_of(1), came_of(2), came_of(PIECE), came_of(PIECE + 1), came_of(1, partition=1), came_of(1, topic="other")),
        *(came_of(1, **{"input-element": 0}), came_of(1, **{"input-element": 1})),
    ]
    values = [encode(scored(transaction(transaction_id=f"t{number:02}"))) for number in range(len(strange) + len(different))]
    archiver.settings |= archive.sinks
    for _ in range(2):
        records = [(b"k", value, headers) for value, headers in zip(values, [*strange, *different], strict=True)]
        send(archiver.kafka.bootstrap_servers, archiver.topics.scored, records)
    archive_here(archiver)
    found = sorted(row["transaction_id"] for row in archive.rows("scored"))
    assert found == sorted([f"t{n:02}" for n in range(len(values))] + [f"t{n:02}" for n in range(len(strange))])


def test_the_state_is_small_and_a_batch_that_comes_again_is_whole(spark: SparkSession, tmp_path: Path) -> None:
    """A million payments in four partitions, one in a hundred an alert, in five batches and any order within a batch."""
    files = Folder(tmp_path / "seen")
    million, batches = 1_000_000, 5
    seen = Seen(files)
    for number in range(batches):
        rows = _of_detector(spark, number * million // batches, (number + 1) * million // batches)
        if number == batches // 2:
            killed = Seen(files)
            killed.keep(killed.look(rows, number), number)  # and Spark has not committed it
            seen = Seen(files)
        batch = seen.look(rows, number)
        assert not batch.repeated
        assert batch.rows == {"scored": million // batches, "alerts": million // batches // 100}
        seen.keep(batch, number)
    assert sum(one.stat().st_size for one in (tmp_path / "seen").iterdir()) < 1_000_000
    again = _of_detector(spark, million - 3, million + 2)
    last = Seen(files)
    fresh = last.fresh(again, last.look(again, batches))
    assert sorted(row.offset for row in fresh.select("input.offset").collect()) == [million // 4, million // 4]


def _of_detector(spark: SparkSession, begin: int, end: int) -> DataFrame:
    paid = spark.range(begin, end).withColumn("hash", F.xxhash64("id")).orderBy("hash")
    names = F.when(F.col("id") % 100 == 7, F.array(F.lit("scored"), F.lit("alerts"))).otherwise(F.array(F.lit("scored")))
    return paid.select(
        F.explode(names).alias("dataset"),
        F.expr("struct('t' AS topic, CAST(id % 4 AS INT) AS partition, id div 4 AS offset, -1 AS element)").alias("input"),
        F.expr("struct(0 AS partition, id AS offset)").alias("source"),
    )


def test_state_is_made_one_file_and_what_kafka_no_longer_has_is_forgotten(spark: SparkSession, tmp_path: Path) -> None:
    files = Folder(tmp_path / "seen")
    seen = Seen(files, lambda wanted: dict.fromkeys(wanted, PIECE))
    rows = spark.sql("SELECT 'scored' AS dataset, struct('t' AS topic, 0 AS partition, 5L AS offset, -1 AS element) AS input")
    late = spark.sql(
        f"SELECT 'scored' AS dataset, struct('t' AS topic, 0 AS partition, {PIECE}L AS offset, -1 AS element) AS input"
    )
    first, second = seen.look(rows, 0), Seen(files).look(late, 0)
    for number in range(102):
        seen.keep(first if number < 50 else second, number)
    assert sorted(files.sizes()) == ["0000000100.all", "0000000101"]
    assert not Seen(files).look(rows, 102).repeated
    assert Seen(files).look(late, 102).repeated


def test_a_trainer_reads_what_was_sent(archiver: Archiver, archive: Archive, archive_here: Run, spark: SparkSession) -> None:
    paid = [transaction(transaction_id=f"t{one}", event_time=AT + timedelta(days=one % 3), vpn=one % 2 == 0) for one in range(6)]
    day, at = date(2018, 1, 1), datetime(2018, 1, 1, tzinfo=UTC)
    place = {"country": "FR", "updated_at": at}
    sent: dict[str, list[Any]] = {
        "transactions": paid,
        "labels": [_label(one) for one in paid[:2]],
        "customers": [_customer(f"c{one}", day, place) for one in range(2)],
        "merchants": [_merchant(f"t{one}", day, place) for one in range(2)],
    }
    address, topics = archiver.kafka.bootstrap_servers, archiver.topics
    send(address, topics.scored, [(b"k", encode(scored(one)), came_of(number)) for number, one in enumerate(paid)])
    for kind in ("labels", "customers", "merchants"):
        send(address, getattr(topics, kind), [(b"k", encode(one)) for one in sent[kind]])
    send(address, topics.customers, [(b"c0", None)])
    send(address, topics.labels, [(b"k", b"\xff\x00")])
    letter = Rejected(topic="x", partition=0, offset=1, timestamp=AT, reasons=("empty",), schema_version=3, value=b"\x00\xff")
    send(address, topics.rejected, [(b"k", encode(letter), came_of(1))])
    receipt: Headers = [("replayed", b"1522585815250")]
    send(address, topics.rejected, [(b"x/0/1", None, receipt), (b"tombstone", None), (b"value", b"no letter", receipt)])
    archiver.settings |= archive.sinks
    archive_here(archiver)
    events = read_history(spark, archive.path, S3())
    for kind, record in (("transaction", Transaction), ("label", Label), ("customer", Customer), ("merchant", Merchant)):
        rows = events.where((F.col("kind") == kind) & F.col("deleted").isNull()).select(f"{kind}.*").collect()
        assert {record(**_with_zone(row.asDict())) for row in rows} == set(sent[f"{kind}s"]), kind
        assert len(rows) == len(sent[f"{kind}s"]), kind
    deleted = events.where("deleted IS NOT NULL").select("kind", "deleted", "customer").collect()
    assert [tuple(one) for one in deleted] == [("customer", "c0", None)]
    assert [(row["reasons"], row["value"]) for row in archive.rows("rejected")] == [(["empty"], b"\x00\xff")]
    kept = sorted(((row["topic"], row["key"], row["value"]) for row in archive.rows("unreadable")), key=str)
    strange = [(topics.rejected, b"tombstone", None), (topics.rejected, b"value", b"no letter")]
    assert kept == sorted([(topics.customers, b"c0", None), (topics.labels, b"k", b"\xff\x00"), *strange], key=str)


def _with_zone(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}


def _label(one: Transaction) -> Label:
    about = {name: getattr(one, name) for name in ("transaction_id", "card_id", "terminal_id", "event_time")}
    return Label(**about, labelled_at=AT + timedelta(days=9), is_fraud=True, source="chargeback")


def _customer(card: str, day: date, more: dict[str, Any]) -> Customer:
    person = {"customer_id": "C1", "card_id": card, "name": "Zoë", "birth_date": day, "signup_date": day}
    return Customer(**person, home_latitude=1.0, home_longitude=2.0, **more)


def _merchant(terminal: str, day: date, more: dict[str, Any]) -> Merchant:
    shop = {"merchant_id": "M1", "terminal_id": terminal, "name": "Shop", "merchant_category": "5411", "onboarding_date": day}
    return Merchant(**shop, latitude=1.0, longitude=2.0, **more)


def test_random_bytes_never_stop_it(raw: Callable[..., DataFrame]) -> None:
    chosen = random.Random(20)  # noqa: S311 no secret
    values = [chosen.randbytes(chosen.randrange(60)) for _ in range(200)]
    headers = [[(chosen.randbytes(3).hex(), chosen.randbytes(4)), ("input-offset", chosen.randbytes(2))] for _ in values]
    topics = (TOPICS.scored, TOPICS.alerts, TOPICS.rejected)
    records = [(topics[n % 3], value, {"timestamp": AT, "headers": headers[n]}) for n, value in enumerate(values)]
    rows = said(raw(*records), TOPICS).collect()
    assert {row.dataset for row in rows} == {"unreadable"}
    assert sorted(row.source.value for row in rows) == sorted(values)
