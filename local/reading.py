"""Reading topics from one place to the end that they have now. No offset is committed."""

from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from configuration import KafkaConnection
from local.errors import NoRecords

TIMEOUT_S = 10.0
ADVICE = "Ask again, or look at the broker's log."


def consumer_of(connection: KafkaConnection, group: str) -> Consumer:
    """Returns a consumer that sees the ends of partitions. Kafka wants a name of a group; no offset is committed under it.

    Raises:
        OSError: the password file cannot be read.
    """
    return Consumer(
        {
            **connection.librdkafka(),
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "log_level": 0,
        }
    )


def bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """Returns the first offset that a partition has, and the one behind its last.

    Raises:
        NoRecords: Kafka does not say.
    """
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT_S)
    except KafkaException as error:
        raise NoRecords(f"Kafka does not say what {topic} has: {error}", ADVICE) from None


def until_the_ends(consumer: Consumer, partitions: int) -> Iterator[Message]:
    """Yields what the assigned partitions have, each to its end.

    Raises:
        NoRecords: Kafka does not hand them out, or says nothing for ten seconds.
    """
    ended: set[tuple[str | None, int | None]] = set()
    while len(ended) < partitions:
        message = consumer.poll(TIMEOUT_S)
        if message is None:
            raise NoRecords(f"Kafka has given no record for {TIMEOUT_S:.0f} seconds", ADVICE)
        error = message.error()
        if error is None:
            yield message
        elif error.code() == KafkaError._PARTITION_EOF:
            ended.add((message.topic(), message.partition()))
        else:
            raise NoRecords(f"Kafka does not give the records: {error.str()}", ADVICE)
