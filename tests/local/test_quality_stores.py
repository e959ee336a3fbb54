"""A day in S3 is checked and its outcome kept there; what Kafka has of it, and the lake has not, is counted."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from configuration import KafkaConnection, TopicNames
from contract import encode
from harness.kafka import send
from local.cli import app
from local.quality import missing_in_lake
from local.s3 import BUCKET, S3Server
from spark_jobs.archive_settings import ArchiveSettings
from spark_jobs.settings import S3
from tests import closed_days
from tests.closed_days import DAY
from tests.lake import write_delta
from tests.records import AT, scored, transaction
from training.lake import Lake


@pytest.mark.parametrize("write", [closed_days.write_delta, closed_days.write_parquet], ids=["delta", "parquet"])
def test_a_day_in_s3(home: Path, s3: S3Server, write: object, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.settings.items():
        monkeypatch.setenv(f"FRAUD_S3__{name.upper()}", str(value))
    assert callable(write)
    write(s3.home / "data" / BUCKET / home.name, DAY, closed_days.tables(DAY))
    place = f"s3a://{BUCKET}/{home.name}"
    for _ in range(2):
        done = CliRunner().invoke(app, ["quality", "check", "--data", place, "--day", str(DAY), "--json"])
        assert (done.exit_code, json.loads(done.stdout)["ok"]) == (0, True), done.output or done.exception
    kept = Lake(place, S3.model_validate(s3.settings)).rows("quality")
    assert kept is not None
    assert kept.count_rows() == len(json.loads(done.stdout)["expectations"]), "the second time replaces the first"


def test_a_gap_between_kafka_and_the_lake_is_counted_by_its_day(home: Path, kafka: KafkaConnection, topics: TopicNames) -> None:
    paid = [transaction(transaction_id=f"t{number}", event_time=AT + timedelta(days=number % 2)) for number in range(6)]
    write_delta(home / "lake", "scored", [scored(one) for one in paid[:3]], 0)
    write_delta(home / "lake", "transactions", paid[:3], 0)
    send(kafka.bootstrap_servers, topics.scored, [(b"k", encode(scored(one))) for one in paid])
    lake, now = Lake(str(home / "lake"), S3()), datetime.now(UTC)
    settings = ArchiveSettings(kafka=kafka, topics=topics)
    told = [missing_in_lake(lake, settings, AT.date() + timedelta(days=number), now) for number in range(2)]
    assert told == [2, 4], "t4; t3 and t5: each in `scored` and in `transactions`"
    assert missing_in_lake(lake, settings, AT.date(), now - timedelta(days=1)) == 0, "it may be on its way"
