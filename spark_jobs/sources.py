"""Kafka as the detector reads it: one source for all topics, checked before Spark is started."""

from pyspark.sql import DataFrame, SparkSession

from configuration import KafkaConnection, require_topics
from contract import Topics
from spark_jobs.settings import RealTimeTrigger, Trigger


def count_partitions(connection: KafkaConnection, topics: Topics) -> int:
    """Returns how many partitions the input topics have together.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        MissingTopic: one of the seven topics does not exist.
    """
    partitions = require_topics(connection, (*topics.inputs(), *topics.outputs()))
    return sum(partitions[name] for name in topics.inputs())


def read_stream(
    session: SparkSession, connection: KafkaConnection, topics: Topics, trigger: Trigger, max_offsets: int
) -> DataFrame:
    """Returns the records of all input topics as a stream, from the checkpoint's place or, the first time, from the beginning.

    A record that Kafka has deleted before it was read ends the query: losing it silently is the operator's decision to take.
    """
    reader = session.readStream.format("kafka")
    for name, value in connection.java().items():
        reader = reader.option(f"kafka.{name}", value)
    reader = reader.options(
        subscribe=",".join(topics.inputs()), startingOffsets="earliest", failOnDataLoss="true", includeHeaders="true"
    )
    if not isinstance(trigger, RealTimeTrigger):  # which takes each record as it comes, and refuses the option
        reader = reader.option("maxOffsetsPerTrigger", max_offsets)
    return reader.load()
