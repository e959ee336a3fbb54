"""What a sink is given arrives, in each sink, once or more as it promises; Parquet is read back without Spark."""

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from configuration import KafkaConnection, TopicNames
from contract import Alert, Scored, Topics, Transaction, decode, encode
from harness.detector import MICRO_BATCH, Detector
from harness.kafka import read_all, send
from local.s3 import BUCKET, S3Server
from spark_jobs import session
from spark_jobs.errors import UnusableStorage
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.schema import TRANSACTION_COLUMNS
from spark_jobs.settings import Rule
from spark_jobs.sinks import Sink
from spark_jobs.sinks.console import PREFIX, ConsoleSink
from spark_jobs.sinks.kafka import KafkaSink
from spark_jobs.sinks.parquet import ParquetSink
from spark_jobs.transforms.egress import egress
from tests.records import AT, transaction
from tests.s3 import Archive, keys
from tests.spark.test_decide import detected

RULES = {"large": Rule(when="amount > 100", reason="Over 100")}
TOPICS = Topics()
Raw = Callable[..., DataFrame]
Batch = Callable[..., DataFrame]

FULL = transaction(
    transaction_id="full",
    amount=Decimal("100.10"),
    channel="ecom",
    device_id="d",
    ip_prefix="203.0.113.0/24",
    vpn=True,
    is_fraud=True,
)
BARE = transaction(transaction_id="bare", amount=Decimal("9999999999.99"), latitude=None, longitude=None)
SMALL = transaction(transaction_id="small", amount=Decimal("0.10"))
LATE = transaction(transaction_id="late", amount=Decimal(500), event_time=AT + timedelta(days=1))


@pytest.fixture(scope="module")
def batch(raw: Raw) -> Iterator[Batch]:
    """Returns a function that makes a batch of decided events: the transactions, and a dead letter.

    All are cut out of one that is kept, as FanOut keeps it: to plan the whole pipeline takes longer than to run it.
    """
    records = [(TOPICS.transactions, encode(one), {"timestamp": one.event_time}) for one in (FULL, BARE, SMALL, LATE)]
    kept = detected(raw(*records, (TOPICS.labels, None, {"timestamp": AT})), RULES).persist()
    yield lambda *paid: kept.where(
        F.col("transaction").isNull() | F.col("transaction.transaction_id").isin([one.transaction_id for one in paid])
    )
    kept.unpersist()


class Written(NamedTuple):
    """A sink, and what is found where it has written."""

    sink: Sink
    scored: Callable[[], Iterable[Scored]]
    alerts: Callable[[], Iterable[Alert]]
    repeats: bool


@pytest.fixture
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    if request.param == "kafka":
        kafka: KafkaConnection = request.getfixturevalue("kafka")
        topics: TopicNames = request.getfixturevalue("topics")

        def read(topic: str, kind: type) -> Callable[[], Iterable[Any]]:
            return lambda: [decode(kind, record.value) for record in read_all(kafka.bootstrap_servers, topic)]

        return Written(KafkaSink(kafka, topics), read(topics.scored, Scored), read(topics.alerts, Alert), repeats=True)
    if request.param == "console":
        out = io.StringIO()
        lines = lambda: [decode(Alert, line.removeprefix(PREFIX).encode()) for line in out.getvalue().splitlines()]  # noqa: E731
        return Written(ConsoleSink(out), list, lines, repeats=True)
    folder = tmp_path_factory.mktemp("archive")
    archive = (
        Archive(f"s3a://{BUCKET}/{folder.name}", request.getfixturevalue("s3")) if request.param == "s3" else Archive(str(folder))
    )
    return Written(
        ParquetSink(archive.path),
        lambda: map(scored_of, archive.rows("scored")),
        lambda: map(alert_of, archive.rows("alerts")),
        repeats=False,
    )


def scored_of(row: dict[str, Any]) -> Scored:
    return Scored(
        transaction=Transaction(**{name: row[name] for name in TRANSACTION_COLUMNS}),
        features={name: row[name] for name in FEATURE_COLUMNS if row[name] is not None},
        decision=row["decision"],
        rules=tuple(row["rules"]),
        ruleset_version=row["ruleset_version"],
    )


def alert_of(row: dict[str, Any]) -> Alert:
    found = {field.name: row[field.name] for field in fields(Alert) if field.name in row}
    return Alert(**found | {"rules": tuple(row["rules"]), "reasons": tuple(row["reasons"])})


@pytest.mark.parametrize("written", ["kafka", "console", "file", "s3"], indirect=True)
def test_every_sink_takes_an_empty_batch_the_same_batch_twice_and_nulls(written: Written, batch: Batch) -> None:
    first, second = (FULL, BARE, SMALL), (LATE,)
    for number, paid in ((0, ()), (1, first), (1, first), (2, second)):
        written.sink.write(batch(*paid), number)
    times = 2 if written.repeats else 1
    sent = [*first * times, *second]
    by_id = {one.transaction_id: one for one in sent}
    alerts = sorted(written.alerts(), key=lambda one: one.transaction_id)
    assert [one.transaction_id for one in alerts] == sorted(one.transaction_id for one in sent if one.amount > 100)
    for alert in alerts:
        paid = by_id[alert.transaction_id]
        assert (alert.amount, alert.timestamp, alert.reasons) == (paid.amount, paid.event_time, ("Over 100",))
    assert len({encode(one) for one in alerts}) == 3, "a repeat is not the same alert"
    if isinstance(written.sink, ConsoleSink):
        return
    scored = sorted(written.scored(), key=lambda one: one.transaction.transaction_id)
    assert [one.transaction for one in scored] == sorted(sent, key=lambda one: one.transaction_id)
    assert {one.decision for one in scored if one.transaction != SMALL} == {"review"}
    assert all(one.features["card_count_1h"] >= 1 and one.features.keys() <= set(FEATURE_COLUMNS) for one in scored)


@pytest.mark.parametrize("where", ["file", "s3"])
def test_parquet_says_the_same_as_kafka(where: str, batch: Batch, s3: S3Server, tmp_path) -> None:
    archive = Archive(f"s3a://{BUCKET}/same", s3) if where == "s3" else Archive(str(tmp_path / "same"))
    some = batch(FULL, BARE, SMALL, LATE)
    ParquetSink(archive.path).write(some, 7)
    sent: dict[str, set[bytes]] = {TOPICS.scored: set(), TOPICS.alerts: set(), TOPICS.rejected: set()}
    for record in egress(some, TOPICS).collect():
        sent[record.topic].add(bytes(record.value))
    # Java and Python write small and large numbers differently in JSON: what they mean is compared.
    told = [decode(Scored, value) for value in sent[TOPICS.scored]]
    assert sorted(map(scored_of, archive.rows("scored")), key=_id) == sorted(told, key=_id)
    assert {encode(alert_of(row)) for row in archive.rows("alerts")} == sent[TOPICS.alerts]


def _id(scored: Scored) -> str:
    return scored.transaction.transaction_id


def test_parquet_is_flat_typed_and_one_path_a_day_and_batch(batch: Batch, tmp_path) -> None:
    archive = Archive(str(tmp_path / "archive"))
    ParquetSink(archive.path).write(batch(FULL, SMALL, LATE), 17)
    place = re.compile(r"(scored|alerts)/event_date=(2018-04-01|2018-04-02)/batch_id=17/part-[^/]*\.parquet")
    assert {place.fullmatch(one).group(1, 2) for one in archive.files()} == {
        (name, day) for name in ("scored", "alerts") for day in ("2018-04-01", "2018-04-02")
    }
    scored = ds.dataset(f"{archive.path}/scored", partitioning="hive").schema
    partitions = ("event_date", "batch_id")
    verdict = tuple(one.name for one in fields(Scored) if one.name not in ("transaction", "features"))
    assert tuple(scored.names) == (*TRANSACTION_COLUMNS, *FEATURE_COLUMNS, *verdict, *partitions)
    assert scored.field("event_time").type == pa.timestamp("us", "UTC")
    assert scored.field("amount").type == pa.decimal128(12, 2)
    assert scored.field("rules").type.value_type == pa.string()
    alerts = pd.read_parquet(f"{archive.path}/alerts")
    assert list(alerts.columns) == [*(one.name for one in fields(Alert)), *partitions]
    assert set(alerts["transaction_id"]) == {"full", "late"}


def test_what_a_killed_write_has_left_is_swept_away(batch: Batch, tmp_path) -> None:
    archive = Archive(str(tmp_path / "archive"))
    ParquetSink(archive.path).write(batch(FULL), 1)
    before = set(archive.files())
    rest = tmp_path / "archive" / "scored" / ".spark-staging-1" / "event_date=2018-04-01" / "batch_id=2"
    rest.mkdir(parents=True)
    (rest / "part-0.parquet").write_bytes(b"half")
    ParquetSink(archive.path).write(batch(), 2)
    assert set(archive.files()) == before


def test_storage_that_cannot_be_used_is_one_paragraph(spark: SparkSession, s3: S3Server, tmp_path) -> None:
    def told(url: str) -> str:
        with pytest.raises(UnusableStorage) as caught:
            session.require_storage(spark, (url,))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    session.require_storage(spark, (f"s3a://{BUCKET}/x",))
    assert "s3a://nowhere/x cannot be reached" in told("s3a://nowhere/x")
    (s3.home / "data" / "locked").mkdir()
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = me\naws_secret_access_key = hunter2\n")
    spark.conf.set("fs.s3a.bucket.locked.auth.profile.file", str(tmp_path / "credentials"))
    message = told("s3a://locked/x")
    assert "Check the bucket's name and the settings under `s3`." in message
    assert "hunter2" not in message


def test_no_setting_of_spark_holds_a_key(spark: SparkSession, s3: S3Server) -> None:
    session.require_storage(spark, (f"s3a://{BUCKET}/x",))
    jvm: Any = spark.sparkContext._jvm
    hadoop = jvm.java.io.StringWriter()
    jvm.org.apache.hadoop.conf.Configuration.dumpConfiguration(spark._jsparkSession.sessionState().newHadoopConf(), hadoop)
    told = f"{hadoop.toString()} {spark.sparkContext.getConf().getAll()}"
    assert s3.endpoint in told
    assert not [key for key in keys(s3) if key in told]


def test_without_a_folder_of_credentials_the_sdk_looks_for_them(spark: SparkSession, s3: S3Server) -> None:
    (s3.home / "data" / "chain").mkdir()
    spark.conf.set("fs.s3a.bucket.chain.aws.credentials.provider", session.SDK_CHAIN)
    system: Any = spark.sparkContext._jvm.java.lang.System  # type: ignore[union-attr]
    for name, value in zip(("aws.accessKeyId", "aws.secretAccessKey"), keys(s3), strict=True):
        system.setProperty(name, value)
    try:
        session.require_storage(spark, ("s3a://chain/x",))
    finally:
        system.clearProperty("aws.accessKeyId")
        system.clearProperty("aws.secretAccessKey")


EVENTS, BATCH = 6_000, 1_000


@pytest.mark.fresh
@pytest.mark.timeout(900)
def test_each_row_is_there_once_when_the_detector_is_killed_amid_its_writes(
    detector: Detector, run_here: Callable[..., None], kafka: KafkaConnection, topics: TopicNames, s3: S3Server
) -> None:
    archive = Archive(f"s3a://{BUCKET}/killed/archive", s3)
    detector.settings |= {
        "checkpoint": f"s3a://{BUCKET}/killed/checkpoint",
        "s3": s3.settings,
        "max_offsets": BATCH,
        "rules": {"large": {"when": "amount > 100", "reason": "Over 100"}},
        "sinks": {"kafka": {"type": "kafka"}, "archive": {"type": "parquet", "path": archive.path}},
    }
    paid = (
        transaction(transaction_id=f"t{one:05}", amount=Decimal(one % 150), event_time=AT + timedelta(hours=one % 48))
        for one in range(EVENTS)
    )
    send(kafka.bootstrap_servers, topics.transactions, ((b"k", encode(one)) for one in paid))
    rests = []
    for scored in (BATCH, 3 * BATCH):
        detector.start("microBatch", trigger=MICRO_BATCH)
        detector.until_scored(scored)
        while not any(archive.place.glob("scored/.spark-staging-*/**/*.parquet*")):
            assert detector.alive, detector.errors
            assert len({one.name for one in archive.place.glob("scored/event_date=*/batch_id=*")}) < EVENTS // BATCH, "it is done"
        detector.kill()
        rests.extend(archive.place.glob("*/.spark-staging-*"))
    assert rests, "no kill came amid a write"
    run_here(detector)

    ids = sorted(row["transaction_id"] for row in archive.rows("scored"))
    assert ids == [f"t{one:05}" for one in range(EVENTS)]
    alerts = sorted(row["transaction_id"] for row in archive.rows("alerts"))
    assert alerts == [f"t{one:05}" for one in range(EVENTS) if one % 150 > 100]
    assert not [one for one in archive.files() if ".spark-staging" in one]
    logs = "".join(file.read_text() for file in (detector.folder / "logs").iterdir())
    assert not [key for key in keys(s3) if key in logs + detector.errors + json.dumps(detector.printed)]
