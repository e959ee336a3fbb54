"""Console sink. At least once: one line an alert on the driver's standard output, `Fraud transaction detected => {json}`."""

import sys
import threading
import time
from contextlib import suppress
from typing import Any, TextIO

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition
from pyspark.sql import DataFrame

from configuration import KafkaConnection
from spark_jobs.transforms.egress import alerts

PREFIX = "Fraud transaction detected => "
STARTING = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
TIMEOUT_S = 10.0
POLL_S = 0.1


class ConsoleSink:
    """Prints the alerts of a batch."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out

    def write(self, batch: DataFrame, batch_id: int) -> None:  # noqa: ARG002 a line repeated is a line repeated
        """Prints one line an alert."""
        for row in alerts(batch).toLocalIterator():
            self._out.write(f"{PREFIX}{row.value}\n")
        self._out.flush()


class ConsoleReader:
    """Prints alerts by reading their topic back: a real-time query can write to Kafka alone.

    Its place is kept by Kafka under `group`; without one it begins at the topic's end as it is when this object is made, so make it
    before the query starts.
    """

    def __init__(self, connection: KafkaConnection, topic: str, group: str, out: TextIO = sys.stdout) -> None:
        self._out = out
        settings = {**connection.librdkafka(), "group.id": group, "enable.auto.commit": False, "log_level": 0}
        self._consumer = Consumer(settings)
        self._consumer.assign(self._places(topic))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)

    def start(self) -> None:
        """Begins to print."""
        self._thread.start()

    def stop(self) -> None:
        """Prints what is already there, keeps the place, and ends."""
        self._stop.set()
        self._thread.join(TIMEOUT_S)

    def _places(self, topic: str) -> list[TopicPartition]:
        partitions = self._consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
        kept = self._committed([TopicPartition(topic, number) for number in partitions])
        return [place if place.offset != OFFSET_INVALID else self._end(place) for place in kept]

    def _committed(self, places: list[TopicPartition]) -> list[TopicPartition]:
        """Returns where the group is; asks again while the group's coordinator starts, as that of a new broker does."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                return self._consumer.committed(places, timeout=TIMEOUT_S)
            except KafkaException as error:
                cause: Any = error.args[0]
                if cause.code() not in STARTING or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)

    def _end(self, place: TopicPartition) -> TopicPartition:
        _, end = self._consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
        return TopicPartition(place.topic, place.partition, end)

    def _run(self) -> None:
        while True:
            found = self._consumer.consume(num_messages=1_000, timeout=POLL_S)
            values = [message.value() for message in found if not message.error()]
            for value in values:
                self._out.write(f"{PREFIX}{(value or b'').decode()}\n")
            self._out.flush()
            if values:
                self._commit()
            elif self._stop.is_set():
                break
        self._consumer.close()

    def _commit(self) -> None:
        # Where it fails the place is kept with the next lines; until then a restart repeats these.
        with suppress(KafkaException):
            self._consumer.commit(asynchronous=False)
