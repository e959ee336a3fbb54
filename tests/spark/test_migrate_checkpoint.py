"""A detector of another plan goes on with the history of an old checkpoint: of a small world every feature of every payment."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from configuration import KafkaConnection, TopicNames
from contract import Customer, Label, Merchant, Transaction, encode
from harness.detector import Detector
from harness.kafka import read_all, send_all
from harness.rule import batch_order
from harness.worlds import assert_same
from local.s3 import BUCKET, S3Server
from producer.topics import create_topics
from spark_jobs import checkpoint, detect_fraud, kept_plans, migrate_checkpoint, pipeline, places, running
from spark_jobs.checkpoint_files import Folder, files_of
from spark_jobs.errors import CheckpointInUse, UnusableCheckpoint
from spark_jobs.features import (
    CARD,
    CHARGED_AMOUNT,
    CHARGED_CURRENCY,
    DECLINED,
    FEATURE_COLUMNS,
    FRAUD,
    GENUINE,
    GROUPS,
    MATURITY,
    TERMINAL,
)
from spark_jobs.migrate_checkpoint import MigrateSettings
from spark_jobs.moves import Moved
from spark_jobs.transforms.derive import derive
from spark_jobs.transforms.history import history
from spark_jobs.vocabulary import Aggregation, Operation, days, hours, minutes
from tests.feature_worlds import by_rule, world

OLD_GROUPS = (
    replace(
        TERMINAL,
        aggregations=(
            Aggregation(Operation.COUNT, of=Label, where=GENUINE, windows=(days(3),), delay=MATURITY),
            Aggregation(Operation.COUNT, of=Label, where=FRAUD, windows=(days(1),), delay=MATURITY),
            Aggregation(Operation.MAX, "amount", windows=(hours(2),)),
            Aggregation(Operation.UNIQUE_COUNT, "card_id", windows=(hours(1),)),
            Aggregation(Operation.COUNT, where=DECLINED, windows=(minutes(7),)),
            Aggregation(Operation.LAST, "onboarding_date", of=Merchant, feature=False),
        ),
    ),
    replace(
        CARD,
        aggregations=(
            Aggregation(Operation.LAST, "signup_date", of=Customer, feature=False),
            Aggregation(Operation.COUNT, of=Label, where=FRAUD, windows=(days(1),)),
            Aggregation(Operation.COUNT, where=DECLINED, windows=(hours(1),)),
            Aggregation(Operation.LAST, "longitude", windows=(days(30),), feature=False),
            Aggregation(Operation.LAST, "latitude", windows=(days(1),), feature=False),
            Aggregation(Operation.COUNT_SAME, "terminal_id", windows=(days(30),)),
            Aggregation(Operation.COUNT_SAME, CHARGED_CURRENCY, windows=(days(5),), feature=False),
            Aggregation(Operation.SUM, CHARGED_AMOUNT, windows=(hours(1), days(2))),
            Aggregation(Operation.LAST, "home_longitude", of=Customer, feature=False),
            Aggregation(Operation.LAST, "home_latitude", of=Customer, feature=False),
        ),
    ),
)
"""Other windows, operations, and another order: all that the features are made of but the device."""
NOT_KEPT = {"card_count_same_device_id_30d": "transaction.device_id was not kept"}


SENT_AT = 1_700_000_000_000
"""Kafka's timestamp of the first record: each has a millisecond of its own, so that one order is that of all topics."""


class Old(NamedTuple):
    """A detector that has read the first half of a world by OLD_GROUPS, and has stopped; the second half waits in Kafka."""

    detector: Detector
    before: set[str]
    after: set[str]
    expected: pd.DataFrame

    def files(self) -> dict[str, bytes]:
        place = Path(self.detector.settings["checkpoint"])
        return {str(one): one.read_bytes() for one in place.rglob("*") if one.is_file()}


def old_features(events: DataFrame) -> DataFrame:
    """Returns the features of the old detector: those of today that its plan lacks are null."""
    for group, now in zip(OLD_GROUPS, GROUPS, strict=True):
        events = history(events, group)
        own = {one.name for one in group.outputs}
        missing = [F.lit(None).cast("double").alias(one.name) for one in now.outputs if one.name not in own]
        whole = F.struct(f"{group.name}.*", *missing)
        events = events.withColumn(group.name, F.when(F.col(group.name).isNotNull(), whole))
    return derive(events)


@pytest.fixture(scope="module")
def old(kafka: KafkaConnection, run_here: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    topics = TopicNames().prefixed("migrate.")
    create_topics(kafka, [replace(one, settings=one.settings | {"retention.ms": "-1"}) for one in topics.specs(1)])
    topic_of = {Transaction: topics.transactions, Label: topics.labels, Customer: topics.customers, Merchant: topics.merchants}
    records = batch_order(one for seed in range(300, 304) for one in world(seed))
    halves = records[: len(records) // 2], records[len(records) // 2 :]
    paid = [{one.transaction_id for one in half if isinstance(one, Transaction)} for half in halves]
    sent = [
        [(topic_of[type(one)], getattr(one, "card_id", None) or one.terminal_id, encode(one)) for one in half] for half in halves
    ]
    detector = Detector(kafka, topics, tmp_path_factory.mktemp("migrate"))
    send_all(kafka.bootstrap_servers, sent[0], SENT_AT)
    with (
        patch.object(pipeline, "features", old_features),
        patch.object(checkpoint, "GROUPS", OLD_GROUPS),
        patch.object(detect_fraud, "GROUPS", OLD_GROUPS),
    ):
        run_here(detector)
    send_all(kafka.bootstrap_servers, sent[1], SENT_AT + len(sent[0]))
    yield Old(detector, *paid, by_rule(records))
    detector.kill()


@pytest.fixture
def migrate(old: Old, spark: SparkSession) -> Callable[..., list[Moved]]:
    def run(to: str, place: str = old.detector.settings["checkpoint"], **changes: Any) -> list[Moved]:
        file = old.detector.write("availableNow", **changes)
        settings = MigrateSettings.load(["--config", str(file), f"--from={place}", f"--to={to}"], "tests")
        newest, moved = migrate_checkpoint.migrate(spark.newSession(), settings)
        words = "\n".join(migrate_checkpoint.summary(settings, newest, moved))
        assert words.startswith(f"{to} has the history of {place} after batch {newest.batch}")
        assert ("Not whole before" in words) == any(one.gaps for one in moved)
        return moved

    return run


def scored(old: Old, topic: str) -> pd.DataFrame:
    """Returns the features of all scored records of a topic, in their order."""
    found = [json.loads(one.value or b"") for one in read_all(old.detector.kafka.bootstrap_servers, topic)]
    index = pd.Index([one["transaction"]["transaction_id"] for one in found], name="transaction_id")
    return pd.DataFrame([one["features"] for one in found], index, columns=list(FEATURE_COLUMNS), dtype=float)


def test_the_first_payment_behind_a_migration_sees_the_whole_history_and_nothing_is_published_twice(
    old: Old, migrate: Callable[..., list[Moved]], run_here: Callable[..., None], spark: SparkSession, s3: S3Server, tmp_path: Path
) -> None:
    """Other features, more state partitions and another place at once; then fewer, and back to a folder."""
    topic, new = old.detector.topics.scored, f"s3a://{BUCKET}/migrated"
    assert set(scored(old, topic).index) == old.before
    with pytest.raises(UnusableCheckpoint, match=r"`fraud migrate --from .* --to NEW` gives its history to a new one"):
        run_here(old.detector)
    untouched = old.files()
    settings = {"s3": s3.settings, "state_partitions": 3}
    moved = migrate(new, **settings)
    assert old.files() == untouched
    assert places.Checkpoint(files_of(spark, new), new).ids.keys() == set(old.detector.topics.inputs())
    assert {name: gap for one in moved for name, gap in one.gaps.items()} == NOT_KEPT
    assert all(one.keys >= 10 and one.payments and one.payments > len(old.before) / 3 and one.bytes for one in moved)

    run_here(old.detector, checkpoint=new, **settings)
    found = scored(old, topic)
    assert sorted(found.index) == sorted(old.before | old.after)
    late = found.loc[sorted(old.after)]
    expected = old.expected.loc[late.index]
    assert_same(late.assign(**{name: expected[name] for name in NOT_KEPT}), expected, tolerance=1e-9)

    back = str(tmp_path / "back")
    assert not any(one.gaps for one in migrate(back, new, s3=s3.settings, state_partitions=1))
    assert contents(spark, back) == contents(spark, new)
    run_here(old.detector, checkpoint=back, state_partitions=1)
    assert len(scored(old, topic)) == len(found)


def contents(spark: SparkSession, place: str) -> list[tuple[Any, ...]]:
    """Returns every page of a checkpoint's state."""
    newest = checkpoint.require_newest(spark, place)
    pages = (checkpoint.read_state(spark, place, newest.batch, step) for step in checkpoint.steps(spark, place))
    return [(row.key, row.page, bytes(row.bytes)) for one in pages for row in one.orderBy("key", "page").collect()]


def test_a_replay_of_the_topics_gives_what_the_old_checkpoint_has_not_kept_and_publishes_nothing(
    old: Old, migrate: Callable[..., list[Moved]], run_here: Callable[..., None], kafka: KafkaConnection, tmp_path: Path
) -> None:
    outputs = TopicNames().prefixed("replayed.")
    create_topics(kafka, outputs.specs(1))
    names = ("scored", "alerts", "rejected")
    topics = asdict(old.detector.topics) | {name: getattr(outputs, name) for name in names}
    new = str(tmp_path / "new")
    moved = migrate(new, history="topics", topics=topics, max_offsets=200)
    assert all(not read_all(kafka.bootstrap_servers, getattr(outputs, name)) for name in names)
    assert [one.payments for one in moved] == [None, None]
    run_here(old.detector, checkpoint=new, topics=topics)
    found = scored(old, outputs.scored)
    assert sorted(found.index) == sorted(old.after)
    assert_same(found, old.expected.loc[found.index], tolerance=1e-9)


def test_what_cannot_be_migrated_is_refused_and_what_was_cut_off_is_no_checkpoint(
    old: Old, migrate: Callable[..., list[Moved]], run_here: Callable[..., None], spark: SparkSession, tmp_path: Path
) -> None:
    new, place = str(tmp_path / "new"), old.detector.settings["checkpoint"]
    with patch.object(migrate_checkpoint, "_check", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        migrate(new)
    with pytest.raises(UnusableCheckpoint, match="is not whole: the `fraud migrate` that makes it"):
        run_here(old.detector, checkpoint=new)
    with pytest.raises(UnusableCheckpoint, match="is there already"):
        migrate(new)
    with running.own_checkpoint(spark, place, "detect_fraud", None), pytest.raises(CheckpointInUse, match="detect_fraud on"):
        migrate(str(tmp_path / "newer"))
    silent = tmp_path / "silent"
    shutil.copytree(place, silent)
    Folder(silent).remove(kept_plans.FILE)
    with pytest.raises(UnusableCheckpoint, match="does not say how its history is kept"):
        migrate(str(tmp_path / "newer"), str(silent))
    assert not (tmp_path / "newer").exists()
