"""What a model costs, into docs/benchmarks-model.md: `make bench-model` (an hour), or one section alone.

Scoring and explaining are measured inside Spark's plan, on rows in memory: the same with and without the model, on a warm JVM. Then
a detector with a model under load: latencies with a checkpoint among them, and a promotion and a rollback.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import pandas as pd
import typer
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.pipeline import Pipeline

from benchmarks import detector, page
from benchmarks.cpu import CpuTime
from benchmarks.history import session_of_two
from benchmarks.page import Section, table
from configuration import KafkaConnection
from harness.worlds import batch_features, data_set
from spark_jobs.features import FEATURE_COLUMNS, MODEL_INPUTS
from spark_jobs.settings import S3
from spark_jobs.transforms.score import ModelSource, explain, score
from training import dataset
from training.bundle import Description, Family, Thresholds, describe, model_file
from training.export import to_file
from training.families import FAMILIES, xgboost
from training.store import ModelStore

DAYS = 30
RATE, WARM_UP_S, CHECKPOINTS = 1_000, 120, 5
IN_STREAM = "xgboost, 200 trees of depth 6"
MODELS: dict[str, tuple[Family, Callable[[], Pipeline]]] = {
    **{name: (name, make) for name, make in FAMILIES.items()},
    IN_STREAM: ("xgboost", lambda: xgboost(tree_method="hist", n_estimators=200, max_depth=6)),
}
LEARNT, SCORED, EXPLAINED = 200_000, 200_000, 5_000
ROUNDS = 3
POLL_S = 3_600
PARTS = 2


class World(NamedTuple):
    """A world to learn from: its folder, which goes with it, and its first LEARNT rows with their labels."""

    folder: TemporaryDirectory[str]
    rows: pd.DataFrame

    @property
    def features(self) -> Path:
        """All features of its transactions, as Parquet."""
        return Path(self.folder.name) / "features"


def main(
    sections: Annotated[list[str] | None, typer.Argument(help="Of them, these; without names all.")] = None,
) -> None:
    """Measure what a model costs, and write docs/benchmarks-model.md: scoring, catching-up, latency, swap.

    Nothing else should run meanwhile.
    """
    page.measure("benchmarks-model.md", SECTIONS, sections or [], "python -m benchmarks.scoring")


def _scoring(_kafka: KafkaConnection, folder: Path) -> str:
    world = _world()
    spark = session_of_two(folder)
    try:
        costs = measure(spark, world.features, world.rows, folder)
    finally:
        spark.stop()
    return f"""\
Inside Spark's plan, row by row, {len(MODEL_INPUTS)} inputs; {SCORED:,} rows, CPU time of Python and JVM, median of {ROUNDS} rounds
less the same without a model. An explanation is of one alert, the three features that moved its score most.

{table(("family", "scores/s/core", "explanation, microseconds"), [tuple(row.values()) for row in costs])}"""


def _catching_up(kafka: KafkaConnection, folder: Path) -> str:
    store = promoted(folder / "stream", IN_STREAM, _world().rows)
    caught = detector.catch_up(kafka, folder, detector.backlog(kafka, folder), store.place)
    return f"""\
{IN_STREAM}. {detector.CATCHING_UP} (Goal: 35,000.)

{detector.throughput_table(caught)}"""


def _latency(kafka: KafkaConnection, folder: Path) -> str:
    store = promoted(folder / "stream", IN_STREAM, _world().rows)
    alerted = detector.latencies(kafka, folder, detector.DEFAULT, RATE, WARM_UP_S, models=store.place, checkpoints=CHECKPOINTS)
    return f"""\
{IN_STREAM}. {detector.LATENCY} {RATE:,} payments a second; {CHECKPOINTS} checkpoints lie inside. A model makes alerts of its own.
(Goals: 30 ms at p99, 500 at p99.9, 1,500 at most.)

{detector.latency_table([alerted])}"""


def _swap(kafka: KafkaConnection, folder: Path) -> str:
    rows = _world().rows
    store = promoted(folder / "stream", IN_STREAM, rows)
    (champion,) = store.versions()
    promoted(folder / "stream", IN_STREAM, rows.head(len(rows) // 2))
    other = next(one.version for one in store.versions() if one.version != champion.version)
    store.point("champion", champion.version, "benchmark")
    swapped = detector.swap(kafka, folder, RATE, WARM_UP_S, store, other)
    columns = ("versions", "lost", "twice", "torn", "p50", "p99", "p999", "max")
    return f"""\
Two versions of {IN_STREAM}, {RATE:,} payments a second; `torn` are alerts that name another version than their scored record.

{table(("scored by each", *columns[1:]), [tuple(swapped[name] for name in columns)])}"""


def measure(spark: SparkSession, features: Path, learnt: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """Returns, by family, `score_per_second_per_core` and `explain_us`: microseconds of a core for one alert."""
    events = _events(spark, features, SCORED).persist(StorageLevel.MEMORY_ONLY)
    alerts = _events(spark, features, EXPLAINED).withColumn("decision", F.lit("review")).persist(StorageLevel.MEMORY_ONLY)
    cpu = CpuTime(spark.sparkContext._gateway.proc.pid)  # type: ignore[union-attr]
    found = []
    for name in MODELS:
        models = ModelSource(promoted(folder / "models", name, learnt).place, POLL_S)
        scored = _cost(cpu, events, partial(_scored, models=models)) / SCORED
        explained = _cost(cpu, alerts, partial(_explained, models=models)) / EXPLAINED - scored
        found.append({"what": name, "score_per_second_per_core": round(1 / scored), "explain_us": round(explained * 1e6)})
    events.unpersist()
    alerts.unpersist()
    return found


def promoted(folder: Path, name: str, rows: pd.DataFrame) -> ModelStore:
    """Returns a store whose champion is a model of MODELS, trained on the rows."""
    family, make = MODELS[name]
    model = make().fit(dataset.inputs(rows), rows["is_fraud"].to_numpy())
    files = {model_file(family): to_file(family, model, len(MODEL_INPUTS))}
    known = Description(features=MODEL_INPUTS, usual=dataset.usual(rows), thresholds=Thresholds(review=0.5))
    manifest = describe(family, known, files, datetime.now(UTC))
    store = ModelStore(str(folder / name.replace(" ", "-")), S3())
    store.add(manifest, files)
    store.point("champion", manifest.version, "benchmark")
    return store


@cache
def _world() -> World:
    home = TemporaryDirectory(prefix="benchmark-world-")
    folder = Path(home.name)
    data = data_set(folder / "world", "--days", str(DAYS), "--traffic", "all")
    batch_features(data, folder / "features")
    rows = pd.read_parquet(folder / "features", columns=["transaction_id", "event_time", *MODEL_INPUTS])
    rows = rows.sort_values(["event_time", "transaction_id"]).head(LEARNT)
    truth = pd.read_parquet(data / "labels", columns=["transaction_id", "is_fraud"])
    rows = rows.merge(truth, on="transaction_id")
    rows["amount"] = rows["amount"].astype(float)
    return World(home, rows)


def _events(spark: SparkSession, features: Path, rows: int) -> DataFrame:
    """Returns so many events as `score` takes them."""
    flat = spark.read.parquet(str(features)).limit(rows).repartition(PARTS)
    return flat.select(
        F.lit("transaction").alias("kind"),
        F.struct("amount", F.lit(None).cast("string").alias("transaction_type")).alias("transaction"),
        F.struct(*FEATURE_COLUMNS).alias("features"),
    )


def _scored(events: DataFrame, models: ModelSource) -> DataFrame:
    return score(events, models).select("score.*")


def _explained(alerts: DataFrame, models: ModelSource) -> DataFrame:
    return explain(score(alerts, models), models).select("contributions")


def _cost(cpu: CpuTime, frame: DataFrame, model: Callable[[DataFrame], DataFrame]) -> float:
    """Returns the CPU seconds that the model adds: the medians of some rounds, after one to warm up."""
    inputs = F.struct("transaction.amount", "features.*")
    without = cpu.of_reading(frame.select(F.hash(inputs)), ROUNDS, warm_up=1)
    return cpu.of_reading(model(frame).select(F.hash("*")), ROUNDS, warm_up=1) - without


SECTIONS = {
    "scoring": Section("Scoring and explaining", _scoring),
    "catching-up": Section("Catching up, with a model", _catching_up),
    "latency": Section("From payment to alert, with a model", _latency),
    "swap": Section("A promotion and a rollback under load", _swap),
}

if __name__ == "__main__":
    typer.run(main)
