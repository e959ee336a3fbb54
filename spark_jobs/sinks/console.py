"""Console: one line an alert on the driver's standard output, `Fraud transaction detected => {json}`. At least once.

The alerts topic is read back, as the stream writes to Kafka alone. Kafka keeps the place under a consumer group: what a crash
leaves unprinted is printed after the next start, and the lines printed last may come twice.
"""

import codecs
import json
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, TextIO

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, TopicPartition

from configuration import BrokerUnreachable, KafkaConnection
from contract import Alert, ContractError, decode

PREFIX = "Fraud transaction detected => "
STARTING = (
    *(KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS),
    *(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError._UNKNOWN_PARTITION, KafkaError._TRANSPORT),
)
"""What a new broker says of a group, and of a partition that is new or that it has only just found again."""

AS_JSON = "fraud_json"
TIMEOUT_S = 10.0
POLL_S = 0.1
RECONNECT_MS = 1_000
"""A broker that was away is looked for so often at least; librdkafka's own ten seconds are as long as a stop waits."""

log = structlog.get_logger()


class ConsoleReader:
    """Prints the alerts that are written after this object was made; under a group that is known, those after its place.

    What is no alert is not printed, the log says where it lies. A character that the output lacks is escaped as JSON has it, a
    broker that goes away is waited for, and where nobody reads the output any more printing ends: none of these ends the stream.
    """

    def __init__(self, connection: KafkaConnection, topic: str, group: str, out: TextIO = sys.stdout) -> None:
        """Asks Kafka for the group's place, or sets it to the topic's end.

        Raises:
            BrokerUnreachable: Kafka does not answer within ten seconds.
        """
        self._out, self._topic = out, topic
        settings = {**connection.librdkafka(), "group.id": group, "enable.auto.commit": False, "log_level": 0}
        settings["reconnect.backoff.max.ms"] = RECONNECT_MS
        self._consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
        try:
            places = self._places()
            self._patiently(lambda: self._consumer.commit(offsets=places, asynchronous=False))
        except KafkaException as error:
            self._consumer.close()
            raise BrokerUnreachable(
                f"Kafka at {connection.bootstrap_servers} does not say which alerts were printed: {_error(error).str()}",
                f"Check that this user may read {topic} in the group {group}, or set console.enabled to false.",
            ) from None
        self._consumer.assign(places)
        self._next = {place.partition: place.offset for place in places}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)

    def start(self) -> None:
        """Begins to print."""
        self._thread.start()

    def stop(self) -> None:
        """Prints what is already there, keeps the place, and ends."""
        self._stop.set()
        self._thread.join(TIMEOUT_S)

    def _places(self) -> list[TopicPartition]:
        partitions = self._consumer.list_topics(self._topic, timeout=TIMEOUT_S).topics[self._topic].partitions
        numbers = [TopicPartition(self._topic, number) for number in partitions]
        kept = self._patiently(lambda: self._consumer.committed(numbers, timeout=TIMEOUT_S))
        return [
            place
            if place.offset != OFFSET_INVALID
            else TopicPartition(self._topic, place.partition, self._bounds(place.partition)[1])
            for place in kept
        ]

    def _bounds(self, partition: int) -> tuple[int, int]:
        """Returns the first offset that Kafka still has, and the one behind the last."""
        place = TopicPartition(self._topic, partition)
        found: tuple[int, int] = self._patiently(lambda: self._consumer.get_watermark_offsets(place, timeout=TIMEOUT_S))
        return found

    def _patiently(self, ask: Any) -> Any:
        """Returns the answer; asks again while the group's coordinator or a partition's leader starts."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                return ask()
            except KafkaException as error:
                if _error(error).code() not in STARTING or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)
                self._consumer.list_topics(self._topic, timeout=TIMEOUT_S)  # who leads by now

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._print_some()
            self._print_rest()
        except KafkaException as error:
            log.warning("the last alerts are printed after the next start", error=_error(error).str())
        except (BrokenPipeError, ValueError) as error:  # ValueError: the output was closed on this side
            _silence(self._out)
            log.warning("alerts are printed no more: nobody reads the output", error=str(error))
        finally:
            self._consumer.close()

    def _print_rest(self) -> None:
        """Prints what the topic has by now."""
        deadline = time.monotonic() + TIMEOUT_S
        bounds = {partition: self._bounds(partition) for partition in self._next}
        while any(max(self._next[one], first) < end for one, (first, end) in bounds.items()) and time.monotonic() < deadline:
            self._print_some()

    def _print_some(self) -> None:
        found: list[Any] = [one for one in self._consumer.consume(num_messages=1_000, timeout=POLL_S) if not one.error()]
        if not found:
            return
        lines = [line for line in map(_line, found) if line]
        encoding = self._out.encoding or "utf-8"
        self._out.write("".join(lines).encode(encoding, AS_JSON).decode(encoding))
        self._out.flush()
        self._next |= {one.partition(): one.offset() + 1 for one in found}
        # Where it fails the place is kept with the next lines; until then a restart repeats these.
        with suppress(KafkaException):
            self._consumer.commit(asynchronous=False)


def _error(raised: KafkaException) -> KafkaError:
    error: Any = raised.args[0]
    return error  # type: ignore[no-any-return]


def _line(message: Message) -> str | None:
    value = message.value()
    try:
        decode(Alert, value)
    except ContractError as error:
        place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        log.warning("a record is no alert and is not printed", reason=str(error), **place)
        return None
    return f"{PREFIX}{(value or b'').decode()}\n"


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(AS_JSON, _escape)


def _silence(out: TextIO) -> None:
    """Lets later writes to a broken pipe go nowhere: Python flushes standard output when it ends, and would fail."""
    with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), out.fileno())
