"""Records to Kafka: idempotent, acknowledged by all replicas, each delivery counted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from confluent_kafka import KafkaError, Message, Producer

from configuration import KafkaConnection
from contract import encode
from producer.errors import CannotWrite, NotDelivered

SETTINGS = {
    "enable.idempotence": True,
    "acks": "all",
    # Java's partitioner: Spark, Kafka Streams and the detector's own sink put a card on the same partition.
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
    "linger.ms": 5,
    "log_level": 0,
}
FULL_QUEUE_WAIT_S = 0.1
FLUSH_TIMEOUT_S = 30.0


class AskedToStop(Exception):
    """The program was asked to stop while the queue was full: the record in hand was not sent."""


class Publisher:
    """A producer that knows what has been delivered. Use it as a context manager: on leaving all is delivered, or NotDelivered.

    `stop` ends the wait for room in a full queue, which is long where the brokers are gone.

    Raises:
        CannotWrite: the ledger cannot be written; so does every method that handles deliveries.
    """

    def __init__(self, connection: KafkaConnection, ledger: Path | None = None, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()
        self._ledger: TextIO | None = None
        if ledger:
            try:
                self._ledger = ledger.open("a", buffering=1)  # line by line: after a crash it holds whole lines
            except OSError as error:
                raise _not_written(error) from None
        self._producer = Producer({**connection.librdkafka(), **SETTINGS})
        self._failure: KafkaError | None = None
        self.sent = self.delivered = self.failed = 0

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        left = self._producer.flush(FLUSH_TIMEOUT_S)
        if self._ledger:
            self._ledger.close()
        if kind is None and (left or self.failed):
            self._refuse(left)

    def send(self, topic: str, key: str, record: object, ledger_id: str | None = None) -> None:
        """Queues a record; waits where the queue is full. `ledger_id` is written to the ledger once Kafka has the record.

        Raises:
            NotDelivered: Kafka has refused an earlier record for good.
            AskedToStop: `stop` was set before there was room.
        """
        if self.failed:
            self._refuse(len(self._producer))
        value = encode(record)
        on_delivery = self._count if ledger_id is None or self._ledger is None else self._enter(ledger_id)
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=on_delivery)
                break
            except BufferError:
                self._producer.poll(FULL_QUEUE_WAIT_S)
                if self._stop.is_set():
                    raise AskedToStop from None
        self.sent += 1
        if not self.sent % 64:
            self._producer.poll(0)

    def wait(self, seconds: float) -> None:
        """Handles delivery reports for up to this time."""
        self._producer.poll(seconds)

    def _count(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self.failed += 1
            self._failure = error

    def _enter(self, ledger_id: str) -> Callable[[KafkaError | None, Message], None]:
        def enter(failure: KafkaError | None, message: Message) -> None:
            self._count(failure, message)
            if failure is None and self._ledger:
                try:
                    self._ledger.write(f"{ledger_id}\n")
                except OSError as error:
                    raise _not_written(error) from None

        return enter

    def _refuse(self, left: int) -> None:
        cause = self._failure.str() if self._failure else "no answer"
        raise NotDelivered(
            f"Kafka has {self.delivered:,} of {self.sent:,} records; {self.failed:,} were refused, {left:,} not answered ({cause})",
            "See that the brokers run and have room, then start again: what was not delivered is not in the ledger.",
        )


def _not_written(error: OSError) -> CannotWrite:
    return CannotWrite(f"The ledger cannot be written: {error.strerror}", "Name another file under --ledger, or make room.")
