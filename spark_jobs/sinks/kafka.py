"""Kafka sink, the detector's only way out. At least once: after a crash records may be repeated, with the same key and alert_id.

In micro-batches a repeat is the same bytes; in real-time mode what it says of a terminal may differ (docs/adr/0010).
"""

from pyspark.sql import DataFrame
from pyspark.sql.streaming.readwriter import DataStreamWriter

from configuration import KafkaConnection

BATCH_PRODUCER = {"linger.ms": "5", "batch.size": "131072", "compression.type": "lz4"}
"""For micro-batches, where throughput counts. In real-time mode every record leaves at once."""


def write_stream(records: DataFrame, connection: KafkaConnection, *, is_real_time: bool) -> DataStreamWriter:
    """Returns the writer of the records: topic, key, value, headers. A batch ends once all replicas have acknowledged it."""
    producer = {**connection.java(), "acks": "all", **({} if is_real_time else BATCH_PRODUCER)}
    options = {f"kafka.{name}": value for name, value in producer.items()}
    return records.writeStream.format("kafka").options(**options).outputMode("update")
