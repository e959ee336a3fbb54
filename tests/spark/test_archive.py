"""What is archived is what Kafka holds: each of its records once, typed and flat. Parquet is read back without Spark."""

import json
import re
import signal
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyspark.sql import DataFrame

from contract import Alert, Scored, Topics, Transaction, decode, encode
from harness import dying_archiver
from harness.detector import MICRO_BATCH, Archiver
from harness.kafka import send, send_all
from local.s3 import BUCKET, S3Server
from spark_jobs.errors import NotOurs
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.input_settings import InputSettings
from spark_jobs.pipeline import detect
from spark_jobs.schema import TRANSACTION_COLUMNS
from spark_jobs.settings import Rule
from spark_jobs.sinks.parquet import ParquetSink
from spark_jobs.sources import inputs_of
from spark_jobs.transforms.stored import PLACED, datasets, said
from tests.frames import EVERY_TIME
from tests.records import AT, alert, scored, transaction
from tests.s3 import Archive, keys

TOPICS = Topics()
RULES = {"large": Rule(when="amount > 100", reason="Over 100")}
Raw = Callable[..., DataFrame]
Run = Callable[..., None]
Sent = dict[str, list[tuple[str, bytes]]]

FULL = transaction(
    transaction_id="full",
    amount=Decimal("100.10"),
    event_time=AT + timedelta(microseconds=1),
    channel="ecom",
    device_id='Zoë "€" 𝄞',
    ip_prefix="203.0.113.0/24",
    vpn=True,
    is_fraud=True,
)
BARE = transaction(transaction_id="bare", amount=Decimal("9999999999.99"), latitude=None, longitude=None)
SMALL = transaction(transaction_id="small", amount=Decimal("0.10"))
LATE = transaction(transaction_id="late", amount=Decimal(500), event_time=AT + timedelta(days=1))


@pytest.fixture(scope="module")
def sent(raw: Raw) -> Sent:
    """What the detector sends of these transactions, (topic, value) by transaction."""
    records = [(TOPICS.transactions, encode(one), {"timestamp": one.event_time}) for one in (FULL, BARE, SMALL, LATE)]
    found: Sent = {}
    for topic, _, value, _ in detect(raw(*records), TOPICS, inputs_of(InputSettings(), TOPICS), RULES, None, EVERY_TIME).collect():
        told = json.loads(value)
        found.setdefault((told.get("transaction") or told)["transaction_id"], []).append((topic, bytes(value)))
    return found


@pytest.fixture
def archive(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server) -> Archive:
    if getattr(request, "param", "folder") == "folder":
        return Archive(str(tmp_path / "archive"))
    return Archive(f"s3a://{BUCKET}/{tmp_path.name}", s3)


def write(archive: Archive, records: DataFrame, batch_id: int) -> None:
    ParquetSink(archive.path, 2).write(datasets(said(records, TOPICS)), batch_id)


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


def by_id(scored: Scored) -> str:
    return scored.transaction.transaction_id


@pytest.mark.parametrize("archive", ["folder", "s3"], indirect=True)
def test_parquet_says_what_kafka_says_whatever_comes_twice_or_not_at_all(archive: Archive, raw: Raw, sent: Sent) -> None:
    for number, paid in ((0, ()), (1, (FULL, BARE, SMALL)), (1, (FULL, BARE, SMALL)), (2, (LATE,))):
        write(archive, raw(*(record for one in paid for record in sent[one.transaction_id])), number)
    records = [record for some in sent.values() for record in some]
    # Java and Python write small and large numbers differently in JSON: what they mean is compared.
    told = sorted((decode(Scored, value) for topic, value in records if topic == TOPICS.scored), key=by_id)
    assert sorted(map(scored_of, archive.rows("scored")), key=by_id) == told
    assert [one.transaction for one in told] == [BARE, FULL, LATE, SMALL]
    alerts = sorted(value for topic, value in records if topic == TOPICS.alerts)
    assert sorted(encode(alert_of(row)) for row in archive.rows("alerts")) == alerts
    assert len(alerts) == 3
    assert archive.rows("unreadable") == []


def test_it_is_flat_typed_and_one_path_a_day_and_batch(archive: Archive, raw: Raw, sent: Sent) -> None:
    write(archive, raw(*sent["full"], *sent["small"], *sent["late"]), 17)
    place = re.compile(r"(transactions|scored|alerts)/date=(2018-04-01|2018-04-02)/batch_id=17/part-[^/]*\.parquet")
    assert {place.fullmatch(one).group(1, 2) for one in archive.files()} == {
        (name, day) for name in ("transactions", "scored", "alerts") for day in ("2018-04-01", "2018-04-02")
    }
    scored = ds.dataset(f"{archive.path}/scored", partitioning="hive").schema
    partitions = ("date", "batch_id")
    verdict = tuple(one.name for one in fields(Scored) if one.name not in ("transaction", "features"))
    assert tuple(scored.names) == (*TRANSACTION_COLUMNS, *FEATURE_COLUMNS, *verdict, *PLACED, *partitions)
    assert scored.field("event_time").type == pa.timestamp("us", "UTC")
    assert scored.field("amount").type == pa.decimal128(14, 3)
    assert scored.field("card_count_1h").type == pa.float64()
    assert scored.field("rules").type.value_type == pa.string()
    alerts = pd.read_parquet(f"{archive.path}/alerts")
    assert list(alerts.columns) == [*(one.name for one in fields(Alert)), *partitions]
    assert set(alerts["transaction_id"]) == {"full", "late"}


def test_what_is_not_ours_is_kept_as_it_came(archive: Archive, raw: Raw, sent: Sent) -> None:
    (scored,) = [value for topic, value in sent["small"] if topic == TOPICS.scored]
    told = json.loads(scored)
    lacks = {**told, "transaction": {key: value for key, value in told["transaction"].items() if key != "card_id"}}
    wrong = {**told, "decision": None}
    values = [None, b"", b"\xff\x00", b"[]", b"{}", b'{"a": 1}', b"null", *(json.dumps(one).encode() for one in (lacks, wrong))]
    strange = [(topic, value, {"timestamp": AT}) for topic in (TOPICS.scored, TOPICS.alerts) for value in values]
    write(archive, raw((TOPICS.scored, scored), *strange), 0)
    assert [row["transaction_id"] for row in archive.rows("scored")] == ["small"]
    assert archive.rows("alerts") == []
    kept = archive.rows("unreadable")
    assert sorted((row["topic"], row["value"] or b"", row["offset"]) for row in kept) == sorted(
        (topic, value or b"", offset) for offset, (topic, value, _) in enumerate(strange, start=1)
    )
    assert {row["date"] for row in kept} == {"2018-04-01"}


def test_what_a_killed_write_has_left_is_swept_away(archive: Archive, raw: Raw, sent: Sent) -> None:
    write(archive, raw(*sent["full"]), 1)
    before = set(archive.files())
    rest = archive.place / "scored" / ".spark-staging-1" / "date=2018-04-01" / "batch_id=2"
    rest.mkdir(parents=True)
    (rest / "part-0.parquet").write_bytes(b"half")
    write(archive, raw(), 2)
    assert set(archive.files()) == before


def test_another_checkpoint_does_not_overwrite_the_path(archiver: Archiver, archive: Archive, archive_here: Run) -> None:
    archiver.settings |= archive.sinks
    send(archiver.kafka.bootstrap_servers, archiver.topics.scored, [(b"k", encode(scored(SMALL)))])
    archive_here(archiver)
    archive_here(archiver)
    before = archive.rows("scored")
    with pytest.raises(NotOurs, match="has been filled from another checkpoint"):
        archive_here(archiver, checkpoint=str(archiver.folder / "another"))
    assert archive.rows("scored") == before
    assert [row["transaction_id"] for row in before] == ["small"]


ROWS, BATCH, DAYS = 500, 100, 3


@pytest.mark.fresh
@pytest.mark.parametrize("archive", ["s3"], indirect=True)
def test_each_record_is_there_once_when_the_archiver_is_killed_amid_a_batch(
    archiver: Archiver, archive: Archive, archive_here: Run, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Archive(f"{archive.path}-checkpoint", s3)
    archiver.settings |= archive.sinks | {"checkpoint": checkpoint.path, "s3": s3.settings, "max_offsets": BATCH}
    _fill(archiver)
    archiver.module = dying_archiver.__name__
    # The second batch: its scored records are published, its alerts and transactions are not. All of it comes again.
    monkeypatch.setenv(dying_archiver.VARIABLE, "after_files:4")
    assert archiver.run("microBatch", trigger=MICRO_BATCH) == -signal.SIGKILL, archiver.errors
    assert [len(list(archive.place.glob(f"{name}/date=*/batch_id=1"))) for name in ("scored", "alerts")] == [DAYS, 0]
    assert len(list(checkpoint.place.glob("lake/commits/[0-9]*"))) == 1

    archive_here(archiver, max_offsets=2 * ROWS)
    for name in ("scored", "alerts", "transactions"):
        assert sorted(row["transaction_id"] for row in archive.rows(name)) == [f"t{one:04}" for one in range(ROWS)], name
    assert not [one for one in archive.files() if ".spark-staging" in one]
    logs = "".join(file.read_text() for file in (archiver.folder / "logs").iterdir())
    assert not [key for key in keys(s3) if key in logs + archiver.errors]


def _fill(archiver: Archiver) -> None:
    """Sends a scored transaction and an alert for each of ROWS payments on DAYS days, one after the other."""
    topics = archiver.topics
    paid = [
        transaction(transaction_id=f"t{number:04}", card_id=f"c{number % 50}", event_time=AT + timedelta(days=number % DAYS))
        for number in range(ROWS)
    ]
    told = (((topics.scored, encode(scored(one))), (topics.alerts, encode(alert(one)))) for one in paid)
    begin = int(AT.timestamp() * 1000)
    send_all(archiver.kafka.bootstrap_servers, ((topic, b"k", value) for both in told for topic, value in both), begin)
