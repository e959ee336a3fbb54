"""How far a damaged batch of records reaches in Kafka: its checksum covers all of it, and no record of it can be read."""

from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition

from configuration import KafkaConnection
from spark_jobs.errors import UnreadableRecord

TIMEOUT_S = 10.0


class Range(NamedTuple):
    """Records of a partition: the first offset, and the one behind the last."""

    first: int
    end: int


def unreadable(kafka: KafkaConnection, at: TopicPartition) -> Range:
    """Returns the batch that cannot be read, from the offset on; the one record, where Kafka's checksums find no fault.

    Raises:
        UnreadableRecord: there is no such record.
    """
    consumer = reader(kafka, check=True)
    try:
        first, end = consumer.get_watermark_offsets(at, timeout=TIMEOUT_S)
        if not first <= at.offset < end:
            raise UnreadableRecord(
                f"Topic {at.topic}, partition {at.partition} has no record at offset {at.offset}",
                f"It has those from {first} to {end - 1}.",
            )
        known, step = at.offset, 1
        if not _is_damaged(consumer, at):
            return Range(known, known + 1)
        # A damaged batch is refused at each of its offsets, and none says where it ends: that is looked for as in a list.
        beyond = end
        while known + step < end:
            if not _is_damaged(consumer, TopicPartition(at.topic, at.partition, known + step)):
                beyond = known + step
                break
            known, step = known + step, 2 * step
        while beyond - known > 1:
            middle = (known + beyond) // 2
            if _is_damaged(consumer, TopicPartition(at.topic, at.partition, middle)):
                known = middle
            else:
                beyond = middle
        return Range(at.offset, beyond)
    finally:
        consumer.close()


def reader(kafka: KafkaConnection, *, check: bool) -> Consumer:
    """Returns a client that is told of damage, where it is to `check` for it."""
    return Consumer(
        {
            **kafka.librdkafka(),
            "group.id": "fraud-detector-skip",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "check.crcs": check,
            "log_level": 0,
        }
    )


def _is_damaged(consumer: Consumer, at: TopicPartition) -> bool:
    """Returns whether Kafka's client refuses the batch of records in which this offset lies."""
    consumer.assign([at])
    while message := consumer.poll(TIMEOUT_S):
        error = message.error()
        if error is None or error.code() == KafkaError._BAD_MSG:
            return error is not None
    return False
