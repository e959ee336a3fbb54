"""Whether a record lies between the last result and an input's end, or nothing to read: transaction markers, aborted records."""

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, TopicPartition

from configuration import KafkaConnection
from watcher.records import Place, position

SETTINGS = {
    "group.id": "fraud-watcher",  # asked for by the client; no place is kept there
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",  # what Kafka has deleted has no result, and waits no more
    "fetch.message.max.bytes": 16_384,
    "queued.min.messages": 1,
    "fetch.wait.max.ms": 100,  # an end is told when this is over, and the answer is awaited for TIMEOUT_S
    "log_level": 0,
}
TIMEOUT_S = 1.0


class Gaps:
    """Looks into gaps."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._consumer = Consumer({**connection.librdkafka(), **SETTINGS})
        self._asked: dict[Place, int] = {}
        """What Kafka was asked for and has not told yet."""

    def first(self, gaps: Mapping[Place, int]) -> dict[Place, int]:
        """Returns the offset of the first record at or behind a given one, that of the end where there is none.

        Partitions of which Kafka does not tell within a second are left out. Asked for them again, it waits on for the same answer:
        a slow broker's comes in the end.
        """
        if gaps != self._asked:
            self._consumer.assign([TopicPartition(*place, offset) for place, offset in gaps.items()])
            self._asked = dict(gaps)
        found: dict[Place, int] = {}
        deadline = time.monotonic() + TIMEOUT_S
        while self._asked and (left := deadline - time.monotonic()) > 0:
            for message in self._consumer.consume(1, left):
                error, at = message.error(), position(message)
                if at is None or not (error is None or error.code() == KafkaError._PARTITION_EOF):
                    continue
                place, offset = at
                if self._asked.pop(place, None) is not None:
                    found[place] = offset
                    self._consumer.incremental_unassign([TopicPartition(*place)])
        return found

    def close(self) -> None:
        """Leaves the topics."""
        self._consumer.close()
