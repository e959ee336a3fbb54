"""The kernel's scores are those of the Python library, for every family, and a row is scored once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chispa import assert_approx_df_equality
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs.features import FEATURE_SET, MODEL_INPUTS
from spark_jobs.settings import S3
from training.bundle import Calibration, Description, Family, Thresholds, describe, model_file
from training.export import require_same, to_file
from training.families import FAMILIES, raw_scores
from training.store import ModelStore

ROWS, LEARNT, FEATURES = 5_000, 4_000, MODEL_INPUTS[:12]
TOLERANCE = 1e-6
FEWER_TREES = {"mllib_random_forest": {"numTrees": 5, "maxDepth": 5}, "mllib_gbt": {"maxIter": 3}}
"""Spark takes long for a tree."""
CALIBRATION = Calibration(raw=(-0.5, 0.0, 0.2, 1.0), score=(0.0, 0.3, 0.5, 1.0))
"""Nowhere steeper than 1, so that it makes no difference larger."""
ENGINES = {"logistic_regression": "OnnxModel", "mllib_random_forest": "MllibModel", "mllib_gbt": "MllibModel"}
"""What scores those that are not FlatTrees."""


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    """Amounts, counts whose values are those that trees split at, a constant; a tenth of all is absent."""
    random = np.random.default_rng(7)
    columns = [random.lognormal(3, 1, ROWS).round(2) for _ in FEATURES]
    columns[2:8] = [random.poisson(3, ROWS).astype(float) for _ in columns[2:8]]
    columns[8] = np.zeros(ROWS)
    rows = np.column_stack(columns)
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows


@pytest.fixture(scope="module")
def rows(spark: SparkSession, inputs: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    """The inputs as a column `features`; an absent value is null in one half of the rows and NaN in the other."""
    file = tmp_path_factory.mktemp("scoring") / "inputs.parquet"
    half = np.arange(ROWS) < ROWS // 2
    columns = {name: pa.array(values, mask=half & np.isnan(values)) for name, values in zip(FEATURES, inputs.T.copy(), strict=True)}
    pq.write_table(pa.table({"number": np.arange(ROWS), **columns}), file)
    return spark.read.parquet(str(file)).select("number", F.struct(*FEATURES).alias("features"))


def score(rows: DataFrame, store: Path) -> Column:
    jvm: Any = rows.sparkSession.sparkContext._jvm
    schema = rows.schema["features"].dataType.json()
    return Column(jvm.frauddetection.scoring.Score.apply(F.col("features")._jc, schema, FEATURE_SET, str(store), 3_600, None))


def promoted(store: Path, family: Family, content: bytes) -> str:
    known = Description(features=FEATURES, calibration=CALIBRATION, thresholds=Thresholds(review=0.5))
    files = {model_file(family): content}
    manifest = describe(family, known, files, datetime(2026, 11, 26, tzinfo=UTC))
    models = ModelStore(str(store), S3())
    models.add(manifest, files)
    models.point("champion", manifest.version, "a test")
    return manifest.version


def engine(spark: SparkSession, store: Path, version: str) -> str:
    """Returns the kernel's class that scores a version."""
    context: Any = spark.sparkContext
    columns = context._gateway.new_array(context._jvm.java.lang.String, len(FEATURES))
    for place, name in enumerate(FEATURES):
        columns[place] = name
    bundle = context._jvm.frauddetection.scoring.Bundle.load(str(store), version, columns, FEATURE_SET)
    model = bundle.getClass().getDeclaredField("model")
    model.setAccessible(True)
    return str(model.get(bundle).getClass().getSimpleName())


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_are_those_of_the_python_library(rows: DataFrame, inputs: np.ndarray, family: Family, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    learnt = inputs[:LEARNT]
    known, absent = np.nan_to_num(learnt), np.isnan(learnt)
    suspicious = known[:, 0] + 10 * known[:, 3] + 50 * absent[:, 1] + random.normal(0, 10, LEARNT)
    model = FAMILIES[family]()
    if family in FEWER_TREES:
        model[-1].settings = {**model[-1].settings, **FEWER_TREES[family]}
    if family == "xgboost":
        model[-1].set_params(n_jobs=1)  # on a busy machine its threads wait for each other a minute
    model.fit(learnt, suspicious > np.quantile(suspicious, 0.9))
    content = to_file(family, model, len(FEATURES))
    require_same(family, content, model, inputs)
    version = promoted(tmp_path / "models", family, content)
    scores = np.interp(raw_scores(model, inputs), CALIBRATION.raw, CALIBRATION.score)
    assert np.ptp(scores) > 0.1, "a model that tells nothing apart shows nothing"
    found = rows.withColumn("score", score(rows, tmp_path / "models")).select(
        *("number", "score.fraud_score", "score.model_version"),
        F.expr("score.model_decision = IF(score.fraud_score >= 0.5, 'review', 'approve')").alias("decides_by_threshold"),
    )
    expected = rows.sparkSession.createDataFrame(
        [(number, one, version, True) for number, one in enumerate(scores.tolist())], found.schema
    )
    assert_approx_df_equality(found, expected, TOLERANCE, ignore_row_order=True)
    assert engine(rows.sparkSession, tmp_path / "models", version) == ENGINES.get(family, "FlatTrees")


def test_a_row_is_scored_once_however_often_its_score_is_used(rows: DataFrame, tmp_path: Path) -> None:
    scored = rows.withColumn("score", score(rows, tmp_path / "models"))
    used = scored.select(
        (F.col("score.fraud_score") * 2).alias("twice"), "score.model_version", F.col("score.fraud_score").alias("once")
    ).where("twice > 1 AND once < 0.9")
    plan = used._jdf.queryExecution().optimizedPlan().toString()
    assert plan.count("invoke(frauddetection.scoring.Score") == 1, plan
