"""An archiver whose records Kafka has deleted: it says which, or goes on behind them, and what its sinks have stays."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable
from prometheus_client import CollectorRegistry

from configuration import FraudDetectionError, KafkaConnection, TopicNames
from contract import Label, encode
from harness.detector import Archiver
from harness.dying_archiver import armed, cut_off
from harness.kafka import send
from local.broker import Broker
from spark_jobs.checkpoint_files import Folder
from spark_jobs.damage import Range
from spark_jobs.errors import RecordsExpired, UnreadableRecord, UnusableTopic
from spark_jobs.places import Checkpoint
from spark_jobs.skip_copied import SkipCopiedSettings, skip
from tests.records import AT, scored, transaction
from tests.source import Source

Run = Callable[..., CollectorRegistry]


@pytest.fixture
def source(kafka: KafkaConnection, new_topics: Callable[..., TopicNames]) -> Source:
    return Source(kafka, new_topics(1))


@pytest.fixture
def archiver(kafka: KafkaConnection, source: Source, tmp_path: Path) -> Archiver:
    one = Archiver(kafka, source.topics, tmp_path)
    one.settings |= {"sinks": {"delta": {"type": "delta", "path": str(tmp_path / "delta")}}}
    return one


def pay(archiver: Archiver, numbers: range) -> None:
    told = [("input-topic", b"t"), ("input-partition", b"0")]
    paid = [
        (b"k", encode(scored(transaction(transaction_id=f"t{one:02}"))), [*told, ("input-offset", str(one).encode())])
        for one in numbers
    ]
    send(archiver.kafka.bootstrap_servers, archiver.topics.scored, paid)


def label(archiver: Archiver, numbers: range) -> None:
    labels = (
        Label(
            transaction_id=f"t{one:02}",
            card_id="c",
            terminal_id="T1",
            event_time=AT,
            labelled_at=AT + timedelta(days=1),
            is_fraud=True,
        )
        for one in numbers
    )
    send(archiver.kafka.bootstrap_servers, archiver.topics.labels, [(b"k", encode(one)) for one in labels])


def check(archiver: Archiver, table: str, numbers: Iterable[int]) -> None:
    path = archiver.settings["sinks"]["delta"]["path"]
    found = DeltaTable(f"{path}/{table}").to_pyarrow_table(columns=["transaction_id"])["transaction_id"].to_pylist()
    assert sorted(found) == [f"t{one:02}" for one in numbers]


def stopped(archiver: Archiver, archive_here: Run, error: type[FraudDetectionError], **changes: Any) -> str:
    with pytest.raises(error) as caught:
        archive_here(archiver, **changes)
    assert "--on_lost_records skip" in str(caught.value)
    assert "`checkpoint`" not in str(caught.value), "a new one is no advice"
    return str(caught.value)


def test_a_sink_stops_at_what_kafka_has_deleted_or_goes_on_behind_it(source: Source, archiver: Archiver, archive_here: Run) -> None:
    source.topic = archiver.topics.scored
    pay(archiver, range(10))
    label(archiver, range(3))
    archive_here(archiver)
    pay(archiver, range(10, 20))
    source.delete_before(14)
    told = stopped(archiver, archive_here, RecordsExpired)
    assert f"4 of topic {source.topic}, partition 0 (offsets 10 to 13)" in told
    counted = archive_here(archiver, on_lost_records="skip")
    names = {"sink": "delta", "topic": source.topic}
    assert counted.get_sample_value("fraud_archive_lost_records_total", names) == 4
    kept = [*range(10), *range(14, 20)]
    check(archiver, "scored", kept)

    source.topic = archiver.topics.labels
    source.make_anew()
    label(archiver, range(3, 8))
    assert f"Not the topics that this checkpoint has read: {source.topic}" in stopped(archiver, archive_here, UnusableTopic)
    archive_here(archiver, on_lost_records="skip")
    check(archiver, "labels", range(8))

    source.topic = archiver.topics.scored
    pay(archiver, range(20, 30))
    with armed("after_log", cut_off), pytest.raises(FraudDetectionError, match="cut off"):
        archive_here(archiver)
    pay(archiver, range(30, 40))  # these are of the next batch, as the one that comes again is there already
    source.delete_before(25)
    stopped(archiver, archive_here, RecordsExpired)
    archive_here(archiver, on_lost_records="skip")
    check(archiver, "scored", [*kept, *range(20, 40)])
    archive_here(archiver)


def test_every_sink_steps_over_a_damaged_batch(source: Source, archiver: Archiver, broker: Broker, archive_here: Run) -> None:
    """What lies in the detector's topic is none of its records here, and so is kept as it came, with its offset."""
    source.topic = archiver.topics.scored
    archiver.settings["sinks"]["lake"] = {"type": "parquet", "path": str(archiver.folder / "lake")}
    source.pay(3)
    archive_here(archiver)
    source.pay(4)
    source.damage(broker, 5)
    with pytest.raises(UnreadableRecord, match=rf"`fraud skip {source.topic} 0 4 --archiver` with the archiver's settings"):
        archive_here(archiver)
    place = ["--topic", source.topic, "--partition", "0", "--offset", "4"]
    settings = SkipCopiedSettings.load(["--config", str(archiver.write("availableNow")), *place], "tests")
    places = {name: settings.checkpoint_of(name) for name in settings.sinks}
    sinks = {name: Checkpoint(Folder(Path(one)), one) for name, one in places.items()}
    assert skip(sinks, settings) == Range(4, 5)
    archive_here(archiver)
    for sink in settings.sinks.values():
        rows = ds.dataset(f"{sink.path}/unreadable", format="parquet", exclude_invalid_files=True).to_table(columns=["offset"])
        assert sorted(rows["offset"].to_pylist()) == [0, 1, 2, 3, 5, 6]
    with pytest.raises(UnreadableRecord, match="are behind that record already"):
        skip({name: Checkpoint(Folder(Path(one)), one) for name, one in places.items()}, settings)
