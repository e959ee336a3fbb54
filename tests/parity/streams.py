"""One world through Kafka, chunk after chunk, into a running detector."""

import json
import time
from collections import Counter
from pathlib import Path

import pandas as pd
from confluent_kafka import Consumer, TopicPartition

from configuration import KafkaConnection, TopicNames
from harness.detector import Detector
from harness.kafka import send, send_all
from harness.worlds import World
from spark_jobs.features import FEATURE_COLUMNS

POLL_S = 0.1
ROWS_TO_KILL_IN = 200


def streamed(
    detector: Detector,
    kafka: KafkaConnection,
    topics: TopicNames,
    world: World,
    chunks: int,
    *,
    kill_in: int | None = None,
    waiting: int = 0,
) -> pd.DataFrame:
    """Returns the features that the stream gave. Topics have one partition: events are read in the order of their arrival.

    A chunk is sent when the one before is scored: its changed profiles, its labels, then its transactions, so that no
    transaction is handled before what was known. A chunk is shorter than the seven days after which labels come: one that came
    before its transaction would be lost. In chunk `kill_in`, or the next that is large, the detector is killed and started again.
    The first spans, as many as are `waiting`, are in Kafka before it starts, each record in the order of its arrival.
    """
    scored = ScoredFeatures(kafka, topics, detector)
    trigger = detector.settings["trigger"]
    told: dict[str, int] = {}

    def tell(topic: str, records: list[tuple[str, bytes]]) -> None:
        told[topic] = told.get(topic, 0) + send(kafka.bootstrap_servers, topic, records)
        if trigger["mode"] == "realTime":  # in which each topic has tasks of its own; a micro-batch sorts what it holds
            _until_checkpointed(detector, topic, told[topic])

    customers, merchants = world.profiles()
    prepared, sent = world.chunks(chunks, waiting), 0
    if waiting:
        profiles = [(topics.customers, *one) for one in customers] + [(topics.merchants, *one) for one in merchants]
        by_kind = {"customer": topics.customers, "label": topics.labels, "transaction": topics.transactions}
        backlog = [*profiles, *((by_kind[kind], key, value) for kind, key, value in world.arrivals(waiting, chunks))]
        send_all(kafka.bootstrap_servers, backlog)
        told.update(Counter(topic for topic, *_ in backlog))
        sent = told[topics.transactions]
    detector.start(trigger["mode"], trigger=trigger)
    if not waiting:
        tell(topics.customers, customers)
        tell(topics.merchants, merchants)
    chunk, number = next(prepared, None), waiting
    while chunk is not None:
        if chunk.customers:
            tell(topics.customers, chunk.customers)
        tell(topics.labels, chunk.labels)
        count = send(kafka.bootstrap_servers, topics.transactions, chunk.transactions)
        if kill_in is not None and number >= kill_in and count >= ROWS_TO_KILL_IN:
            scored.until(sent + 1)
            detector.kill()
            detector.start(trigger["mode"], trigger=trigger)
            kill_in = None
        sent += count
        chunk, number = next(prepared, None), number + 1  # made while the detector works
        scored.until(sent)
    assert detector.stop() == 0, detector.errors
    assert sent == world.rows
    assert kill_in is None, "no chunk had enough transactions to be killed in"
    return scored.frame()


def _until_checkpointed(detector: Detector, topic: str, count: int) -> None:
    """Returns once a checkpoint says that so many records of the topic have been handled."""
    checkpoint = Path(detector.settings["checkpoint"])
    while detector.alive:
        done = [file.name for file in (checkpoint / "commits").glob("*") if file.name.isdecimal()]
        if done:
            offsets = json.loads((checkpoint / "offsets" / max(done, key=int)).read_text().splitlines()[-1])
            if sum(offsets[topic].values()) >= count:
                return
        time.sleep(POLL_S)
    raise AssertionError(f"the detector has ended: {detector.errors}")


class ScoredFeatures:
    """The scored topic, read as it grows; a repeat must be the same bytes."""

    def __init__(self, kafka: KafkaConnection, topics: TopicNames, detector: Detector) -> None:
        self._detector = detector
        self._hashes: dict[str, int] = {}
        self._rows: list[tuple[float, ...]] = []
        self._consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "parity", "enable.auto.commit": False})
        partitions = self._consumer.list_topics(topics.scored, timeout=30).topics[topics.scored].partitions
        self._consumer.assign([TopicPartition(topics.scored, number, 0) for number in partitions])

    def until(self, count: int) -> None:
        """Returns once so many transactions are scored."""
        while len(self._rows) < count:
            messages = self._consumer.consume(10_000, timeout=1.0)
            assert messages or self._detector.alive, f"{len(self._rows)} of {count} scored, and the detector has ended"
            for message in messages:
                self._add(message.value() or b"")

    def frame(self) -> pd.DataFrame:
        """Returns the features, indexed by transaction_id; absent is NaN."""
        self._consumer.close()
        index = pd.Index(self._hashes, name="transaction_id")
        return pd.DataFrame(self._rows, columns=list(FEATURE_COLUMNS), index=index, dtype=float)

    def _add(self, value: bytes) -> None:
        scored = json.loads(value)
        name = scored["transaction"]["transaction_id"]
        if name in self._hashes:
            assert self._hashes[name] == hash(value), f"{name} came twice and differs"
            return
        self._hashes[name] = hash(value)
        self._rows.append(tuple(scored["features"].get(feature) for feature in FEATURE_COLUMNS))
