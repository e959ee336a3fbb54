"""Kafka sink. At least once: after a crash records may be repeated, with the same key and alert_id.

In micro-batches a repeat is the same bytes; in real-time mode what it says of a terminal may differ (docs/adr/0010).
"""

from pyspark.sql import DataFrame
from pyspark.sql.streaming.readwriter import DataStreamWriter

from configuration import KafkaConnection
from contract import Topics
from spark_jobs.transforms.egress import egress

BATCH_PRODUCER = {"linger.ms": "5", "batch.size": "131072", "compression.type": "lz4"}
"""For batches, where throughput counts. In real-time mode every record leaves at once."""


def write_stream(decided: DataFrame, connection: KafkaConnection, topics: Topics) -> DataStreamWriter:
    """Returns the writer of a real-time query, in which Kafka is the only sink."""
    return egress(decided, topics).writeStream.format("kafka").options(**_options(connection)).outputMode("update")


def _options(connection: KafkaConnection, **producer: str) -> dict[str, str]:
    return {f"kafka.{name}": value for name, value in {**connection.java(), "acks": "all", **producer}.items()}


class KafkaSink:
    """Scored transactions, alerts and dead letters to their topics."""

    def __init__(self, connection: KafkaConnection, topics: Topics) -> None:
        self._topics = topics
        self._options = _options(connection, **BATCH_PRODUCER)

    def write(self, batch: DataFrame, batch_id: int) -> None:  # noqa: ARG002 a repeat needs no id, it is the same bytes
        """Writes the batch's records; they are acknowledged by all replicas on return."""
        egress(batch, self._topics).write.format("kafka").options(**self._options).save()
