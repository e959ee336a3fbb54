"""Files of payments are scored once each, by the stream's own pipeline and with its history."""

import csv
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from pyspark.sql import SparkSession

from configuration import KafkaConnection, TopicNames, transactions
from contract import Rejected, Scored, Transaction, decode, encode
from harness.detector import Detector
from harness.kafka import read_all, send
from local.s3 import BUCKET, S3Server
from spark_jobs.errors import FilesNotLoaded, UnusableFolder
from spark_jobs.file_arrival import AT_ONCE, load, require_all
from spark_jobs.settings import DetectorSettings
from tests.records import AT, transaction
from tests.s3 import client

RunHere = Callable[..., Any]


def paid(number: int) -> Transaction:
    """Returns payments of one card, each of its own amount."""
    return transaction(transaction_id=f"t{number}", amount=Decimal(number))


def write(file: Path, records: Sequence[Transaction | bytes]) -> None:
    """Writes a file as its ending says."""
    values = [one if isinstance(one, bytes) else encode(one) for one in records]
    if file.suffix == ".csv":
        rows = [json.loads(value) for value in values]
        with file.open("w", newline="") as out:
            table = csv.DictWriter(out, rows[0], delimiter=";")
            table.writeheader()
            table.writerows(rows)
    else:
        file.write_bytes(b"".join(value + b"\n" for value in values))


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def scored(kafka: KafkaConnection, topics: TopicNames) -> Callable[[], dict[str, Scored]]:
    """Returns a function that tells what was scored, by transaction_id; fails where one was scored twice."""

    def read() -> dict[str, Scored]:
        found = [decode(Scored, one.value) for one in read_all(kafka.bootstrap_servers, topics.scored)]
        by_id = {one.transaction.transaction_id: one for one in found}
        assert len(by_id) == len(found), Counter(one.transaction.transaction_id for one in found)
        return by_id

    return read


def test_each_file_is_scored_once_with_the_history_of_the_stream(
    detector: Detector,
    run_here: RunHere,
    kafka: KafkaConnection,
    topics: TopicNames,
    inbox: Path,
    scored: Callable[[], dict[str, Scored]],
) -> None:
    detector.settings["input"] = {"files": {"folder": str(inbox)}}
    send(kafka.bootstrap_servers, topics.transactions, [(b"card-1", encode(paid(1)))])
    write(inbox / "a.jsonl", [paid(2), b'{"amount": "12,50"}', paid(3)])
    write(inbox / "b.csv", [paid(4), paid(5)])
    (inbox / "copy of a.jsonl").write_bytes((inbox / "a.jsonl").read_bytes())
    write(inbox / ".being-written.jsonl", [paid(6)])
    run_here(detector)
    assert scored().keys() == {"t1", "t2", "t3", "t4", "t5"}
    (letter,) = (decode(Rejected, one.value) for one in read_all(kafka.bootstrap_servers, topics.rejected))
    assert "invalid:amount" in letter.reasons
    assert [(one.key, one.value) for one in letter.headers or ()] == [("loaded-from", f"{inbox}/a.jsonl:2".encode())]

    # A later run: what is new is scored, and remembers what came from Kafka and from the files of before.
    (inbox / ".being-written.jsonl").rename(inbox / "c.jsonl")
    (inbox / "a.jsonl").rename(inbox / "a-renamed.jsonl")
    with (inbox / "b.csv").open("ab") as out:
        out.write(b"one more row\n")
    write(inbox / "d.txt", [paid(7)])
    with pytest.raises(FilesNotLoaded) as told:
        run_here(detector)
    found = scored()
    assert found.keys() == {"t1", "t2", "t3", "t4", "t5", "t6"}
    assert found["t6"].features["card_count_1d"] == 6
    assert f"{inbox}/b.csv has changed since it was loaded; {inbox}/d.txt ends in none of .jsonl," in str(told.value)
    assert "\n" not in str(told.value)


@pytest.fixture
def settings(detector: Detector) -> Callable[..., DetectorSettings]:
    """Returns a function that makes settings of a detector that reads files."""

    def make(folder: str, **more: Any) -> DetectorSettings:
        file = detector.write("availableNow", input={"files": {"folder": folder}}, **more)
        return DetectorSettings.load(["--config", str(file)], "tests")

    return make


def values(kafka: KafkaConnection, topic: str) -> list[bytes]:
    return [one.value or b"" for one in read_all(kafka.bootstrap_servers, topic)]


def test_a_run_that_dies_leaves_no_part_and_the_next_goes_on_behind_it(
    spark: SparkSession,
    kafka: KafkaConnection,
    topics: TopicNames,
    inbox: Path,
    settings: Callable[..., DetectorSettings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a record that is too large for a message holds nothing up."""

    class Killed(BaseException):
        """Nobody tidies up behind a process that was killed."""

    class DyingProducer(Producer):
        """Its process dies once the broker has the second transaction's records, and not its end."""

        begun = 0

        def begin_transaction(self) -> None:
            self.begun += 1
            super().begin_transaction()

        def commit_transaction(self, timeout: float = -1) -> None:
            if self.begun == 2:
                assert self.flush(timeout) == 0
                raise Killed
            super().commit_transaction(timeout)

    asked = settings(str(inbox))
    lines = [*(b"%d" % number for number in range(2 * AT_ONCE)), b"x" * 2_000_000, b"last"]
    write(inbox / "a.jsonl", lines)
    with monkeypatch.context() as patched:
        patched.setattr(transactions, "Producer", DyingProducer)
        with pytest.raises(Killed):
            load(spark, asked, threading.Event())
    assert values(kafka, topics.transactions) == lines[:AT_ONCE]
    (inbox / "a.jsonl").rename(inbox / "renamed.jsonl")
    assert load(spark, asked, threading.Event()) == []
    sent = values(kafka, topics.transactions)
    assert [len(value) for value in sent[-2:]] == [asked.limits.max_bytes + 1, 4]
    assert sent[:-2] == lines[:-2]
    assert load(spark, asked, threading.Event()) == []
    assert len(values(kafka, topics.transactions)) == len(lines)


def test_a_stop_ends_the_loading_between_two_transactions(
    spark: SparkSession, kafka: KafkaConnection, topics: TopicNames, inbox: Path, settings: Callable[..., DetectorSettings]
) -> None:
    write(inbox / "a.jsonl", lines := [b"%d" % number for number in range(AT_ONCE + 1)])
    stop = _StopWhileReading()
    assert load(spark, settings(str(inbox)), stop) == []
    assert values(kafka, topics.transactions) == lines[:AT_ONCE]
    assert load(spark, settings(str(inbox)), threading.Event()) == []
    assert values(kafka, topics.transactions) == lines


class _StopWhileReading(threading.Event):
    """A stop that is asked for while the first file is read: not yet before it, and from then on."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0

    def is_set(self) -> bool:
        self._asked += 1
        return self._asked > 1


def test_a_bucket_with_parquet_and_a_large_file_is_read_like_a_folder(
    spark: SparkSession, kafka: KafkaConnection, topics: TopicNames, s3: S3Server, settings: Callable[..., DetectorSettings]
) -> None:
    folder, files = f"{BUCKET}/{topics.transactions}", client(s3)
    table = pa.table({"id": ["p1", "p2"], "at": [AT, AT], "amount": [Decimal("12.50"), None]})
    with files.open_output_stream(f"{folder}/day/a b.parquet") as out:
        pq.write_table(table, out)
    lines = [b"%07d" % number for number in range(200_000)]  # more than is asked of Java at a time
    with files.open_output_stream(f"{folder}/b.jsonl") as out:
        out.write(b"\n".join(lines))
    asked = settings(f"s3a://{folder}")
    for _ in range(2):
        assert load(spark, asked, threading.Event()) == []
    sent = values(kafka, topics.transactions)
    assert sorted(sent)[: len(lines)] == lines
    assert [json.loads(value) for value in sorted(sent)[len(lines) :]] == [
        {"id": "p1", "at": "2018-04-01T12:30:15.250000Z", "amount": 12.5},
        {"id": "p2", "at": "2018-04-01T12:30:15.250000Z"},
    ]
    assert list(_origins(kafka, topics.transactions, b"p2")) == [f"s3a://{folder}/day/a b.parquet:2"]


def _origins(kafka: KafkaConnection, topic: str, part: bytes) -> Iterator[str]:
    consumer = Consumer({**kafka.librdkafka(), "group.id": "tests"})
    for record in read_all(kafka.bootstrap_servers, topic):
        if part in (record.value or b""):
            consumer.assign([TopicPartition(topic, record.partition, record.offset)])
            message = consumer.poll(30)
            assert message is not None
            yield dict(message.headers() or [])["loaded-from"].decode()
    consumer.close()


def test_a_folder_and_files_that_cannot_be_read_are_told(
    spark: SparkSession, kafka: KafkaConnection, topics: TopicNames, inbox: Path, settings: Callable[..., DetectorSettings]
) -> None:
    with pytest.raises(UnusableFolder, match=r"nowhere cannot be listed: No such file.* Check `input\.files\.folder`\."):
        load(spark, settings(str(inbox / "nowhere")), threading.Event())
    (inbox / "a.parquet").write_text("a secret, and no Parquet")
    (inbox / "b.csv").write_text("")
    write(inbox / "c.jsonl", [b"1"])
    told = load(spark, settings(str(inbox)), threading.Event())
    assert [re.sub(r" \(\w+\)$", "", one) for one in told] == [  # an error's own words may quote the file: Parquet's do
        f"{inbox}/a.parquet cannot be read as parquet behind line 0",
        f"{inbox}/b.csv cannot be read as csv behind line 0",
    ]
    assert "secret" not in "".join(told)
    assert values(kafka, topics.transactions) == [b"1"], "a file that cannot be read holds up no other"
    with pytest.raises(FilesNotLoaded, match="save them under new names"):
        require_all(told)
