"""What the jobs read: Kafka, one source for all topics and checked before Spark is started; and folders of Parquet."""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from configuration import KafkaConnection, require_topics
from contract import Topics
from spark_jobs.schema import KINDS, schema
from spark_jobs.settings import RealTimeTrigger, Trigger
from spark_jobs.transforms.decode import SOURCE
from spark_jobs.transforms.history import READINGS


def count_partitions(connection: KafkaConnection, topics: Topics) -> int:
    """Returns how many partitions the input topics have together.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        MissingTopic: one of the seven topics does not exist.
    """
    partitions = require_topics(connection, (*topics.inputs(), *topics.outputs()))
    return sum(partitions[name] for name in topics.inputs())


def read_stream(
    session: SparkSession, connection: KafkaConnection, topics: Sequence[str], trigger: Trigger, max_offsets: int
) -> DataFrame:
    """Returns the records of the topics as a stream, from the checkpoint's place or, the first time, from the beginning.

    A micro-batch that cannot hold all that waits ends at one instant in all topics (kernel: OrderedKafka.java), so that labels and
    profiles are read before the payments that came after them. A record that Kafka has deleted before it was read ends the query:
    losing it silently is the operator's decision to take.
    """
    if isinstance(trigger, RealTimeTrigger):  # which takes each record as it comes
        reader = session.readStream.format("kafka")
    else:
        reader = session.readStream.format("frauddetection.kafka.OrderedKafka").option("maxOffsetsPerTrigger", max_offsets)
    return reader.options(**_from_the_beginning(connection, topics)).load()


def read_topics(session: SparkSession, connection: KafkaConnection, topics: Topics) -> DataFrame:
    """Returns the records that are in all input topics now, from the beginning, as `read_stream` gives them.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        MissingTopic: one of the four input topics does not exist.
    """
    require_topics(connection, topics.inputs())
    return session.read.format("kafka").options(**_from_the_beginning(connection, topics.inputs())).load()


def _from_the_beginning(connection: KafkaConnection, topics: Sequence[str]) -> dict[str, str]:
    return {
        **{f"kafka.{name}": value for name, value in connection.java().items()},
        "subscribe": ",".join(topics),
        "startingOffsets": "earliest",
        "failOnDataLoss": "true",
        "includeHeaders": "true",
    }


def read_history(session: SparkSession, folder: str) -> DataFrame:
    """Returns the records of a data set as events, the columns of `transforms.decode`.

    FOLDER/{transactions,labels,customers,merchants}/*.parquet, as `python -m producer dataset` writes them. Fields that it lacks
    are null, columns that the contract does not know are left out.
    """
    events = [_events(session, f"{folder}/{kind}s", kind, record) for kind, record in KINDS.items()]
    return reduce(DataFrame.unionByName, events)


def _events(session: SparkSession, folder: str, kind: str, record: type) -> DataFrame:
    rows = session.read.schema(schema(record)).parquet(folder)
    structs = (
        F.struct("*").alias(name) if name == kind else F.lit(None).cast(schema(other)).alias(name) for name, other in KINDS.items()
    )
    return rows.select(
        F.lit(kind).alias("kind"),
        F.col(READINGS[kind].known).alias("ingest_time"),
        *structs,
        F.lit(None).cast("array<string>").alias("reasons"),
        F.lit(None).cast(SOURCE).alias("source"),
        F.lit(None).cast("string").alias("deleted"),
    )
