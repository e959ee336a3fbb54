"""What a model learns from is what the detector sees, by folder and by topic; and what it learns can be kept and loaded."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from configuration import KafkaConnection, TopicNames
from harness.kafka import send
from harness.worlds import World, data_set
from local.s3 import BUCKET, S3Server
from spark_jobs import sources
from spark_jobs.features import MODEL_INPUTS
from spark_jobs.settings import S3
from training import dataset
from training.bundle import model_file
from training.dataset import Reach
from training.export import file_scores
from training.families import FAMILIES, mllib_gbt
from training.splits import Span
from training.store import ModelStore
from training.train_model import KAFKA, TrainSettings, promote, read_events, save, train

COLUMNS = ["transaction_id", "event_time", "card_id", *MODEL_INPUTS, "is_fraud", "labelled_at", "scenario", "campaign_id"]


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


def test_topics_tell_what_a_folder_tells(
    spark: SparkSession, kafka: KafkaConnection, new_topics: Callable[..., TopicNames], tmp_path: Path
) -> None:
    data = data_set(tmp_path / "data", "--traffic", "all", "--rows", "3000", "--days", "2", "--label-delay", "1h")
    topics, world = new_topics(), World(data)
    customers, merchants = world.profiles()
    chunks = list(world.chunks(1))
    paid = [one for chunk in chunks for one in chunk.transactions]
    for topic, records in (
        (topics.customers, [*customers, *(one for chunk in chunks for one in chunk.customers)]),
        (topics.merchants, merchants),
        (topics.labels, [one for chunk in chunks for one in chunk.labels]),
        (topics.transactions, [*paid, paid[7], (paid[0][0], b"no JSON")]),
    ):
        send(kafka.bootstrap_servers, topic, records)
    found = []
    for name, source in (("folder", str(data)), ("topics", KAFKA)):
        events = read_events(TrainSettings(data=source, kafka=kafka, topics=topics), spark)
        reach = dataset.reach(events)
        dataset.keep(events, tmp_path / name)
        found.append(dataset.read(tmp_path / name, Span(reach.first, reach.last + timedelta(seconds=1)), reach.last)[COLUMNS])
    by_folder, by_topics = found
    assert len(by_folder) == 3_000
    assert by_folder["is_fraud"].any()
    assert by_folder["labelled_at"].isna().any(), "some labels have not come yet"
    assert by_folder["card_count_1d"].max() > 1
    pd.testing.assert_frame_equal(by_topics, by_folder, check_exact=False, rtol=1e-12)
