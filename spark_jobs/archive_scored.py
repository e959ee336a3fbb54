"""The archiver. `python -m spark_jobs.archive_scored --path DIR`: what the detector has sent to Kafka, to Parquet files."""

import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import Field
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from configuration import Duration, FraudDetectionError, KafkaConnection, Settings, TopicNames, report, require_topics, stop_signals
from spark_jobs import failures, running, session, sources
from spark_jobs.lease import Lease
from spark_jobs.running import Run
from spark_jobs.settings import S3, AvailableNowTrigger, MicroBatchTrigger, Place, Spark, on_s3
from spark_jobs.sinks.parquet import ParquetSink, require_own
from spark_jobs.transforms.stored import stored

PROGRAM = "python -m spark_jobs.archive_scored"
NAME = "archive_scored"

log = structlog.get_logger()


class ArchiveSettings(Settings):
    """Copies scored transactions and alerts from Kafka to Parquet files, each of their records exactly once."""

    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics")
    path: Place = Field(
        description="Folder, or s3a://bucket/folder; each checkpoint has its own, as another would overwrite its batches"
    )
    checkpoint: Place = Field(
        "checkpoints/archive_scored", description="Where the archiver keeps its place in Kafka, a folder or s3a:// URL"
    )
    trigger: Annotated[AvailableNowTrigger | MicroBatchTrigger, Field(discriminator="mode")] = Field(
        MicroBatchTrigger(interval=timedelta(minutes=1)),
        description="microBatch, or availableNow, which copies all there is and ends",
    )
    max_offsets: int = Field(100_000, ge=1, description="How many records a batch reads at most")
    s3: S3 = Field(S3(), description="How s3a:// paths are reached")
    spark: Spark = Field(Spark(), description="Spark itself")
    stop_timeout: Duration = Field(
        timedelta(seconds=30),
        description="How long a stop waits for the current batch. One that takes longer is cut off, and repeated on the next start",
    )
    log_dir: Path | None = Field(
        Path("logs") / NAME, description=f"Folder of spark.log and {NAME}.log, with full traces; null: standard error"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the archiver until it is stopped, has copied all (availableNow) or fails; returns the exit code."""
    try:
        settings = ArchiveSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        with failures.told("The archiver cannot go on", "Check `path` and `checkpoint`.", NAME, settings.log_dir):
            run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        pass  # during start-up: nothing is running yet
    return 0


def run(settings: ArchiveSettings) -> None:
    """Runs the archiver until SIGTERM, SIGINT, the end of an availableNow run, or an error.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors`.
    """
    require_topics(settings.kafka, _inputs(settings.topics))
    spark = session.build(NAME, settings.spark, settings.s3, 1, settings.log_dir)
    try:
        session.require_storage(spark, on_s3(settings.path, settings.checkpoint))
        with stop_signals() as stop_asked:
            stream(spark, settings, stop_asked)
        log.info("archiver stopped")
    finally:
        spark.stop()


def stream(spark: SparkSession, settings: ArchiveSettings, stop_asked: threading.Event) -> None:
    """Copies in a session until `stop_asked` is set or all is done.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors`.
    """
    with running.own_checkpoint(spark, settings.checkpoint, NAME, settings.log_dir) as lease:
        _stream(spark, settings, stop_asked, lease)


def _stream(spark: SparkSession, settings: ArchiveSettings, stop_asked: threading.Event, lease: Lease) -> None:
    require_own(spark, settings.path, settings.checkpoint)
    sink = ParquetSink(settings.path)

    def write(batch: DataFrame, batch_id: int) -> None:
        batch.persist(StorageLevel.MEMORY_AND_DISK)  # each dataset would read Kafka again
        try:
            sink.write(stored(batch, settings.topics), batch_id)
        finally:
            batch.unpersist()

    records = sources.read_stream(spark, settings.kafka, _inputs(settings.topics), settings.trigger, settings.max_offsets)
    job = Run(NAME, settings.checkpoint, stop_asked, settings.stop_timeout, settings.log_dir)
    query = running.start(records.writeStream.foreachBatch(write), settings.trigger, job)
    log.info("archiver started", mode=settings.trigger.mode, path=settings.path, checkpoint=settings.checkpoint)
    running.wait(query, settings.trigger, job, [lease.look])


def _inputs(topics: TopicNames) -> tuple[str, str]:
    return topics.scored, topics.alerts


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
