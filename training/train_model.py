"""A model out of labelled history: `python -m training.train_model --data DIR`; `fraud train` calls it."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from pyspark.sql import DataFrame, SparkSession

from configuration import FraudDetectionError, report
from spark_jobs import failures, session, sources
from spark_jobs.input_settings import topics_of
from spark_jobs.settings import on_s3
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.mapping import mapping
from training import dataset, gate, progress, promotion, signing, skew, summary, versions
from training.audit import who
from training.bundle import Manifest
from training.candidates import train
from training.dataset import Reach
from training.fitting import Rival
from training.options import Reached
from training.splits import Span, periods
from training.store import ModelStore
from training.train_settings import KAFKA, NAME, TrainSettings
from training.watching import watched

PROGRAM = "python -m training.train_model"
SKIPPED = 5
"""Exit code where nothing was to be done: a scheduler tells it from a failure."""

log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where no model could be made or promoted, SKIPPED where there was nothing new to learn."""
    try:
        settings = TrainSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        with failures.told(f"No model is made of {settings.data}", "Check `data`.", NAME, settings.log_dir):
            found = run(settings)
        if settings.json_summary:
            sys.stdout.write(json.dumps(found) + "\n")
        else:
            summary.show(found)
        if settings.promote:
            promote(settings, found)
    except versions.NoNewLabels as nothing:
        sys.stderr.write(f"skipped: {nothing}\n")
        return SKIPPED
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    return 0


def run(settings: TrainSettings) -> dict[str, Any]:
    """Returns the report of the new version, which is in the store by then; or of that which the same run has made before.

    Raises:
        NoNewLabels: the version before this one has learnt all that is known by now.
        FraudDetectionError: of `spark_jobs.errors`, `training.splits`, `training.skew`, `training.export` or `training.store`.
    """
    store = ModelStore(settings.store, settings.s3)
    if there := versions.made_before(store, settings):
        log.info("is there already", store=settings.store, version=there.version)
        return versions.kept_report(store, there.version)
    # Before the work of minutes: can the store be reached, and the key be used?
    champion = rival(settings)
    if settings.signing_key_file:
        signing.private_key(settings.signing_key_file)
    former = versions.before(store, settings)
    with TemporaryDirectory(prefix="fraud-train-") as folder, _spark(settings) as spark:
        events = Path(folder) / "events"
        with progress.step("features"):
            reach = write_features(settings, spark, events, former)
        served = served_otherwise(settings, spark, events, reach)
        candidate = train(settings, events, reach, champion)
        candidate.report["skew"] = served
        return versions.save(settings, candidate, versions.run_of(settings, reach))


def promote(settings: TrainSettings, found: dict[str, Any]) -> None:
    """Makes the version of a report champion, if the gate lets it pass, and watches it for as long as the settings say.

    Raises:
        Refused: the gate does not.
        RolledBack: it did harm.
    """
    store, version, by = ModelStore(settings.store, settings.s3), found["version"], who()
    asked = gate.Asked(None, settings.min_frauds, settings.max_skew)
    pointer = promotion.promote(store, gate.judge(store, version, asked), by).pointer
    log.info("champion", version=pointer.version, reason=pointer.reason)
    if settings.watch:
        log.info(watched(Reached(store, settings.s3, settings.kafka, settings.topics), version, settings.watch, by))


def rival(settings: TrainSettings) -> Rival | None:
    """Returns the champion, beside which a candidate is judged, if there is one.

    Raises:
        UnusableStore: the store cannot be reached.
        NoSuchModel, UnusableModel: the champion is broken, and nothing could take its place by comparison.
    """
    store = ModelStore(settings.store, settings.s3)
    manifest = store.pointed("champion")
    return Rival(manifest, store.files(manifest.version)) if manifest else None


@contextmanager
def _spark(settings: TrainSettings) -> Iterator[SparkSession]:
    spark = session.build(NAME, settings.spark, settings.s3, 1, settings.log_dir)
    try:
        yield spark
    finally:
        spark.stop()


def write_features(settings: TrainSettings, spark: SparkSession, folder: Path, former: Manifest | None) -> Reach:
    """Writes the features into the folder, and returns from when to when the data are.

    Raises:
        TooLittleHistory: they have too few days.
        NoNewLabels: the former version has learnt from all that is known.
    """
    session.require_storage(spark, on_s3(settings.data))
    events = read_events(settings, spark)
    reach = dataset.reach(events, settings.until)
    found = periods(*reach, settings.label_delay)
    if former is not None and former.run is not None:
        versions.require_new(dataset.labels_of(events, Span(former.run.judged_to, found.test.end)), former, found.test.end)
    dataset.keep(events, folder)
    return reach


def served_otherwise(settings: TrainSettings, spark: SparkSession, events: Path, reach: Reach) -> dict[str, Any] | None:
    """Returns how the features differ from those that were served, of the days that a model learns from and of later ones.

    None where the data do not say what was served.

    Raises:
        SkewTooLarge: by more than `max_skew`.
    """
    served = None if settings.data == KAFKA else sources.read_served(spark, settings.data, settings.s3)
    if served is None:
        return None
    with progress.step("skew"):
        found = skew.compare(dataset.payments(spark, events), served, periods(*reach, settings.label_delay).train.begin)
    skew.require_little(found, settings.max_skew)
    return found


def read_events(settings: TrainSettings, spark: SparkSession) -> DataFrame:
    """Returns the data's records as events, the columns of `transforms.decode`: with `until` those that were known by then."""
    events = _events(settings, spark)
    return events if settings.until is None else dataset.known_by(events, settings.until)


def _events(settings: TrainSettings, spark: SparkSession) -> DataFrame:
    if settings.data != KAFKA:
        return sources.read_history(spark, settings.data, settings.s3)
    inputs = sources.inputs_of(settings.input, settings.topics)
    sources.require_inputs(spark, inputs)
    raw = sources.read_topics(spark, settings.kafka, topics_of(inputs.by_kind))
    return decode(mapping(raw, inputs, settings.limits.max_bytes), settings.limits)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
