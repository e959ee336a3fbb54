"""What a model learns is the same from archive, topics and data set, and it is what was served."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from configuration import KafkaConnection, TopicNames
from contract import Customer, Topics, encode
from harness.detector import Archiver, Detector
from harness.kafka import send, send_all
from harness.worlds import World, corner, data_set
from local.s3 import BUCKET, S3Server
from spark_jobs.features import MODEL_INPUTS
from spark_jobs.input_settings import InputSettings
from spark_jobs.pipeline import features
from spark_jobs.settings import S3
from spark_jobs.sinks.delta import DeltaSink
from spark_jobs.sources import inputs_of, read_history
from spark_jobs.transforms.stored import datasets, learnt, said
from tests.frames import EVERY_TIME
from tests.records import AT, scored, transaction
from tests.s3 import Archive
from training import dataset
from training.dataset import Reach
from training.skew import SkewTooLarge
from training.splits import Span
from training.train_model import read_events, served_otherwise
from training.train_settings import KAFKA, TrainSettings

COLUMNS = ["transaction_id", "event_time", "card_id", *MODEL_INPUTS, "is_fraud", "labelled_at", "scenario", "campaign_id"]
DELAY = timedelta(days=1)
TOPICS = Topics()
Run = Callable[..., None]


@pytest.mark.timeout(600)
def test_archive_topics_and_data_set_teach_the_same_and_it_is_what_was_served(
    spark: SparkSession,
    kafka: KafkaConnection,
    s3: S3Server,
    new_topics: Callable[..., TopicNames],
    run_here: Run,
    archive_here: Run,
    tmp_path: Path,
) -> None:
    data, topics = small_world(tmp_path), new_topics(1)
    sent(data, kafka, topics)
    detector, archiver = (program(kafka, topics, tmp_path / program.__name__) for program in (Detector, Archiver))
    for one in (detector, archiver):
        one.folder.mkdir()
    lakes = {"parquet": f"s3a://{BUCKET}/{tmp_path.name}", "delta": str(tmp_path / "delta")}
    archiver.settings |= {"sinks": {kind: {"type": kind, "path": path} for kind, path in lakes.items()}, "s3": s3.settings}
    run_here(detector, max_offsets=2_000)
    archive_here(archiver, max_offsets=2_000)
    compact(tmp_path / "delta")

    def learnt(source: str, name: str) -> tuple[pd.DataFrame, TrainSettings, Reach]:
        settings = TrainSettings(data=source, kafka=kafka, topics=topics, s3=s3.settings, label_delay=DELAY)
        events = read_events(settings, spark)
        reach = dataset.reach(events)
        dataset.keep(events, tmp_path / name)
        return dataset.read(tmp_path / name, Span(reach.first, reach.last + DELAY), reach.last)[COLUMNS], settings, reach

    expected, of_data_set, _ = learnt(str(data), "of data set")
    assert len(expected) > 1_500
    assert expected["is_fraud"].any()
    assert expected["labelled_at"].isna().any(), "some labels have not come yet"
    assert expected["card_count_7d"].max() > 7
    assert expected["terminal_risk_30d"].max() > 0
    for source, name in ((KAFKA, "topics"), (lakes["parquet"], "parquet on s3"), (lakes["delta"], "compacted delta")):
        found, settings, reach = learnt(source, name)
        pd.testing.assert_frame_equal(found, expected, check_exact=True, obj=name)
        told = served_otherwise(settings, spark, tmp_path / name, reach)
        if source == KAFKA:
            assert told is None
        else:
            assert told is not None
            assert (told["payments"], told["of_other_features"], told["features"]) == (len(expected), 0, []), name
            assert not {"card_count_7d", "terminal_risk_1d"} & set(told["not_compared"])

    parquet = shutil.copytree(Archive(lakes["parquet"], s3).place, tmp_path / "parquet")
    plant(parquet)
    skewed = of_data_set.model_copy(update={"data": str(parquet)})
    with pytest.raises(SkewTooLarge, match=r"card_count_1d differs in .* \([3-7]\.\d+%\), by up to 1, from .* such as "):
        served_otherwise(skewed, spark, tmp_path / "parquet on s3", reach)
    told = served_otherwise(skewed.model_copy(update={"max_skew": 0.1}), spark, tmp_path / "parquet on s3", reach)
    assert told is not None
    assert [one["feature"] for one in told["features"]] == ["card_count_1d"]


def small_world(folder: Path) -> Path:
    """Returns a data set of nine days: labels after a day, a profile that changes, and labels that are overruled a day later."""
    options = ("--traffic", "all", "--days", "9", "--label-delay", "1d", "--campaigns", '{"account_takeover": 1}')
    data = corner(data_set(folder / "world", *options), folder / "corner", share=0.03)
    labels = pq.read_table(data / "labels")
    first = labels.sort_by("labelled_at").slice(0, 20).to_pandas()
    overruled = first.assign(is_fraud=~first["is_fraud"], labelled_at=first["labelled_at"] + DELAY, source="chargeback")
    pq.write_table(pa.Table.from_pandas(overruled, labels.schema, preserve_index=False), data / "labels" / "overruled.parquet")
    return data


def sent(data: Path, kafka: KafkaConnection, topics: TopicNames) -> None:
    """Sends the data set in the order in which it becomes known, then a payment once more, and no payment."""
    places = {"customer": topics.customers, "label": topics.labels, "transaction": topics.transactions}
    customers, merchants = World(data).profiles()
    known = [(topics.customers, *one) for one in customers] + [(topics.merchants, *one) for one in merchants]
    arrivals = [(places[kind], *one) for kind, *one in World(data).arrivals(1, 1)]
    send_all(kafka.bootstrap_servers, [*known, *arrivals])
    again = [record for topic, *record in arrivals if topic == topics.transactions][-1]
    send(kafka.bootstrap_servers, topics.transactions, [again, (again[0], b"no JSON")])


def compact(lake: Path) -> None:
    """Makes one file of a day's, and leaves a payment that no commit names: its archiver was killed."""
    table = DeltaTable(lake / "transactions")
    table.optimize.compact()
    name = next(one for one in sorted(table.get_add_actions().column("path").to_pylist()) if "batch_id=" not in one)
    whole = pq.read_table(lake / "transactions" / name, partitioning=None)
    ghost = whole.slice(0, 1).set_column(whole.schema.get_field_index("transaction_id"), "transaction_id", pa.array(["ghost"]))
    pq.write_table(ghost, (lake / "transactions" / name).with_name("part-ghost.parquet"))


def plant(lake: Path) -> None:
    """Adds one to a feature of each twentieth payment, as it was served."""
    count = 0
    for file in sorted((lake / "scored").glob("date=*/batch_id=*/*.parquet")):
        rows = pq.read_table(file, partitioning=None)
        values = rows["card_count_1d"].to_pylist()
        changed = [value + ((count + place) % 20 == 0) for place, value in enumerate(values)]
        count += len(values)
        pq.write_table(rows.set_column(rows.schema.get_field_index("card_count_1d"), "card_count_1d", pa.array(changed)), file)


def test_a_profile_that_was_deleted_is_known_no_longer(spark: SparkSession, raw: Callable[..., DataFrame], tmp_path: Path) -> None:
    lake, day = str(tmp_path / "lake"), timedelta(days=1)
    place = {"country": "FR", "home_latitude": 48.0, "home_longitude": 2.0, "updated_at": AT - day}
    born = {"birth_date": AT.date(), "signup_date": AT.date() - 9 * day}
    customers = [Customer(customer_id="C", card_id=card, name="Zoë", **born, **place) for card in ("gone", "stays")]
    paid = [
        transaction(transaction_id=f"{card} {when}", card_id=card, event_time=AT + (when == "after") * day)
        for card in ("gone", "stays")
        for when in ("before", "after")
    ]
    profiles = [(TOPICS.customers, encode(one), {"timestamp": AT - day}) for one in customers]
    tombstone = (TOPICS.customers, None, {"key": b"gone", "timestamp": AT + day / 2})
    taught = learnt(raw(*profiles, tombstone), inputs_of(InputSettings(), TOPICS), EVERY_TIME)
    told = said(raw(*((TOPICS.scored, encode(scored(one)), {"timestamp": AT}) for one in paid)), TOPICS)
    found = {name: rows for name, rows in datasets(told.unionByName(taught)).items() if name not in ("alerts", "rejected")}
    DeltaSink(lake, 1, "one", S3()).write(found, 0)
    ages = features(read_history(spark, lake, S3())).where("kind = 'transaction'")
    known = {row[0]: row[1] for row in ages.select("transaction.transaction_id", "features.account_age_days").collect()}
    assert {name for name, age in known.items() if age is None} == {"gone after"}
    assert len(known) == 4
