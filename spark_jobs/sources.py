"""What the jobs read: Kafka, one source for all topics and checked before Spark is started; and folders of Parquet."""

import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from configuration import KafkaConnection, require_topics
from contract import Topics, Transaction
from spark_jobs import delta_log
from spark_jobs.errors import UnusableKey, UnusableRegistry
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.input_settings import InputSettings
from spark_jobs.places import Gaps
from spark_jobs.schema import KINDS, schema
from spark_jobs.settings import S3, RealTimeTrigger, Trigger
from spark_jobs.transforms.decode import BESIDE
from spark_jobs.transforms.history import READINGS
from spark_jobs.transforms.inputs import Inputs, Registry
from spark_jobs.transforms.stored import UNREADABLE

TIMEOUT_S = 10.0
FORMAT = "frauddetection.kafka.OrderedKafka"
"""The kernel's form of Spark's Kafka source."""
SERVED_KEY = ("transaction_id", "card_id", "event_time")
"""What a payment is known by in a lake: a repeat has the same."""
CAME = {kind: [T.StructField("ingest_time", T.TimestampType())] * (kind == "label") for kind in KINDS}
"""Columns of a lake, besides a record's own fields, that `read_history` asks for."""
FIRST, END = -2, -1
"""Places in a partition, as Spark's Kafka source has them; librdkafka has the same for its end."""


def count_partitions(connection: KafkaConnection, inputs: Sequence[str], outputs: Sequence[str]) -> int:
    """Returns how many partitions the input topics have together.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        MissingTopic: one of the topics does not exist.
    """
    partitions = require_topics(connection, (*inputs, *outputs))
    return sum(partitions[name] for name in inputs)


def inputs_of(settings: InputSettings, topics: Topics) -> Inputs:
    """Returns where records come from, as the transform `mapping` takes it. Paths are those of executors too."""
    found = settings.registry
    registry = (
        None
        if found is None
        else Registry(
            found.url,
            found.username,
            _place(found.password_file),
            _place(found.ca_file),
            _place(found.certificate_file),
            _place(found.key_file),
            found.wait // timedelta(milliseconds=1),
        )
    )
    return Inputs(settings.by_kind(topics), registry, _place(settings.card_key_file))


def _place(file: Path | None) -> str | None:
    return None if file is None else str(file.absolute())


def require_inputs(session: SparkSession, inputs: Inputs) -> None:
    """Looks at the schema registry and the key of token_of, so that a wrong one is one paragraph and not a topic of dead letters.

    Raises:
        UnusableRegistry: it cannot be reached, or does not let us in.
        UnusableKey: the file cannot be read, or its key is too short.
    """
    kernel: Any = session.sparkContext._jvm.frauddetection.mapping  # type: ignore[union-attr]
    if inputs.registry is not None:
        found = inputs.registry
        refusal = kernel.Registry.refusal(found.address()["url"], *found[1:-1])
        if refusal:
            raise UnusableRegistry(f"The schema registry {found.url} cannot be used: {refusal}", "Check `input.registry`.")
    if inputs.card_key_file is not None:
        refusal = kernel.Functions.refusal(inputs.card_key_file)
        if refusal:
            raise UnusableKey(f"The key {inputs.card_key_file} {refusal}", "Check `input.card_key_file`.")


def offsets_at(connection: KafkaConnection, topics: Sequence[str], whole: Collection[str], start: str | datetime) -> str:
    """Returns the places where a new checkpoint begins, as Spark's Kafka source takes them.

    `start` is earliest, latest, or a time, and then the first record of each partition whose timestamp is not before it. The topics
    in `whole` are read from the beginning, and none of them need be among `topics`.

    Raises:
        BrokerUnreachable, MissingTopic: as `count_partitions`.
    """
    if start == "earliest":
        return "earliest"
    partitions = require_topics(connection, topics)
    found = {topic: dict.fromkeys(map(str, range(partitions[topic])), FIRST if topic in whole else END) for topic in topics}
    if isinstance(start, datetime):
        asked = [
            TopicPartition(topic, number, int(start.timestamp() * 1000))
            for topic in topics
            if topic not in whole
            for number in range(partitions[topic])
        ]
        consumer = Consumer({**connection.librdkafka(), "group.id": "fraud-detector-start"})
        try:
            for place in consumer.offsets_for_times(asked, timeout=TIMEOUT_S):
                found[place.topic][str(place.partition)] = place.offset  # END where none is as late
        finally:
            consumer.close()
    return json.dumps(found)


def first_offsets(connection: KafkaConnection, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Returns the first offset that Kafka still has of each (topic, partition), of those that this user may ask about."""
    consumer = Consumer({**connection.librdkafka(), "group.id": "fraud-archiver-start", "log_level": 0})
    found = {}
    try:
        for topic, number in partitions:
            with suppress(KafkaException):
                found[topic, number] = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=TIMEOUT_S)[0]
    finally:
        consumer.close()
    return found


def read_stream(
    session: SparkSession,
    connection: KafkaConnection,
    topics: Sequence[str],
    trigger: Trigger,
    max_offsets: int,
    start: str = "earliest",
    gaps: Gaps | None = None,
) -> DataFrame:
    """Returns the records of the topics as a stream, from the checkpoint's place or, the first time, from `start` (`offsets_at`).

    A micro-batch that cannot hold all that waits ends at one instant in all topics (kernel: OrderedKafka.java), so that labels and
    profiles are read before the payments that came after them. A record that Kafka has deleted before it was read ends the query:
    losing it silently is the operator's decision to take (`places.settle`). Those in `gaps` are not read.
    """
    reader = session.readStream.format(FORMAT).option("skipped", json.dumps(gaps or {}))
    if not isinstance(trigger, RealTimeTrigger):  # which takes each record as it comes
        reader = reader.option("maxOffsetsPerTrigger", max_offsets)
    return reader.options(**_options(connection, topics, start)).load()


def read_until(session: SparkSession, connection: KafkaConnection, start: str, end: str, max_offsets: int, gaps: Gaps) -> DataFrame:
    """Returns the records from `start` (`offsets_at`) to the places of `end` as a stream of micro-batches like `read_stream`'s.

    Of the partitions of `end` alone: what goes on from the same checkpoint reads others from their beginning.
    """
    ends = json.loads(end)
    if start != "earliest":
        begins = json.loads(start)
        start = json.dumps({topic: {number: begins[topic][number] for number in of_one} for topic, of_one in ends.items()})
    bounds = {"until": end, "maxOffsetsPerTrigger": str(max_offsets), "skipped": json.dumps(gaps)}
    return session.readStream.format(FORMAT).options(**_of_partitions(connection, start, end), **bounds).load()


def read_between(session: SparkSession, connection: KafkaConnection, start: str, end: str) -> DataFrame:
    """Returns the records from one place of each partition to another, JSON as Spark's Kafka source has it, `with_clock`."""
    options = _of_partitions(connection, start, end)
    return with_clock(session.read.format(FORMAT).options(**options, endingOffsets=end).load())


def read_topics(session: SparkSession, connection: KafkaConnection, topics: Sequence[str]) -> DataFrame:
    """Returns the records that are in the topics now, from the beginning, `with_clock`.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        MissingTopic: one of the topics does not exist.
    """
    require_topics(connection, topics)
    return with_clock(session.read.format(FORMAT).options(**_options(connection, topics, "earliest")).load())


def with_clock(raw: DataFrame) -> DataFrame:
    """Returns the records with `read_by`, the time at which each was read: Kafka's may be what the sender has set."""
    jvm: Any = raw.sparkSession.sparkContext._jvm
    clock = Column(jvm.frauddetection.kafka.Clock.apply(F.col("timestamp")._jc))
    return raw.withColumn("read_by", clock)


def _of_partitions(connection: KafkaConnection, start: str, end: str) -> dict[str, str]:
    partitions = {topic: [int(number) for number in of_one] for topic, of_one in json.loads(end).items()}
    options = _options(connection, [], start) | {"assign": json.dumps(partitions)}
    del options["subscribe"]
    return options


def _options(connection: KafkaConnection, topics: Sequence[str], start: str) -> dict[str, str]:
    return {
        **{f"kafka.{name}": value for name, value in connection.java().items()},
        "subscribe": ",".join(topics),
        "startingOffsets": start,
        "failOnDataLoss": "true",
        # A payment whose sender took it back was none.
        "kafka.isolation.level": "read_committed",
        "includeHeaders": "true",
    }


def read_history(session: SparkSession, folder: str, s3: S3) -> DataFrame:
    """Returns the records of a data set as events, the columns of `transforms.decode`.

    FOLDER/{transactions,labels,customers,merchants}/, as `python -m producer dataset` and the archiver write them: Delta tables by
    day, of which the files count that the log names, or Parquet files in the folder itself or in folders by day. Fields that it
    lacks are null, columns that the contract does not know are left out. A kind without a folder has no records, but a data set
    has transactions. What deletes a profile is in FOLDER/unreadable/, where the archiver keeps it. `ingest_time` of a label is when
    it came to Kafka, where that is kept; else the record's own time.

    Raises:
        UnusableStorage: a Delta log cannot be read, or the keys of S3.
    """
    rows = {
        kind: (_rows if kind == "transaction" else read_dataset)(
            session, f"{folder}/{kind}s", T.StructType([*schema(record), *CAME[kind]]), s3
        )
        for kind, record in KINDS.items()
    }
    events = [_events(of_kind, kind) for kind, of_kind in rows.items()]
    if _is_there(session, f"{folder}/{UNREADABLE}"):
        events.append(_deletions(session, f"{folder}/{UNREADABLE}", s3))
    return reduce(DataFrame.unionByName, events)


def read_served(session: SparkSession, folder: str, s3: S3) -> DataFrame | None:
    """Returns what the archiver has kept of scored payments, SERVED_KEY and FEATURE_COLUMNS: each feature as it was served.

    Null where it was absent, and where the detector of that time did not know it. None: the data set has no such folder.

    Raises:
        UnusableStorage: as `read_history`.
    """
    if not _is_there(session, f"{folder}/scored"):
        return None
    features = T.StructType([T.StructField(name, T.DoubleType()) for name in FEATURE_COLUMNS])
    key = [one for one in schema(Transaction) if one.name in SERVED_KEY]
    return _rows(session, f"{folder}/scored", T.StructType([*key, *features]), s3)


def read_dataset(session: SparkSession, folder: str, form: T.StructType, s3: S3) -> DataFrame:
    """Returns the columns `form` of a dataset, Parquet files or a Delta table; no rows where there is no such folder.

    Raises:
        UnusableStorage: as `read_history`.
    """
    return _rows(session, folder, form, s3) if _is_there(session, folder) else session.createDataFrame([], form)


def _events(rows: DataFrame, kind: str) -> DataFrame:
    structs = (
        (F.struct(*schema(other).names) if name == kind else F.lit(None).cast(schema(other))).alias(name)
        for name, other in KINDS.items()
    )
    return rows.select(
        F.lit(kind).alias("kind"),
        F.coalesce(*(one.name for one in CAME[kind]), READINGS[kind].known).alias("ingest_time"),
        *structs,
        *(F.lit(None).cast(of).alias(name) for name, of in BESIDE.items()),
    )


def _deletions(session: SparkSession, folder: str, s3: S3) -> DataFrame:
    """Returns tombstones of profiles as events, known when they came to Kafka."""
    form = T.StructType().add("deletes", "string").add("key", "binary").add("timestamp", "timestamp")
    rows = _rows(session, folder, form, s3).where("deletes IS NOT NULL")
    return rows.select(
        F.col("deletes").alias("kind"),
        F.col("timestamp").alias("ingest_time"),
        *(F.lit(None).cast(schema(record)).alias(kind) for kind, record in KINDS.items()),
        *((F.col("key") if name == "deleted" else F.lit(None)).cast(of).alias(name) for name, of in BESIDE.items()),
    )


def _rows(session: SparkSession, folder: str, form: T.StructType, s3: S3) -> DataFrame:
    reader = session.read.schema(form)
    of_table = delta_log.files(folder, s3) if _is_there(session, f"{folder}/_delta_log") else None
    if of_table is None:
        return reader.parquet(folder).select(*form.names)  # without what the folders' names say
    if not of_table:
        return session.createDataFrame([], form)
    # Folders of one table may be of several depths, once it has been compacted. Their names say nothing that the files do not.
    return reader.option("recursiveFileLookup", "true").parquet(*of_table).select(*form.names)


def _is_there(session: SparkSession, folder: str) -> bool:
    jvm: Any = session.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(folder)
    return bool(path.getFileSystem(session._jsparkSession.sessionState().newHadoopConf()).exists(path))
