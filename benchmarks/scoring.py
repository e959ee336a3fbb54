"""What a model costs, into docs/benchmarks-model.md: `make bench-model`, half an hour on a quiet machine.

Scoring and explaining are measured inside Spark's plan, on rows in memory: the same with and without the model, on a warm JVM. Then
a detector with a model under load: latencies with a checkpoint among them, and a promotion and a rollback.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.pipeline import Pipeline

from benchmarks import detector
from benchmarks.cpu import CpuTime
from benchmarks.history import session_of_two
from benchmarks.page import commit, machine, new_broker, table
from harness.worlds import batch_features, data_set
from spark_jobs.features import FEATURE_COLUMNS, MODEL_INPUTS
from spark_jobs.settings import S3
from spark_jobs.transforms.score import ModelSource, explain, score
from training import dataset
from training.bundle import Description, Family, Thresholds, describe, model_file
from training.export import to_file
from training.families import FAMILIES, xgboost
from training.store import ModelStore

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks-model.md"
DAYS = 30
IN_STREAM = "xgboost, 200 trees of depth 6"
MODELS: dict[str, tuple[Family, Callable[[], Pipeline]]] = {
    **{name: (name, make) for name, make in FAMILIES.items()},
    IN_STREAM: ("xgboost", lambda: xgboost(tree_method="hist", n_estimators=200, max_depth=6)),
}
LEARNT, SCORED, EXPLAINED = 200_000, 200_000, 5_000
ROUNDS = 3
POLL_S = 3_600
PARTS = 2


def main(
    rate: Annotated[int, typer.Option(min=1, help="Payments a second.")] = 1_000,
    warm_up: Annotated[int, typer.Option(min=10, help="Seconds before a latency is taken.")] = 120,
) -> None:
    """Measure a model's cost, and write the tables to docs/benchmarks-model.md."""
    load = os.getloadavg()[0]
    with new_broker() as (kafka, folder):
        data = data_set(folder / "world", "--days", str(DAYS), "--traffic", "all")
        batch_features(data, folder / "features")
        learnt = _learnt(folder / "features", data / "labels")
        spark = session_of_two(folder)
        try:
            costs = measure(spark, folder / "features", learnt, folder)
        finally:
            spark.stop()
        store = promoted(folder / "stream", IN_STREAM, learnt)
        (champion,) = store.versions()
        promoted(folder / "stream", IN_STREAM, learnt.head(len(learnt) // 2))
        other = next(one.version for one in store.versions() if one.version != champion.version)
        store.point("champion", champion.version, "benchmark")
        alerted = detector.latencies(kafka, folder, detector.DEFAULT, rate, warm_up, models=store.place)
        swapped = detector.swap(kafka, folder, rate, warm_up, store, other)
    options = f"--rate {rate} --warm-up {warm_up}"
    PAGE.write_text(_page(options, load, costs, alerted, swapped))
    sys.stdout.write(PAGE.read_text())


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


def _learnt(features: Path, labels: Path) -> pd.DataFrame:
    rows = pd.read_parquet(features, columns=["transaction_id", "event_time", *MODEL_INPUTS])
    rows = rows.sort_values(["event_time", "transaction_id"]).head(LEARNT)
    truth = pd.read_parquet(labels, columns=["transaction_id", "is_fraud"])
    rows = rows.merge(truth, on="transaction_id")
    rows["amount"] = rows["amount"].astype(float)
    return rows


def _events(spark: SparkSession, features: Path, rows: int) -> DataFrame:
    """Returns so many events as `score` takes them."""
    flat = spark.read.parquet(str(features)).limit(rows).repartition(PARTS)
    return flat.select(
        F.lit("transaction").alias("kind"),
        F.struct("amount").alias("transaction"),
        F.struct(*FEATURE_COLUMNS).alias("features"),
    )


def _scored(events: DataFrame, models: ModelSource) -> DataFrame:
    return score(events, models).select("score.*")


def _explained(alerts: DataFrame, models: ModelSource) -> DataFrame:
    return explain(score(alerts, models), models).select("contributions")


def _cost(cpu: CpuTime, frame: DataFrame, model: Callable[[DataFrame], DataFrame]) -> float:
    """Returns the CPU seconds that the model adds: the medians of some rounds, after one to warm up."""
    inputs = F.struct("transaction.amount", "features.*")
    without = _median(cpu, frame.select(F.hash(inputs)))
    return _median(cpu, model(frame).select(F.hash("*"))) - without


def _median(cpu: CpuTime, frame: DataFrame) -> float:
    seconds = []
    for _ in range(ROUNDS + 1):
        before = cpu.seconds()
        frame.write.format("noop").mode("overwrite").save()
        seconds.append(cpu.seconds() - before)
    return float(np.median(seconds[1:]))


def _page(options: str, load: float, costs: list[dict[str, Any]], alerted: dict[str, Any], swapped: dict[str, Any]) -> str:
    latency = ("p50", "p99", "p999", "max")
    swap = ("versions", "lost", "twice", "torn", *latency)
    return f"""\
# What a model costs

Written by `make bench-model ARGS="{options}"` on {datetime.now(UTC):%Y-%m-%d} at commit {commit()},
on {machine()}; load average before the start {load:.2f}. One run of each.

## Scoring and explaining

Inside Spark's plan, row by row, {len(MODEL_INPUTS)} inputs; {SCORED:,} rows, CPU time of Python and JVM, median of {ROUNDS} rounds
less the same without a model. An explanation is of one alert, the three features that moved its score most.

{table(("family", "scores/s/core", "explanation, microseconds"), [tuple(row.values()) for row in costs])}

## From payment to alert, with a model

{IN_STREAM}; {alerted["mode"]}; {alerted["seconds"]} s;
otherwise as in [benchmarks.md](benchmarks.md), in milliseconds.

{table(("alerts", *latency), [tuple(alerted[name] for name in ("alerts", *latency))])}

## A promotion and a rollback under load

Two versions of that model, {alerted["rate"]:,} payments a second; `torn` are alerts that name another version than their scored
record.

{table(("scored by each", *swap[1:]), [tuple(swapped[name] for name in swap)])}
"""


if __name__ == "__main__":
    typer.run(main)
