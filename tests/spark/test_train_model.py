"""What a model learns can be kept and loaded."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from harness.worlds import data_set
from local.s3 import BUCKET, S3Server
from spark_jobs import sources
from spark_jobs.features import MODEL_INPUTS
from spark_jobs.settings import S3
from training import dataset
from training.bundle import model_file
from training.candidates import train
from training.dataset import Reach
from training.export import file_scores
from training.families import FAMILIES, mllib_gbt
from training.splits import Span
from training.store import ModelStore
from training.train_model import promote
from training.train_settings import TrainSettings
from training.versions import save


@pytest.fixture(scope="module")
def history(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reach]:
    """Eight days of payments and attacks whose labels take a day, with the kernel's features."""
    data = data_set(tmp_path_factory.mktemp("world") / "data", "--traffic", "all", "--days", "8", "--label-delay", "1d")
    folder = tmp_path_factory.mktemp("events") / "events"
    events = sources.read_history(spark, str(data), S3())
    dataset.keep(events, folder)
    return folder, dataset.reach(events)


@pytest.mark.parametrize(("family", "where"), [("xgboost", "folder"), ("logistic_regression", "s3"), ("mllib_gbt", "folder")])
def test_a_model_is_trained_kept_and_promoted(
    family: str, where: str, history: tuple[Path, Reach], tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = partial(mllib_gbt, maxIter=3, maxDepth=4)  # fifty trees take a minute
    monkeypatch.setattr("training.fitting.FAMILIES", {**FAMILIES, "mllib_gbt": few})
    folder, reach = history
    settings = TrainSettings(
        data="unused",
        store=str(tmp_path) if where == "folder" else f"s3a://{BUCKET}/{tmp_path.name}",
        s3=s3.settings,
        family=family,
        label_delay=timedelta(days=1),
        cards_per_day=50,
        promote=True,
    )
    found = save(settings, train(settings, folder, reach))
    promote(settings, found)
    store = ModelStore(settings.store, settings.s3)
    champion = store.pointer("champion")
    assert champion is not None
    manifest = store.require_usable(champion.version)
    assert manifest.family == family
    assert manifest.features == MODEL_INPUTS
    assert manifest.trained_on is not None
    assert manifest.trained_on.frauds >= 20
    assert manifest.metrics["auc_roc"] > 0.7, "even two days teach something"
    assert manifest.thresholds.review is not None
    rows = dataset.read(folder, Span(*reach), reach.last)
    content = store.files(champion.version)[model_file(manifest.family)]
    scores = file_scores(manifest.family, content, dataset.inputs(rows))
    fraud = rows["is_fraud"].to_numpy()
    assert scores[fraud].mean() > 5 * scores[~fraud].mean()
