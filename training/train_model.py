"""A model out of labelled history: `python -m training.train_model --data DIR`; `fraud train` calls it."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import pandas as pd
import structlog
from pydantic import Field
from pyspark.sql import DataFrame, SparkSession

from configuration import Duration, FraudDetectionError, KafkaConnection, Settings, TopicNames, report
from spark_jobs import failures, session, sources
from spark_jobs.features import MATURITY, MODEL_INPUTS
from spark_jobs.input_settings import InputSettings, topics_of
from spark_jobs.parts import Place
from spark_jobs.settings import S3, Limits, Spark, on_s3
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.mapping import mapping
from training import dataset, fitting, gate, progress, promotion, skew, summary
from training.audit import who
from training.bundle import REFERENCE, Description, Thresholds, TrainedFamily, TrainedOn, describe, model_file
from training.dataset import Reach
from training.families import is_supervised
from training.fitting import Model, Rival, Rows
from training.health import unseen
from training.health.reference import Reference
from training.leaks import leaks
from training.metrics import CARDS_A_DAY, recall_by_scenario
from training.options import Reached
from training.plots import plots
from training.splits import Periods, Span, folds, periods
from training.store import ModelStore
from training.thresholds import by_capacity, by_cost, operating_points, to_decline
from training.watching import watched

PROGRAM = "python -m training.train_model"
NAME = "train_model"
KAFKA = "kafka"

log = structlog.get_logger()


class TrainSettings(Settings):
    """Trains a model on labelled history, judges it on later days than it has learnt from, and saves it in the model store."""

    data: Place = Field(
        description="Folder or s3a:// URL with {transactions,labels,customers,merchants}/, as `producer dataset` and the archiver "
        "write it; "
        f"or {KAFKA}, to read the topics from the beginning"
    )
    store: Place = Field(".fraud/models", description="Model store, a folder or s3a:// URL")
    family: TrainedFamily = Field("xgboost", description="Kind of model; isolation_forest learns without labels")
    label_delay: Duration = Field(
        MATURITY, ge=timedelta(0), description="Time after which most labels are known; younger transactions are not used"
    )
    folds: int = Field(
        0, ge=0, le=20, description="For each of this many last weeks, also train and judge another model (prequential)"
    )
    thresholds: Literal["capacity", "cost"] = Field(
        "capacity",
        description="How the review threshold is found. capacity: as many cards as cards-per-day allows; cost: where missed "
        "frauds and reviews together cost least",
    )
    cards_per_day: float = Field(CARDS_A_DAY, gt=0, description="How many cards analysts can look at in a day")
    review_cost: float = Field(5.0, ge=0, description="Cost of looking at a card, in the amounts' currency")
    decline_precision: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Decline from the score on above which at least this share is fraud; if no score has it, decline nothing",
    )
    promote: bool = Field(
        False, description="Make the new model champion, if the gate lets it pass: it is not worse than the champion, for one"
    )
    min_frauds: int = Field(
        gate.MIN_FRAUDS, ge=0, description="A model that was judged on fewer frauds is not promoted: the comparison would be luck"
    )
    watch: Duration | None = Field(
        None,
        ge=timedelta(minutes=1),
        description="After a promotion: compare for so long what it does to payments, and roll back what does harm; null: not",
    )
    max_skew: float = Field(
        skew.LIMIT,
        ge=0,
        le=1,
        description="From an archive: in which share of payments a feature may differ from what it was served with. Above it no "
        "model is made",
    )
    json_summary: bool = Field(False, alias="json", description="Print the report as JSON on standard output")
    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics")
    input: InputSettings = Field(InputSettings(), description="Where records come from, and how foreign ones are read")
    limits: Limits = Field(Limits(), description="Limits beyond which a record is rejected")
    s3: S3 = Field(S3(), description="How s3a:// paths are reached")
    spark: Spark = Field(Spark(conf={"spark.driver.memory": "4g"}), description="Spark itself")
    log_dir: Path | None = Field(
        Path("logs") / NAME, description=f"Folder of spark.log and {NAME}.log, with full traces; null: standard error"
    )


class Candidate(NamedTuple):
    """A trained model, not saved yet."""

    known: Description
    content: bytes
    """Of its file."""
    reference: Reference
    report: dict[str, Any]
    pictures: Mapping[str, bytes]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
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
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    return 0


def run(settings: TrainSettings) -> dict[str, Any]:
    """Returns the report of the new version, which is in the store by then.

    Raises:
        FraudDetectionError: of `spark_jobs.errors`, `training.splits`, `training.skew`, `training.export` or `training.store`.
    """
    champion = rival(settings)  # before the work of minutes: can the store be reached?
    with TemporaryDirectory(prefix="fraud-train-") as folder, _spark(settings) as spark:
        events = Path(folder) / "events"
        with progress.step("features"):
            reach = _features(settings, spark, events)
        served = served_otherwise(settings, spark, events, reach)
        candidate = train(settings, events, reach, champion)
        candidate.report["skew"] = served
        return save(settings, candidate)


def save(settings: TrainSettings, candidate: Candidate) -> dict[str, Any]:
    """Returns the report, with the version's name. The version is in the store, or, where this is cut off, nothing of it."""
    files = {model_file(settings.family): candidate.content, REFERENCE: candidate.reference.to_json()}
    manifest = describe(settings.family, candidate.known, files, datetime.now(UTC))
    found = {"version": manifest.version, **candidate.report}
    ModelStore(settings.store, settings.s3).add(
        manifest, files, {"report.json": json.dumps(found, indent=2).encode() + b"\n", **candidate.pictures}
    )
    log.info("model saved", store=settings.store, version=manifest.version)
    return found


def promote(settings: TrainSettings, found: dict[str, Any]) -> None:
    """Makes the version of a report champion, if the gate lets it pass, and watches it for as long as the settings say.

    Raises:
        Refused: the gate does not.
        RolledBack: it did harm.
    """
    store, version, by = ModelStore(settings.store, settings.s3), found["version"], who()
    pointer = promotion.promote(
        store, gate.judge(store, version, gate.Asked(None, settings.min_frauds, settings.max_skew)), by
    ).pointer
    log.info("champion", version=pointer.version, reason=pointer.reason)
    if settings.watch:
        watched(Reached(store, settings.s3, settings.kafka, settings.topics), version, settings.watch, by)


def train(settings: TrainSettings, events: Path, reach: Reach, champion: Rival | None = None) -> Candidate:
    """Returns a model trained on what `dataset.keep` has written of events that reach so far; the champion is judged beside it.

    Raises:
        TooLittleHistory, ExportDiffers.
    """
    found = periods(*reach, settings.label_delay)
    spans = folds(found, reach.first, settings.folds)
    with progress.step("history"):
        everything = Span(min([found.train.begin, *(learnt.begin for learnt, _ in spans)]), found.test.end)
        rows = dataset.read(events, everything, reach.last)
        parts = fitting.cut(rows, found)
    with progress.step("model"):
        model = fitting.fit(settings.family, parts)
    with progress.step("judgement"):
        candidate = _judged(settings, found, rows, parts, model, champion)
    if spans:
        candidate.report["prequential"] = fitting.prequential(settings.family, rows, progress.each("folds", spans))
    return candidate


def _judged(
    settings: TrainSettings, found: Periods, rows: pd.DataFrame, parts: Rows, model: Model, champion: Rival | None
) -> Candidate:
    points = operating_points(parts.validation, model.scores(model.raw(parts.validation)), settings.review_cost)
    thresholds = _thresholds(settings, points)
    raw = model.raw(parts.test)
    scores = model.scores(raw)
    scenarios = recall_by_scenario(parts.test, scores)
    known = Description(
        features=MODEL_INPUTS,
        usual=dataset.usual(parts.train),
        calibration=model.calibration,
        thresholds=thresholds,
        metrics=fitting.judge(model, thresholds, parts.test, raw),
        trained_on=_trained_on(parts.train, settings.label_delay),
    )
    told: dict[str, Any] = {"family": settings.family, "periods": {name: _days(one) for name, one in found._asdict().items()}}
    told |= known.model_dump(mode="json", by_alias=True, include={"metrics", "thresholds", "trained_on"})
    told |= {
        "judged_on": {"rows": len(parts.test), "frauds": int(parts.test["is_fraud"].sum())},
        "scenarios": fitting.records(scenarios),
        "file_difference": model.difference,
        "leaks": [one.json() for one in leaks(rows, parts, found.test)],
        "champion": fitting.judge_rival(champion, parts.test) if champion else None,
    }
    judge = unseen.Judge(thresholds.review, is_supervised(model.pipeline), settings.label_delay)
    reference = unseen.reference(rows, Span(found.train.end, found.test.end), lambda one: model.scores(model.raw(one)), judge)
    return Candidate(known, model.content, reference, told, plots(parts.test, scores, raw, scenarios, points, thresholds))


def rival(settings: TrainSettings) -> Rival | None:
    """Returns the champion.

    Raises:
        UnusableStore: the store cannot be reached.
        NoSuchModel, UnusableModel: the champion is broken, and nothing could take its place by comparison.
    """
    store = ModelStore(settings.store, settings.s3)
    if not settings.promote:
        store.pointer("champion")
        return None
    manifest = store.pointed("champion")
    return Rival(manifest, store.files(manifest.version)) if manifest else None


def _trained_on(rows: pd.DataFrame, label_delay: timedelta) -> TrainedOn:
    return TrainedOn(
        begin=rows["event_time"].iloc[0].to_pydatetime(),
        end=rows["event_time"].iloc[-1].to_pydatetime(),
        rows=len(rows),
        frauds=int(rows["is_fraud"].sum()),
        label_delay_days=label_delay / timedelta(days=1),
    )


def _days(span: Span) -> list[str]:
    return [span.begin.date().isoformat(), span.end.date().isoformat()]


def _thresholds(settings: TrainSettings, points: pd.DataFrame) -> Thresholds:
    review = by_cost(points) if settings.thresholds == "cost" else by_capacity(points, settings.cards_per_day)
    return Thresholds(review=review, decline=to_decline(points, settings.decline_precision, review))


@contextmanager
def _spark(settings: TrainSettings) -> Iterator[SparkSession]:
    spark = session.build(NAME, settings.spark, settings.s3, 1, settings.log_dir)
    try:
        yield spark
    finally:
        spark.stop()


def _features(settings: TrainSettings, spark: SparkSession, folder: Path) -> Reach:
    """Writes the features, and returns from when to when the data are; too few days are refused before."""
    session.require_storage(spark, on_s3(settings.data))
    events = read_events(settings, spark)
    reach = dataset.reach(events)
    periods(*reach, settings.label_delay)
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
    """Returns the data's records as events, the columns of `transforms.decode`."""
    if settings.data != KAFKA:
        return sources.read_history(spark, settings.data, settings.s3)
    inputs = sources.inputs_of(settings.input, settings.topics)
    sources.require_inputs(spark, inputs)
    raw = sources.read_topics(spark, settings.kafka, topics_of(inputs.by_kind))
    return decode(mapping(raw, inputs, settings.limits.max_bytes), settings.limits)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
