"""All engines on the same job: the same records of one topic, the same broker, a topic each to write to, one after the other.

Each is a process that reads the topic from its beginning. It is measured from outside: its CPU time and that of all that it starts,
at the moments when its own topic holds so many records. The broker's time is in no figure.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from benchmarks.cpu import CpuTime
from benchmarks.page import table
from benchmarks.peers.environments import ROOT, python_of, version_of
from benchmarks.peers.job import INPUTS
from benchmarks.peers.model import train
from configuration import KafkaConnection, TopicNames
from contract import TopicSpec
from harness.kafka import TIMEOUT_S
from producer.topics import create_topics

BACKLOG = 1_000_000
LEARNT = 100_000
COMPARED = 300_000
"""The first records, those of a peer: its results must be the detector's, and they are the figure `cold`.

`cold` counts from the program's start. The detector writes all BACKLOG: in a batch the order of its records is not the topic's.
"""
SCORES_DIFFER = 1e-6
"""At most: ONNX Runtime adds up floats, in another order for a batch than for a row."""
STEP_S = 0.2


class Engine(NamedTuple):
    """One engine: what it is called, its program, its package, its state, and between which records it counts as settled."""

    name: str
    module: str
    package: str
    state: str
    settled: int
    end: int


DETECTOR = Engine(
    "the detector restricted to it, Spark", "with_spark", "pyspark", "RocksDB, a checkpoint every 300,000 records", 500_000, BACKLOG
)
PEERS = (
    Engine("Bytewax", "with_bytewax", "bytewax", "memory; recovery on, a snapshot into SQLite every 10 s", 50_000, COMPARED),
    Engine(
        "Quix Streams", "with_quixstreams", "quixstreams", "RocksDB and a changelog topic, a commit every 5 s", 50_000, COMPARED
    ),
)


class Mark(NamedTuple):
    """How many records were written, when, and with how much CPU time."""

    rows: int
    wall: float
    cpu: float


def compare(kafka: KafkaConnection, folder: Path) -> list[dict[str, Any]]:
    """Returns one dict an engine, the detector first: `engine` with its version, `state`, and what `_measured` returns.

    Fails where two engines come to different results for one of the first COMPARED transactions.
    """
    pythons = {DETECTOR: sys.executable, **{one: python_of(one.package) for one in PEERS}}
    source = _backlog(kafka)
    model = train(_values(kafka, source, LEARNT), folder / "models")
    rows: list[dict[str, Any]] = []
    expected: dict[str, tuple[float, ...]] = {}
    for engine, python in pythons.items():
        target = f"{engine.module}.scored"
        create_topics(kafka, [TopicSpec(name=target, partitions=1, settings={})])
        marks = _run(engine, python, kafka, (source, target, str(model)), folder / engine.module)
        rows.append({"engine": f"{engine.name} {version_of(python, engine.package)}", "state": engine.state, **_measured(marks)})
        found = _results(kafka, target, engine.end)
        assert len(found) == engine.end, f"{engine.name}: {engine.end - len(found):,} of the first records are repeats"
        expected = expected or found
        _require_same(engine.name, found, expected)
    return rows


def section(rows: list[dict[str, Any]]) -> str:
    """Returns what a page says: what was done, how many times as fast as the better peer the detector is, and the table."""
    ours, *peers = rows
    settled, cold = (ours[name] / max(peer[name] for peer in peers) for name in ("settled", "cold"))
    columns = {"engine": "engine", "state": "state", "rows": "rows", "rows_per_second": "rows/s", "cores": "cores used"}
    columns |= {"settled": "rows/s/core", "cold": "rows/s/core, cold"}
    peer = PEERS[0]
    return f"""\
Bytewax and Quix Streams, which run Python on streams, do one job, and so does the detector, restricted to it. From Kafka to Kafka,
JSON in and out: count and sum of a card's amounts over 1 h and 24 h, exact and in order, ten row-wise columns, a score by 200 trees
of depth 6 in ONNX Runtime, the scored record. They read the same records of one topic from the same broker, one engine after the
other, and come to the same results for the first {COMPARED:,}. State survives a restart. CPU time is that of an engine's own
processes. The detector counts from the {DETECTOR.settled:,}th record to the {DETECTOR.end:,}th, a peer from the {peer.settled:,}th
to the {peer.end:,}th. Cold are the first {COMPARED:,}, with the start of the program.

For each core the detector is {settled:.2f} times as fast as the better peer, and {cold:.2f} times while cold. (Goal: 3 times.)
Spark's own Python state is in the table under [History](#history).

{table(tuple(columns.values()), [tuple(row[name] for name in columns) for row in rows])}"""


def _backlog(kafka: KafkaConnection) -> str:
    """Returns the topic with BACKLOG transactions, made by the producer, each card's in the order of their times."""
    topics = TopicNames().prefixed("peers.")
    create_topics(kafka, topics.specs(1))
    # No label falls due.
    options = (
        f"--clock replay --count {BACKLOG} --inline-labels --label-delay 3650d --kafka.bootstrap-servers {kafka.bootstrap_servers}"
    )
    named = [f"--topics.{name}={getattr(topics, name)}" for name in ("transactions", "labels", "customers", "merchants")]
    command = [sys.executable, "-m", "producer", "run", *options.split(), *named]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return topics.transactions


def _run(engine: Engine, python: str, kafka: KafkaConnection, arguments: tuple[str, ...], home: Path) -> dict[str, Mark]:
    """Returns the marks `start`, `cold`, `settled` and `end` of an engine, which is killed then."""
    home.mkdir(parents=True)
    command = [python, "-m", f"benchmarks.peers.{engine.module}", kafka.bootstrap_servers, *arguments, str(home)]
    counts = {"cold": COMPARED, "settled": engine.settled, "end": engine.end}
    marks = {"start": Mark(0, time.monotonic(), 0.0)}
    consumer = Consumer({**kafka.librdkafka(), "group.id": "benchmark"})
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        used = CpuTime(process.pid)
        while len(marks) <= len(counts):
            time.sleep(STEP_S)
            assert process.poll() is None, (home / "log").read_text()
            written = _end(consumer, arguments[1])
            now = Mark(written, time.monotonic(), used.seconds())
            marks |= {name: now for name, count in counts.items() if name not in marks and written >= count}
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its own group, with the JVM
            process.wait()
        consumer.close()
    return marks


def _measured(marks: dict[str, Mark]) -> dict[str, Any]:
    """Returns `rows`, `rows_per_second` and `cores` of the settled part, and rows/s/core: `settled`, `cold`."""
    rows, wall, cpu = (after - before for before, after in zip(marks["settled"], marks["end"], strict=True))
    settled = {"rows": rows, "rows_per_second": round(rows / wall), "cores": round(cpu / wall, 2), "settled": round(rows / cpu)}
    return {**settled, "cold": round(marks["cold"].rows / marks["cold"].cpu)}


def _results(kafka: KafkaConnection, topic: str, count: int) -> dict[str, tuple[float, ...]]:
    """Returns what an engine wrote first, by transaction: INPUTS, and last the score."""
    found = {}
    for value in _values(kafka, topic, count):
        record = json.loads(value)
        features = map(record["features"].get, INPUTS)
        found[record["transaction"]["transaction_id"]] = (*features, record["fraud_score"])
    return found


def _require_same(engine: str, found: dict[str, tuple[float, ...]], expected: dict[str, tuple[float, ...]]) -> None:
    for name, (*others, other) in found.items():
        *features, score = expected[name]
        assert others == features, f"{engine}, {name}: {others} in place of {features}"
        assert abs(other - score) <= SCORES_DIFFER, f"{engine}, {name}: scored {other} in place of {score}"


def _values(kafka: KafkaConnection, topic: str, count: int) -> Iterator[bytes]:
    """Yields the values of a topic's first records."""
    consumer = Consumer({**kafka.librdkafka(), "group.id": "benchmark", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        left = count
        while left:
            messages = consumer.consume(min(left, 10_000), timeout=TIMEOUT_S)
            assert messages, f"{topic} has {left:,} records less than {count:,}"
            for message in messages:
                assert not message.error(), message.error()
                yield message.value() or b""
            left -= len(messages)
    finally:
        consumer.close()


def _end(consumer: Consumer, topic: str) -> int:
    return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=TIMEOUT_S, cached=False)[1]
