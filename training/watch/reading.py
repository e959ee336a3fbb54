"""The topic of scored payments, by Kafka's time: what is read of a window is the same whenever it is read."""

import json
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from configuration import KafkaConnection, require_topics
from training.watch.sample import Sample

SETTINGS = {
    "group.id": "fraud-models-watch",  # asked for by the client; no place is kept there
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "queued.max.messages.kbytes": 16_384,
    "fetch.queue.backoff.ms": 10,  # a window ends within what is fetched: the next one would wait for a second
    "fetch.wait.max.ms": 100,  # an end is told when this is over
    "log_level": 0,
}
AT_ONCE = 1_000
TIMEOUT_S = 20.0
CAME_AT = "input-timestamp"
"""Header with Kafka's time of the payment (spark_jobs/transforms/egress.py)."""


class ScoredTopic:
    """Reads what a model has done between two instants, in milliseconds since 1970.

    Raises:
        BrokerUnreachable, AccessRefused, MissingTopic: as `require_topics`.
    """

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._topic, self._partitions = topic, require_topics(connection, [topic])[topic]
        self._consumer = Consumer({**connection.librdkafka(), **SETTINGS})

    def has_reached(self, at: int) -> bool:
        """Returns whether there is a record of that time or a later one.

        Raises:
            KafkaException: Kafka does not tell.
        """
        return any(one.offset >= 0 for one in self._first(at))

    def read(self, begin: int, end: int, model: str, most: int) -> Sample:
        """Returns the payments from `begin` to before `end`, the first `most` of them, evenly from all partitions.

        Raises:
            KafkaException: Kafka does not tell.
        """
        found = Sample()
        starts = [one for one in self._first(begin) if one.offset >= 0]
        left = {one.partition: -(-most // self._partitions) for one in starts}
        self._consumer.assign(starts)
        try:
            while left:
                first = self._consumer.poll(TIMEOUT_S)
                if first is None:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
                # `consume` waits for as many as are asked for; what has come is enough.
                self._take([first, *self._consumer.consume(AT_ONCE - 1, 0)], end, left, model, found)
        finally:
            self._consumer.unassign()
        return found

    def close(self) -> None:
        """Leaves the topic."""
        self._consumer.close()

    def _take(self, messages: Sequence[Message], end: int, left: dict[int, int], model: str, found: Sample) -> None:
        for one in messages:
            partition, error = one.partition(), one.error()
            if partition not in left:
                continue
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if error is not None or one.timestamp()[1] >= end or not left[partition]:
                del left[partition]
                self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
                continue
            left[partition] -= 1
            _count(one, model, found)

    def _first(self, at: int) -> list[TopicPartition]:
        """Returns the place of the first record of that time or a later one in each partition; a negative offset: there is none."""
        asked = [TopicPartition(self._topic, number, at) for number in range(self._partitions)]
        return list(self._consumer.offsets_for_times(asked, timeout=TIMEOUT_S))


def _count(message: Message, model: str, found: Sample) -> None:
    try:
        record = json.loads(message.value() or b"")
    except (ValueError, RecursionError):
        return  # no record of the detector's
    if isinstance(record, dict):
        found.add(record, model, _seconds(message))


def _seconds(message: Message) -> float | None:
    came = dict(message.headers() or ()).get(CAME_AT)
    try:
        return max(message.timestamp()[1] - int(came or b""), 0) / 1000
    except ValueError:
        return None
