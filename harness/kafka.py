"""Talking to the test session's broker: send all, read all."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

TIMEOUT_S = 30.0


class Record(NamedTuple):
    """A record as it lies in a topic; `timestamp` in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def send(address: str, topic: str, records: Iterable[Sequence[Any]]) -> int:
    """Sends (key, value) or (key, value, headers), in order; returns how many, all acknowledged."""
    return send_all(address, ((topic, *record) for record in records))


def send_all(address: str, records: Iterable[Sequence[Any]], first: int | None = None, every: int = 1) -> int:
    """The same for (topic, key, value), perhaps headers: Kafka's timestamps tell the order of all topics together.

    `first`: they begin there, and follow each other every so many milliseconds. Else they are the producer's clock.
    """
    failed = []
    settings = {"acks": "all", "linger.ms": 5, "partitioner": "murmur2_random", "compression.type": "lz4"}
    # A topic that was just made may turn the first records away, and take the next ones: only so they keep their order.
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, **settings})
    count = 0
    for topic, key, value, *headers in records:
        while True:
            try:
                producer.produce(
                    topic,
                    value,
                    key,
                    headers=headers[0] if headers else None,
                    timestamp=0 if first is None else first + count * every,
                    on_delivery=lambda e, _: failed.append(e) if e else None,
                )
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
        count += 1
    assert producer.flush(TIMEOUT_S) == 0
    assert not failed, failed[0]
    return count


def send_until_taken(address: str, topic: str, key: bytes, value: bytes, *, timestamp: int, partition: int = -1) -> None:
    """Returns once the broker has the record: of a new setting or partition of a topic it may hear a moment after it was told."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 0})
    deadline = time.monotonic() + TIMEOUT_S
    told: list[KafkaError | None] = []
    while True:
        producer.produce(topic, value, key, partition, on_delivery=lambda error, _: told.append(error), timestamp=timestamp)
        assert producer.flush(TIMEOUT_S) == 0
        if told[-1] is None:
            return
        assert time.monotonic() < deadline, told[-1]


def read_all(address: str, topic: str) -> list[Record]:
    """Returns all that is in a topic now, partition after partition."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "tests", "enable.auto.commit": False, "enable.partition.eof": True}
    )
    found: list[Record] = []
    try:
        for number in consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions:
            low, high = _watermarks(consumer, TopicPartition(topic, number))
            if low == high:
                continue
            consumer.assign([TopicPartition(topic, number, low)])
            position = low
            while position < high:
                messages = consumer.consume(10_000, timeout=1.0)
                for message in messages:
                    offset = message.offset()
                    assert offset is not None
                    error = message.error()
                    if error is not None:  # the end, which may be behind the mark of a transaction
                        assert error.code() == KafkaError._PARTITION_EOF, error
                        position = max(position, offset)
                        continue
                    if offset < high:
                        found.append(Record(topic, number, offset, message.timestamp()[1], message.key(), message.value()))
                    position = offset + 1
    finally:
        consumer.close()
    return found


def _watermarks(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """Returns the first offset and the one behind the last; asks again where a new topic has no leader yet."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return consumer.get_watermark_offsets(place, timeout=TIMEOUT_S, cached=False)
        except KafkaException as error:
            told = error.args[0]
            waits = isinstance(told, KafkaError) and told.code() == KafkaError.NOT_LEADER_FOR_PARTITION
            if not waits or time.monotonic() > deadline:
                raise
            consumer.list_topics(place.topic, timeout=TIMEOUT_S)


def wait_for(address: str, topic: str, count: int, alive: Callable[[], bool]) -> None:
    """Returns once a topic holds that many records; blocks on the broker until then. Fails once nobody is `alive` to write them."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "tests", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        seen = 0
        while seen < count:
            found = consumer.consume(10_000, timeout=1.0)
            assert found or alive(), f"{topic} has {seen} of {count} records, and its writer has ended"
            seen += len(found)
    finally:
        consumer.close()
