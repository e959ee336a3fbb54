"""How fast a model scores and explains inside Spark's plan, by family: the same rows with and without it, on a warm JVM.

Rows are the Handbook's world with the detector's features, read from memory; what the model costs is the difference of the two.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.pipeline import Pipeline

from benchmarks.cpu import CpuTime
from spark_jobs.features import FEATURE_COLUMNS, MODEL_INPUTS
from spark_jobs.settings import S3
from spark_jobs.transforms.score import ModelSource, explain, score
from training.bundle import MODEL, Description, Family, Thresholds, describe
from training.export import to_onnx
from training.families import FAMILIES, xgboost
from training.store import ModelStore

MODELS: dict[str, tuple[Family, Callable[[], Pipeline]]] = {
    **{name: (name, make) for name, make in FAMILIES.items()},  # type: ignore[dict-item]
    "xgboost, 200 trees of depth 6": ("xgboost", lambda: xgboost(tree_method="hist", n_estimators=200, max_depth=6)),
}
LEARNT, EXPLAINED = 200_000, 20_000
ROUNDS = 3
POLL_S = 3_600
PARTS = 2


def measure(spark: SparkSession, features: Path, labels: Path, folder: Path, rows: int) -> list[dict[str, Any]]:
    """Returns, by family, `score_per_second_per_core` and `explain_us`: microseconds of a core for one alert.

    `features` is what `write_features` has written, `labels` the data set's; models learn from the first rows and score `rows`.
    """
    learnt = _learnt(features, labels)
    events = _events(spark, features, rows).persist(StorageLevel.MEMORY_ONLY)
    alerts = _events(spark, features, EXPLAINED).withColumn("decision", F.lit("review")).persist(StorageLevel.MEMORY_ONLY)
    cpu = CpuTime(spark.sparkContext._gateway.proc.pid)  # type: ignore[union-attr]
    found = []
    for name in MODELS:
        models = ModelSource(promoted(folder / "models", name, learnt).place, POLL_S)
        scored = _cost(cpu, events, lambda frame, one=models: score(frame, one).select("score.*")) / rows
        explained = (
            _cost(cpu, alerts, lambda frame, one=models: explain(score(frame, one), one).select("contributions")) / EXPLAINED
            - scored
        )
        found.append({"what": name, "score_per_second_per_core": round(1 / scored), "explain_us": round(explained * 1e6)})
    events.unpersist()
    alerts.unpersist()
    return found


def promoted(folder: Path, name: str, rows: pd.DataFrame) -> ModelStore:
    """Returns a store whose champion is a model of MODELS, trained on the rows."""
    family, make = MODELS[name]
    model = make().fit(rows[list(MODEL_INPUTS)].to_numpy(), rows["is_fraud"].to_numpy())
    files = {MODEL: to_onnx(model, len(MODEL_INPUTS))}
    usual = rows[list(MODEL_INPUTS)].median()
    known = Description(
        features=MODEL_INPUTS,
        usual=tuple(None if np.isnan(value) else float(value) for value in usual),
        thresholds=Thresholds(review=0.5),
    )
    store = ModelStore(str(folder / name.replace(" ", "-")), S3())
    store.point("champion", _added(store, describe(family, known, files, datetime.now(UTC)), files), "benchmark")
    return store


def _added(store: ModelStore, manifest: Any, files: dict[str, bytes]) -> str:
    store.add(manifest, files)
    return str(manifest.version)


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
