"""A backtest decides as the stream would, over labelled history."""

from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from harness.worlds import data_set
from spark_jobs.settings import S3, Rule
from spark_jobs.sources import read_history
from spark_jobs.transforms.score import ModelSource
from tests.models import MADE_AT, linear
from training.backtest import MODEL as THE_MODEL
from training.backtest import decided_history, judgement
from training.bundle import MODEL, Description, Thresholds, describe
from training.store import ModelStore

LARGE = 150.0


def test_rules_and_a_model_over_history(spark: SparkSession, tmp_path: Path) -> None:
    data = data_set(tmp_path / "data", "--traffic", "all", "--days", "2", "--rows", "6000")
    store = ModelStore(str(tmp_path / "models"), S3())
    files = {MODEL: linear(1, 1 / LARGE)}  # half at nothing, more with the amount
    known = Description(features=("amount",), usual=(50.0,), thresholds=Thresholds(review=0.7310586))  # an amount of LARGE
    manifest = describe("onnx", known, files, MADE_AT)
    store.add(manifest, files)
    store.point("champion", manifest.version, "a test")
    paid = pd.read_parquet(data / "transactions").sort_values("event_time")
    labels = pd.read_parquet(data / "labels").set_index("transaction_id")["is_fraud"]
    since = paid["event_time"].iloc[1_000].to_pydatetime()
    rules = {"small": Rule(when="amount < 5", reason="It is small")}

    decided = decided_history(read_history(spark, str(data), S3()), rules, ModelSource(store.place, 3_600), since)
    expected = paid[paid["event_time"] > since]
    assert set(decided["transaction_id"]) == set(expected["transaction_id"])
    found = judgement(decided, [THE_MODEL, "small"])
    truth = expected["transaction_id"].map(labels).astype(bool)
    large, small = expected["amount"].astype(float) >= LARGE, expected["amount"].astype(float) < 5
    assert large.any()
    assert small.any()
    assert truth.sum() == found["frauds"] > 0
    alerts = found["total"]["alerts_a_day"] * found["days"]
    assert alerts == pytest.approx((large | small).sum(), rel=0.01)
    assert found["rules"][THE_MODEL]["recall"] == pytest.approx((large & truth).sum() / truth.sum(), abs=1e-4)
    assert found["rules"]["small"]["precision"] == pytest.approx((small & truth).sum() / small.sum(), abs=1e-4)
