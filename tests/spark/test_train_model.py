"""What a model learns can be kept and loaded, and is of the past alone."""

import shutil
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from harness.worlds import corner, data_set
from local.s3 import BUCKET, S3Server
from spark_jobs import sources
from spark_jobs.features import MODEL_INPUTS
from spark_jobs.settings import S3
from tests.models import key_files
from training import dataset
from training.bundle import MANIFEST, MODEL, REFERENCE, SIGNATURE, model_file
from training.candidates import train
from training.dataset import Reach
from training.export import file_scores
from training.families import FAMILIES, mllib_gbt
from training.signing import private_key
from training.splits import DAY, Span
from training.store import ModelStore
from training.train_model import promote, rival, write_features
from training.train_settings import TrainSettings
from training.versions import NoNewLabels, before, run_of, save


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight days of payments and attacks whose labels take a day."""
    return data_set(tmp_path_factory.mktemp("world") / "data", "--traffic", "all", "--days", "8", "--label-delay", "1d")


@pytest.fixture(scope="module")
def history(spark: SparkSession, world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reach]:
    """The world's payments and labels, with the kernel's features."""
    folder = tmp_path_factory.mktemp("events") / "events"
    events = sources.read_history(spark, str(world), S3())
    dataset.keep(events, folder)
    return folder, dataset.reach(events)


@pytest.mark.parametrize(("family", "where"), [("xgboost", "folder"), ("logistic_regression", "s3"), ("mllib_gbt", "folder")])
def test_a_model_is_trained_kept_and_promoted(
    family: str, where: str, history: tuple[Path, Reach], tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = partial(mllib_gbt, maxIter=3, maxDepth=4)  # fifty trees take a minute
    monkeypatch.setattr("training.fitting.FAMILIES", {**FAMILIES, "mllib_gbt": few})
    folder, reach = history
    private, _ = key_files(tmp_path)
    settings = TrainSettings(
        data="unused",
        store=str(tmp_path) if where == "folder" else f"s3a://{BUCKET}/{tmp_path.name}",
        s3=s3.settings,
        family=family,
        label_delay=timedelta(days=1),
        cards_per_day=50,
        promote=True,
        signing_key_file=private,
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
    signature, signed = (store._files.read(f"{manifest.version}/{name}") for name in (SIGNATURE, MANIFEST))
    assert signature
    assert signed
    private_key(private).public_key().verify(signature, signed)
    rows = dataset.read(folder, Span(*reach), reach.last)
    content = store.files(champion.version)[model_file(manifest.family)]
    scores = file_scores(manifest.family, content, dataset.inputs(rows))
    fraud = rows["is_fraud"].to_numpy()
    assert scores[fraud].mean() > 5 * scores[~fraud].mean()


def test_a_lake_that_has_grown_makes_the_same_version_and_no_new_labels_none(
    spark: SparkSession, world: Path, tmp_path: Path
) -> None:
    small, lake = corner(world, tmp_path / "small", share=0.3), tmp_path / "lake"
    first = pq.read_table(small / "transactions", columns=["event_time"])["event_time"].to_pandas().min().to_pydatetime()
    until = first.replace(hour=0, minute=0, second=0, microsecond=0) + 7 * DAY
    cut_off(small, lake, until)
    one = made(spark, lake, tmp_path / "one", until)
    shutil.rmtree(lake)
    shutil.copytree(small, lake)
    overruled_later(lake, until)
    other = made(spark, lake, tmp_path / "other", until)
    for file in (MANIFEST, MODEL, REFERENCE, "report/report.json", "report/card.md"):
        there, again = (next((tmp_path / name / "models").iterdir()) / file for name in ("one", "other"))
        assert there.read_bytes() == again.read_bytes(), file
    assert one == other

    cut_off(small, tmp_path / "silent", until - 2 * DAY, only="labels")
    shutil.rmtree(lake)
    shutil.move(tmp_path / "silent", lake)
    with pytest.raises(NoNewLabels, match=f"No label has matured since {one} was made"):
        made(spark, lake, tmp_path / "one", until + DAY)


def test_labels_of_a_history_that_was_loaded_later_count_from_when_they_were_given(
    spark: SparkSession, world: Path, tmp_path: Path
) -> None:
    small, lake = corner(world, tmp_path / "small", share=0.1), tmp_path / "lake"
    given = pq.read_table(small / "labels", columns=["labelled_at"])["labelled_at"].to_pandas()
    until = given.sort_values().iloc[len(given) // 2].to_pydatetime()
    shutil.copytree(small, lake)
    labels = pq.read_table(small / "labels")
    form = labels.schema.append(pa.field("ingest_time", pa.timestamp("us", "UTC")))
    later = labels.to_pandas().assign(ingest_time=given.max() + DAY)

    def known(came: int, of: int) -> int:
        at = later["ingest_time"].where(later.index % of >= came, until)
        shutil.rmtree(lake / "labels")
        (lake / "labels").mkdir()
        pq.write_table(
            pa.Table.from_pandas(later.assign(ingest_time=at), form, preserve_index=False), lake / "labels" / "all.parquet"
        )
        return dataset.known_by(sources.read_history(spark, str(lake), S3()), until).where("kind = 'label'").count()

    assert known(0, of=2) == known(2, of=2) == (given <= until).sum()
    assert 0 < known(1, of=2) < known(2, of=2), "one that came by then says that arrival counts"


def made(spark: SparkSession, lake: Path, folder: Path, until: datetime) -> str:
    """Returns the version that a store in the folder has by then: what `fraud train --until` does, inside the tests' Spark."""
    settings = TrainSettings(
        data=str(lake), store=str(folder / "models"), family="xgboost", label_delay=DAY, cards_per_day=30, until=until
    )
    store = ModelStore(settings.store, settings.s3)
    events = folder / f"events until {until:%d}"
    reach = write_features(settings, spark, events, before(store, settings))
    candidate = train(settings, events, reach, rival(settings))
    candidate.report["skew"] = None
    return str(save(settings, candidate, run_of(settings, reach))["version"])


def cut_off(data: Path, out: Path, until: datetime, only: str | None = None) -> None:
    """Writes what was known of a data set by a time."""
    known = {"transactions": "event_time", "labels": "labelled_at", "customers": "updated_at", "merchants": "updated_at"}
    for name, time in known.items():
        (out / name).mkdir(parents=True)
        filters = pc.field(time) <= until if only in (None, name) else None
        pq.write_table(pq.read_table(data / name, filters=filters), out / name / "part.parquet")


def overruled_later(lake: Path, until: datetime) -> None:
    """Adds labels that say that no payment was fraud, dated back to before a time after which they have come."""
    labels = pq.read_table(lake / "labels", filters=pc.field("labelled_at") <= until)
    known = labels.to_pandas().assign(is_fraud=False, labelled_at=until, source="chargeback", ingest_time=until + DAY)
    form = labels.schema.append(pa.field("ingest_time", pa.timestamp("us", "UTC")))
    pq.write_table(pa.Table.from_pandas(known, form, preserve_index=False), lake / "labels" / "overruled.parquet")
