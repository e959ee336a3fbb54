"""Kafka sink, the detector's only way out. At least once: after a crash records may be repeated, with the same key and alert_id.

In micro-batches a repeat is the same bytes; in real-time mode what it says of a terminal may differ (docs/adr/0010).
"""

from collections.abc import Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource
from pyspark.sql import DataFrame
from pyspark.sql.streaming.readwriter import DataStreamWriter

from configuration import KafkaConnection, reach
from spark_jobs.errors import UnusableTopic
from spark_jobs.transforms.egress import KIB, MOST

BATCH_PRODUCER = {"linger.ms": "5", "batch.size": "131072", "compression.type": "lz4"}
"""For micro-batches, where throughput counts. In real-time mode every record leaves at once."""

LEAST = 16 * KIB
"""What a topic has to take: a scored record with all its features, its texts cut short."""
TIMEOUT_S = 10.0


def message_sizes(connection: KafkaConnection, topics: Sequence[str]) -> dict[str, int]:
    """Returns of how many bytes a message to each topic may be, Kafka's default where we are not let see it (DescribeConfigs).

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        UnusableTopic: one of the topics takes less than a scored record needs.
    """
    admin, _ = reach(connection)
    asked = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics])
    sizes: dict[str, int] = {}
    for resource, answer in asked.items():
        try:
            sizes[resource.name] = int(answer.result(TIMEOUT_S)["max.message.bytes"].value)
        except KafkaException:
            sizes[resource.name] = MOST
    for topic, size in sizes.items():
        if size < LEAST:
            raise UnusableTopic(
                f"The topic {topic} takes messages of {size:,} bytes at most (max.message.bytes), and a record may need {LEAST:,}",
                f"Set max.message.bytes of the topic to {LEAST} or more; Kafka's default is 1048588.",
            )
    return sizes


def write_stream(records: DataFrame, connection: KafkaConnection, *, is_real_time: bool) -> DataStreamWriter:
    """Returns the writer of the records: topic, key, value, headers. A batch ends once all replicas have acknowledged it."""
    producer = {**connection.java(), "acks": "all", **({} if is_real_time else BATCH_PRODUCER)}
    options = {f"kafka.{name}": value for name, value in producer.items()}
    return records.writeStream.format("kafka").options(**options).outputMode("update")
