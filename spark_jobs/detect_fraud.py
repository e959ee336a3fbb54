"""The detector. `python -m spark_jobs.detect_fraud --config detector.yaml`, or the same file to spark-submit."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from configuration import FraudDetectionError, report, stop_signals
from spark_jobs import checkpoint, failures, session, sources
from spark_jobs.errors import TooFewSlots, UnusableCheckpoint
from spark_jobs.metrics import StreamMetrics, observed, serve
from spark_jobs.pipeline import detect
from spark_jobs.served_models import ServedModels
from spark_jobs.settings import (
    AvailableNowTrigger,
    ConsoleSink,
    DetectorSettings,
    MicroBatchTrigger,
    ParquetSink,
    RealTimeTrigger,
)
from spark_jobs.sinks import FanOut, Sink
from spark_jobs.sinks import console as console_sink
from spark_jobs.sinks import kafka as kafka_sink
from spark_jobs.sinks import parquet as parquet_sink
from spark_jobs.transforms.score import ModelSource

PROGRAM = "python -m spark_jobs.detect_fraud"
NAME = "detect_fraud"
POLL_S = 0.2
"""How often a running query is asked whether it still runs."""

log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the detector until it is stopped, has read all (availableNow) or fails; returns the exit code."""
    try:
        settings = DetectorSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        if settings.log_dir is not None:
            session.make_log_dir(settings.log_dir)
        try:
            run(settings)
        except failures.SparkFailure as error:
            failures.keep_trace(NAME, settings.log_dir)
            raise failures.explain(error, settings.checkpoint, settings.log_dir) from None
        except FraudDetectionError as error:
            if error.__cause__ is not None:
                failures.keep_trace(NAME, settings.log_dir)
            raise
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        pass  # during start-up: nothing is running yet
    return 0


def run(settings: DetectorSettings) -> None:
    """Runs the detector until SIGTERM, SIGINT, the end of an availableNow run, or an error.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors`.
    """
    _check_checkpoint(settings.checkpoint)
    partitions = sources.count_partitions(settings.kafka, settings.topics)
    registry = CollectorRegistry()
    if settings.metrics.port:
        serve(registry, settings.metrics.host, settings.metrics.port)
    slots = settings.slots(partitions)
    is_real_time = isinstance(settings.trigger, RealTimeTrigger)
    spark = session.build(NAME, settings.spark, settings.s3, slots, settings.log_dir, is_real_time=is_real_time)
    metrics = StreamMetrics(registry)
    spark.streams.addListener(metrics)
    try:
        session.require_storage(spark, settings.s3a_paths)
        with stop_signals() as stop_asked:  # after Spark's start, which sets a SIGINT handler of PySpark's own
            if is_real_time:
                _check_slots(spark, slots)
            stream(spark, settings, stop_asked, metrics)
        log.info("detector stopped")
    finally:
        spark.stop()


def stream(spark: SparkSession, settings: DetectorSettings, stop_asked: threading.Event, metrics: StreamMetrics) -> None:
    """Runs the stream in a session that `metrics` listens to, until `stop_asked` is set or it ends.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors`.
    """
    checkpoint.require_same_state(spark, settings.checkpoint, settings.state_partitions)
    spark.conf.set("spark.sql.shuffle.partitions", settings.state_partitions)
    models = _models(settings)
    served = ServedModels(spark, models, metrics) if models else None
    decided = observed(_decided(spark, settings, models))
    with _console(settings):
        query = _start(decided, settings)
        log.info("detector started", mode=settings.trigger.mode, rules=sorted(settings.rules), checkpoint=settings.checkpoint)
        _await(query, stop_asked, metrics.progressed, served, settings)


def _models(settings: DetectorSettings) -> ModelSource | None:
    chosen = settings.models
    return ModelSource(chosen.store, round(chosen.poll.total_seconds())) if chosen.store else None


def _decided(spark: SparkSession, settings: DetectorSettings, models: ModelSource | None) -> DataFrame:
    raw = sources.read_stream(spark, settings.kafka, settings.topics, settings.trigger, settings.max_offsets)
    limits = settings.limits
    return detect(raw, settings.topics, settings.rules, models, limits.max_bytes, limits.max_future, limits.max_age)


def _start(decided: DataFrame, settings: DetectorSettings) -> StreamingQuery:
    if isinstance(settings.trigger, RealTimeTrigger):
        writer = kafka_sink.write_stream(decided, settings.kafka, settings.topics)
        duration = _milliseconds(settings.trigger.duration.total_seconds())
        writer = writer.trigger(realTime=duration)  # type: ignore[call-overload]  # PySpark's own stubs lack it
    else:
        writer = decided.writeStream.foreachBatch(FanOut(_sinks(settings)).write)
        if isinstance(settings.trigger, MicroBatchTrigger):
            writer = writer.trigger(processingTime=_milliseconds(settings.trigger.interval.total_seconds()))
        else:
            writer = writer.trigger(availableNow=True)
    try:
        return writer.queryName(NAME).option("checkpointLocation", settings.checkpoint).start()
    except Py4JJavaError as error:
        raise failures.unusable_checkpoint(error, settings.checkpoint, settings.log_dir) from error


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)} milliseconds"


def _sinks(settings: DetectorSettings) -> list[Sink]:
    """Returns the sinks in the order in which they are written: archives, Kafka, console. An alert implies its evidence."""
    chosen = settings.sinks.values()
    sinks: list[Sink] = [parquet_sink.ParquetSink(sink.path) for sink in chosen if isinstance(sink, ParquetSink)]
    sinks.append(kafka_sink.KafkaSink(settings.kafka, settings.topics))
    if _console_settings(settings):
        sinks.append(console_sink.ConsoleSink())
    return sinks


def _console_settings(settings: DetectorSettings) -> ConsoleSink | None:
    return next((sink for sink in settings.sinks.values() if isinstance(sink, ConsoleSink)), None)


@contextmanager
def _console(settings: DetectorSettings) -> Iterator[None]:
    """In real-time mode alerts are printed by reading their topic back."""
    chosen = _console_settings(settings)
    if chosen is None or not isinstance(settings.trigger, RealTimeTrigger):
        yield
        return
    reader = console_sink.ConsoleReader(settings.kafka, settings.topics.alerts, chosen.group)
    reader.start()
    try:
        yield
    finally:
        reader.stop()


def _await(
    query: StreamingQuery,
    stop_asked: threading.Event,
    progressed: threading.Event,
    served: ServedModels | None,
    settings: DetectorSettings,
) -> None:
    """Waits until the query ends or a stop is asked for; then lets it finish the batch at work, within `stop_timeout`."""
    while query.isActive and not stop_asked.wait(POLL_S):
        if served is not None:
            served.look()
    if query.isActive:
        _let_finish(query, progressed, settings)
    if query.isActive:
        query.stop()
    elif error := query.exception():
        raise failures.explain(error, settings.checkpoint, settings.log_dir) from error


def _let_finish(query: StreamingQuery, progressed: threading.Event, settings: DetectorSettings) -> None:
    limit = settings.stop_timeout
    if isinstance(settings.trigger, RealTimeTrigger) and settings.trigger.duration > limit:
        log.info(
            "stopping at once: the next checkpoint is too far away; what came since the last one is replayed on the next start"
        )
        return
    if isinstance(settings.trigger, AvailableNowTrigger) or query.status["isTriggerActive"] or query.status["isDataAvailable"]:
        log.info("stopping after the batch at work", within_seconds=limit.total_seconds())
        progressed.clear()
        progressed.wait(limit.total_seconds())


def _check_checkpoint(checkpoint: str) -> None:
    path = Path(checkpoint)
    if "://" in checkpoint or path.is_dir() or not path.exists():
        return
    raise UnusableCheckpoint(f"The checkpoint {checkpoint} is a file, not a folder", "Name a folder under `checkpoint`.")


def _check_slots(spark: SparkSession, needed: int) -> None:
    slots = spark.sparkContext.defaultParallelism
    if slots < needed:
        raise TooFewSlots(
            "Real-time mode runs all tasks at once, one for each partition of the input topics and `state_partitions` for each of "
            f"two stateful steps, {needed} together; Spark has {slots} task slots",
            "Give it more cores (spark.master, executors), fewer state_partitions, or use trigger.mode microBatch.",
        )


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
