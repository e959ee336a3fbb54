"""Some records as Kafka has them, or would have them if a file's were sent; nothing is committed or written."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
from confluent_kafka import Message, TopicPartition

from configuration import KafkaConnection, require_topics
from local.errors import NothingToCheck
from local.reading import bounds, consumer_of, until_the_ends
from spark_jobs import record_files

GROUP = "fraud-check"


class Sample(NamedTuple):
    """One record, with the columns of Spark's Kafka source."""

    key: bytearray | None
    value: bytearray | None
    topic: str
    partition: int
    offset: int
    timestamp: datetime
    headers: list[tuple[str, bytearray | None]] | None


def of_topics(connection: KafkaConnection, topics: Sequence[str], count: int) -> list[Sample]:
    """Returns the newest records of the topics, about as many of each partition, `count` at most.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        MissingTopic: one of the topics does not exist.
        NoRecords: Kafka does not hand them out.
    """
    partitions = require_topics(connection, tuple(topics))
    consumer = consumer_of(connection, GROUP)
    try:
        places = []
        share = -(-count // max(1, sum(partitions[topic] for topic in topics)))
        for topic in topics:
            for number in range(partitions[topic]):
                first, end = bounds(consumer, topic, number)
                if end > first:
                    places.append(TopicPartition(topic, number, max(first, end - share)))
        consumer.assign(places)
        return [sample_of(one) for one in islice(until_the_ends(consumer, len(places)), count)]
    finally:
        consumer.close()


def sample_of(message: Message) -> Sample:
    """Returns a record as it was read; a timestamp that is none is that of 1970."""
    _, milliseconds = message.timestamp()
    headers = [(name, _bytes(value)) for name, value in message.headers() or []]
    return Sample(
        _bytes(message.key()),
        _bytes(message.value()),
        str(message.topic()),
        int(message.partition() or 0),
        int(message.offset() or 0),
        datetime.fromtimestamp(max(milliseconds, 0) / 1000, UTC),
        headers or None,
    )


def _bytes(value: bytes | str | None) -> bytearray | None:
    return None if value is None else bytearray(value if isinstance(value, bytes) else value.encode())


def of_file(file: Path, topic: str, count: int) -> list[Sample]:
    """Returns the first records of a file as if they were sent to the topic now; the offset of each is its number in the file.

    Raises:
        NothingToCheck: the file cannot be read, or its ending is none of .jsonl, .json, .csv and .avro.
    """
    readers = {**record_files.READERS, ".avro": _avro}
    if file.suffix not in readers:
        raise NothingToCheck(f"{file} ends in none of {', '.join(readers)}", "Rename it to say what it is.")
    now = datetime.now(UTC)
    try:
        with file.open("rb") as content:
            values = list(islice(readers[file.suffix](content), count))
    except record_files.UNREADABLE as error:
        # Without the error's own words: they may quote what is in the file.
        raise NothingToCheck(f"{file} cannot be read as {file.suffix[1:]} ({type(error).__name__})", "Check its form.") from None
    return [Sample(None, bytearray(value), topic, 0, number, now, None) for number, (_, value) in enumerate(values, 1)]


def _avro(file: BufferedReader) -> record_files.Numbered:
    for number, record in enumerate(fastavro.reader(file), 1):
        yield number, json.dumps(record, default=_text).encode()


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
