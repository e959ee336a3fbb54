"""The detector. `python -m spark_jobs.detect_fraud --config detector.yaml`, or the same file to spark-submit."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from pyspark.sql import DataFrame, SparkSession

from configuration import FraudDetectionError, report, require_topics, stop_signals
from spark_jobs import checkpoint, failures, file_arrival, kept_plans, places, running, session, sources
from spark_jobs.checkpoint_files import Files, files_of
from spark_jobs.errors import UnusableCheckpoint
from spark_jobs.executors import Executors
from spark_jobs.features import GROUPS
from spark_jobs.garbage import Garbage
from spark_jobs.health import serve
from spark_jobs.lease import Lease
from spark_jobs.metrics import StreamMetrics
from spark_jobs.pipeline import detect
from spark_jobs.running import Run
from spark_jobs.served_models import ServedModels, model_source
from spark_jobs.settings import AvailableNowTrigger, DetectorSettings, RealTimeTrigger, Trigger
from spark_jobs.sinks import kafka as kafka_sink
from spark_jobs.sinks import rulesets
from spark_jobs.sinks.console import ConsoleReader
from spark_jobs.slots import Slots
from spark_jobs.transforms.rehearsal import rehearse
from spark_jobs.transforms.score import ModelSource
from spark_jobs.warming import warm_planner

PROGRAM = "python -m spark_jobs.detect_fraud"
NAME = "detect_fraud"

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
    partitions = sources.count_partitions(settings.kafka, settings.input_topics, settings.topics.outputs())
    registry = CollectorRegistry()
    metrics = StreamMetrics(registry)
    if settings.metrics.port:
        serve(registry, metrics.health, settings.metrics.host, settings.metrics.port)
    slots = settings.slots(partitions)
    is_real_time = isinstance(settings.trigger, RealTimeTrigger)
    spark = session.build(NAME, settings.spark, settings.s3, slots, settings.log_dir, is_real_time=is_real_time)
    spark.streams.addListener(metrics)
    try:
        session.require_storage(spark, settings.s3a_paths)
        with stop_signals() as stop_asked:  # after Spark's start, which sets a SIGINT handler of PySpark's own
            stream(spark, settings, stop_asked, metrics)
        log.info("detector stopped")
    finally:
        spark.stop()


def stream(spark: SparkSession, settings: DetectorSettings, stop_asked: threading.Event, metrics: StreamMetrics) -> None:
    """Runs the stream in a session that `metrics` listens to, until `stop_asked` is set or it ends.

    In real-time mode what waits in Kafka is worked off in micro-batches first, on the same checkpoint: one query at a time.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors`.
    """
    with running.own_checkpoint(spark, settings.checkpoint, NAME, settings.log_dir) as lease:
        _stream(spark, settings, stop_asked, metrics, lease)


def _stream(
    spark: SparkSession, settings: DetectorSettings, stop_asked: threading.Event, metrics: StreamMetrics, lease: Lease
) -> None:
    # `wait` has just asked Java whether the query runs.
    looks: list[Callable[[], None]] = [
        metrics.health.looked,
        lease.look,
        Garbage(spark, metrics).look,
        Executors(spark, metrics.health).look,
    ]
    if isinstance(settings.trigger, RealTimeTrigger):
        slots = Slots(spark, settings, metrics)
        slots.require()
        looks.append(slots.look)
    sources.require_inputs(spark, sources.inputs_of(settings.input, settings.topics))
    files = files_of(spark, settings.checkpoint)
    _own_state(spark, settings, files)
    rehearse(spark, settings.rules)
    models = model_source(settings.models)
    served = ServedModels(spark, models, metrics, required=settings.models.required) if models else None
    if served:
        looks.append(served.look)
    run = Run(NAME, settings.checkpoint, stop_asked, settings.stop_timeout, settings.log_dir)
    found = _settle(files, settings)
    metrics.lost(found.lost)
    sizes = kafka_sink.message_sizes(settings.kafka, settings.topics.outputs())
    not_loaded = file_arrival.load(spark, settings, stop_asked)
    start = sources.offsets_at(settings.kafka, settings.input_topics, settings.profile_topics, settings.start)
    rulesets.publish(settings.kafka, settings.topics.rulesets, settings.rules)
    with _console(settings):
        for trigger in _triggers(settings.trigger, catch_up=found.is_gap_ahead):
            is_real_time = isinstance(trigger, RealTimeTrigger)
            topics, most = settings.input_topics, settings.max_offsets
            raw = sources.with_clock(sources.read_stream(spark, settings.kafka, topics, trigger, most, start, found.gaps))
            records = _records(raw, settings, models, sizes, is_real_time=is_real_time)
            query = running.start(kafka_sink.write_stream(records, settings.kafka, is_real_time=is_real_time), trigger, run)
            if isinstance(trigger, RealTimeTrigger):
                nothing = spark.createDataFrame([], raw.schema)
                warm_planner(_records(nothing, settings, models, sizes, is_real_time=True), trigger.duration, stop_asked)
            message = "detector started" if trigger is settings.trigger else "catching up in micro-batches"
            metrics.health.started(trigger, settings.max_offsets)
            log.info(message, mode=trigger.mode, rules=sorted(settings.rules), checkpoint=settings.checkpoint)
            running.wait(query, trigger, run, looks)
            if stop_asked.is_set():
                return
    file_arrival.require_all(not_loaded)


def _own_state(spark: SparkSession, settings: DetectorSettings, files: Files) -> None:
    try:
        checkpoint.require_same_state(spark, settings.checkpoint, settings.state_partitions)
    except failures.SparkFailure as error:
        raise failures.unusable_checkpoint(error, settings.checkpoint, settings.log_dir) from error
    kept_plans.write(files, GROUPS)
    spark.conf.set("spark.sql.shuffle.partitions", settings.state_partitions)


def _settle(files: Files, settings: DetectorSettings) -> places.Settled:
    kept = places.Checkpoint(files, settings.checkpoint)
    for topic, now in require_topics(settings.kafka, settings.input_topics).items():
        before = len((kept.places or {}).get(topic, ())) or now
        if now > before:
            log.info("a topic has grown; its new partitions are read from their beginning", topic=topic, before=before, now=now)
    return places.settle(kept, settings.kafka, [settings.input_topics], settings.on_lost_records)


def _records(
    raw: DataFrame, settings: DetectorSettings, models: ModelSource | None, sizes: Mapping[str, int], *, is_real_time: bool
) -> DataFrame:
    inputs = sources.inputs_of(settings.input, settings.topics)
    judged_by = (settings.rules, models, settings.limits, settings.publish_from, sizes, settings.max_declines_per_minute)
    return detect(raw, settings.topics, inputs, *judged_by, is_real_time=is_real_time)


def _triggers(asked: Trigger, *, catch_up: bool) -> list[Trigger]:
    """Returns the triggers to be run one after the other: what waits is read in batches before rows flow in real time.

    `catch_up`: in any case.
    """
    if isinstance(asked, RealTimeTrigger) and (asked.catch_up or catch_up):
        return [AvailableNowTrigger(), asked]
    return [asked]


@contextmanager
def _console(settings: DetectorSettings) -> Iterator[None]:
    if not settings.console.enabled:
        yield
        return
    reader = ConsoleReader(settings.kafka, settings.topics.alerts, settings.console.group)
    reader.start()
    try:
        yield
    finally:
        reader.stop()


def _check_checkpoint(checkpoint: str) -> None:
    path = Path(checkpoint)
    if "://" in checkpoint or path.is_dir() or not path.exists():
        return
    raise UnusableCheckpoint(f"The checkpoint {checkpoint} is a file, not a folder", "Name a folder under `checkpoint`.")


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
