"""The job on Spark: the detector restricted to it, out of the detector's own parts, in micro-batches.

    python -m benchmarks.peers.with_spark ADDRESS SOURCE TARGET MODEL FOLDER

Left out are terminals, labels and profiles, all other features, rules, decisions, alerts and their reasons. Still in is what the
peers' programs do not do: every field is judged, a late payment is put in its place, and every field is encoded anew.
"""

import sys
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from benchmarks.history import SMALL
from benchmarks.peers.job import COLUMNS, FEATURE_SET, WINDOWS
from configuration import KafkaConnection, TopicNames
from spark_jobs import session, sources
from spark_jobs.input_settings import InputSettings
from spark_jobs.settings import S3, Limits, MicroBatchTrigger, Spark
from spark_jobs.sinks import kafka as kafka_sink
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.history import history
from spark_jobs.transforms.mapping import mapping

BATCH = 300_000
"""Records of a batch at most, as the detector has them by default."""
HEAP = {"spark.driver.memory": "4g"}
"""As the detector's own benchmark of catching up has it."""
POLL_S = 5
MOST_BYTES = 1_000_000
"""Of a record; none is a thousandth of it."""


def main(address: str, source: str, target: str, model: Path, folder: Path) -> None:
    """Runs until the process is ended."""
    kafka = KafkaConnection(bootstrap_servers=address)
    spark = session.build("peer", Spark(conf=HEAP), S3(), 1, folder)
    raw = sources.with_clock(sources.read_stream(spark, kafka, [source], MicroBatchTrigger(), BATCH))
    limits = Limits()
    inputs = sources.inputs_of(InputSettings(), TopicNames(transactions=source))
    events = decode(mapping(raw, inputs, limits.max_bytes), limits)
    records = written(scored(history(events, SMALL).where("kind = 'transaction'"), model), target)
    writer = kafka_sink.write_stream(records, kafka, is_real_time=False).option("checkpointLocation", str(folder / "checkpoint"))
    writer.trigger(processingTime="0 seconds").start().awaitTermination()


def scored(featured: DataFrame, model: Path) -> DataFrame:
    """Returns the transactions with `features`, those of INPUTS, and `score`; the model is the champion of a store."""
    flat = featured.select("transaction", "transaction.*", f"{SMALL.name}.*")
    by_row = (F.expr(sql).cast("double").alias(name) for name, sql in COLUMNS.items())
    features = F.struct(F.col("amount").cast("double").alias("amount"), *WINDOWS, *by_row).alias("features")
    rows = flat.select("transaction", features)
    jvm: Any = rows.sparkSession.sparkContext._jvm
    types, store = rows.schema["features"].dataType.json(), str(model.parent.parent)
    return rows.withColumn(
        "score", Column(jvm.frauddetection.scoring.Score.apply(F.col("features")._jc, types, FEATURE_SET, store, POLL_S, None))
    )


def written(rows: DataFrame, topic: str) -> DataFrame:
    """Returns the Kafka records: the scored record as the contract's JSON."""
    jvm: Any = rows.sparkSession.sparkContext._jvm
    record = F.struct("transaction", "features", "score.fraud_score")
    types = rows.select(record.alias("record")).schema["record"].dataType.json()
    key = F.col("transaction.card_id").cast("binary")
    value = Column(jvm.frauddetection.wire.Encoder.apply(record._jc, types, MOST_BYTES))
    return rows.select(F.lit(topic).alias("topic"), key.alias("key"), value.alias("value"))


if __name__ == "__main__":
    address, source, target, model, folder = sys.argv[1:]
    main(address, source, target, Path(model), Path(folder))
