"""The archiver. `python -m spark_jobs.archive_scored --config archive.yaml`: what is in Kafka, to lakes and databases.

transactions.scored ┐                               ┌─► sink ─ its own query, checkpoint and pace
fraud.alerts        ├─► said ───┐                   │
transactions.rejected           ├─► typed rows ─────┼─► sink
labels              ┐           │                   │
customers           ├─► learnt ─┘                   └─► sink
merchants           ┘
"""

import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress

import structlog
from prometheus_client import CollectorRegistry
from py4j.protocol import Py4JError
from pyspark.sql import DataFrame, SparkSession

from configuration import FraudDetectionError, report, require_topics, stop_signals
from spark_jobs import failures, places, running, session, sources
from spark_jobs.archive_metrics import ArchiveMetrics, name_of
from spark_jobs.archive_settings import NAME, ArchiveSettings, DeltaSettings, PostgresSettings, SinkSettings
from spark_jobs.checkpoint_files import Files as CheckpointFiles
from spark_jobs.copying import Copy, Sink, copy
from spark_jobs.health import serve
from spark_jobs.lease import Lease
from spark_jobs.places import Gaps
from spark_jobs.running import Run
from spark_jobs.settings import on_s3
from spark_jobs.sinks.delta import DeltaSink
from spark_jobs.sinks.lake import Files, Lake
from spark_jobs.sinks.parquet import ParquetSink
from spark_jobs.sinks.postgres.connection import address_of
from spark_jobs.sinks.postgres.sink import PostgresSink
from spark_jobs.transforms.stored import learnt, said

PROGRAM = "python -m spark_jobs.archive_scored"
LOOK_S = 5.0
"""How often it is seen that Spark's Java process answers."""

log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the archiver until it is stopped, has copied all (availableNow) or fails; returns the exit code."""
    try:
        settings = ArchiveSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        with failures.told("The archiver cannot go on", "Check `sinks` and `checkpoint`.", NAME, settings.log_dir):
            run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        pass  # during start-up: nothing is running yet
    return 0


def run(settings: ArchiveSettings) -> None:
    """Runs the archiver until SIGTERM, SIGINT, the end of an availableNow run, or an error that no waiting mends.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors`.
    """
    require_topics(settings.kafka, settings.all_topics)
    registry = CollectorRegistry()
    metrics = ArchiveMetrics(registry, settings.sinks)
    if settings.metrics.port:
        serve(registry, metrics.health, settings.metrics.host, settings.metrics.port)
    spark = session.build(NAME, settings.spark, settings.s3, settings.slots, settings.log_dir)
    spark.streams.addListener(metrics)
    try:
        session.require_storage(spark, settings.s3a_checkpoint)
        with stop_signals() as stop_asked:
            stream(spark, settings, stop_asked, metrics)
        log.info("archiver stopped")
    finally:
        spark.stop()


def stream(spark: SparkSession, settings: ArchiveSettings, stop_asked: threading.Event, metrics: ArchiveMetrics) -> None:
    """Copies in a session that `metrics` listens to until `stop_asked` is set or all is done, to every sink at once.

    A sink that cannot go on stops none of the others. When these have ended, the first such error is raised.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors`.
    """
    sources.require_inputs(spark, sources.inputs_of(settings.input, settings.topics))
    with (
        running.own_checkpoint(spark, settings.checkpoint, NAME, settings.log_dir) as lease,
        ThreadPoolExecutor(len(settings.sinks), thread_name_prefix="sink") as threads,
    ):
        log.info("archiver started", mode=settings.trigger.mode, sinks=sorted(settings.sinks), checkpoint=settings.checkpoint)
        asked = [_copy(name, settings, stop_asked, lease, metrics) for name in settings.sinks]
        copies = [threads.submit(copy, spark, one) for one in asked]
        metrics.health.started(settings.trigger, settings.max_offsets)
        while wait(copies, LOOK_S).not_done:
            with suppress(Py4JError):  # where Java has ended the copies say so
                _ = spark.streams.active  # asks Java
                metrics.health.looked()
    for one in copies:
        one.result()


def rows(spark: SparkSession, settings: ArchiveSettings, gaps: Gaps) -> DataFrame:
    """Returns all that is copied, as a stream: each topic is read once, but for the ranges of `gaps`."""
    inputs = sources.inputs_of(settings.input, settings.topics)
    sent, taught = (
        sources.read_stream(spark, settings.kafka, topics, settings.trigger, settings.max_offsets, gaps=gaps)
        for topics in settings.sources
    )
    taught = sources.with_clock(taught)
    return said(sent, settings.topics).unionByName(learnt(taught, inputs, settings.limits))


def _copy(name: str, settings: ArchiveSettings, stop_asked: threading.Event, lease: Lease, metrics: ArchiveMetrics) -> Copy:
    asked, checkpoint = settings.sinks[name], settings.checkpoint_of(name)

    def settle(files: CheckpointFiles) -> Gaps:
        require_topics(settings.kafka, settings.all_topics)
        kept = places.Checkpoint(files, checkpoint)
        found = places.settle(kept, settings.kafka, settings.sources, settings.on_lost_records)
        metrics.lost(name, found.lost)
        return found.gaps

    run = Run(name_of(name), checkpoint, stop_asked, settings.stop_timeout, settings.log_dir, failures.SKIP_COPIED)
    buckets = () if isinstance(asked, PostgresSettings) else on_s3(asked.path)
    return Copy(
        name=name,
        sink=_sink(asked, checkpoint, settings),
        places=buckets,
        read=lambda spark, gaps: rows(spark, settings, gaps),
        run=run,
        trigger=settings.trigger,
        longest_pause=settings.retry,
        look=lease.look,
        settle=settle,
        metrics=metrics,
    )


def _sink(asked: SinkSettings, checkpoint: str, settings: ArchiveSettings) -> Sink:
    if isinstance(asked, PostgresSettings):
        return PostgresSink(address_of(asked), asked.tasks, dict(asked.retention))

    def writer(identity: str) -> Files:
        if isinstance(asked, DeltaSettings):
            return DeltaSink(asked.path, asked.tasks, identity, settings.s3)
        return ParquetSink(asked.path, asked.tasks)

    return Lake(asked.path, checkpoint, writer, lambda wanted: sources.first_offsets(settings.kafka, wanted))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
