"""Kafka as the detector reads it: one source for all topics, checked before Spark is started."""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata
from pyspark.sql import DataFrame, SparkSession

from configuration import KafkaConnection
from contract import Topics
from spark_jobs.errors import BrokerUnreachable, MissingTopic
from spark_jobs.settings import RealTimeTrigger, Trigger

BROKER_TIMEOUT_S = 10.0


def check(connection: KafkaConnection, topics: Topics) -> int:
    """Returns how many partitions the input topics have together.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        MissingTopic: one of the seven topics does not exist.
    """
    cluster = _metadata(connection)
    missing = [name for name in (*topics.inputs(), *topics.outputs()) if name not in cluster.topics]
    if missing:
        raise MissingTopic(
            f"Kafka at {connection.bootstrap_servers} has no topic {', '.join(missing)}",
            "Create it (`fraud topics --create`, or `python -m producer run --create-topics`), or set its name under `topics`.",
        )
    return sum(len(cluster.topics[name].partitions) for name in topics.inputs())


def _metadata(connection: KafkaConnection) -> ClusterMetadata:
    causes: list[str] = []
    settings = {**connection.librdkafka(), "error_cb": lambda error: causes.append(error.str()), "log_level": 0}
    try:
        return AdminClient(settings).list_topics(timeout=BROKER_TIMEOUT_S)
    except KafkaException as error:
        cause = causes[0] if causes else str(error)
        raise BrokerUnreachable(
            f"No Kafka broker answers at {connection.bootstrap_servers} ({cause})",
            "Check kafka.bootstrap_servers and that the broker runs (`fraud status`); with TLS check the files under `kafka`.",
        ) from None


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
