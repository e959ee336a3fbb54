"""A second detector or archiver on a checkpoint is refused by name, in a folder and on S3; after a kill the next one starts."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contract import encode
from harness.detector import Archiver, Detector
from harness.kafka import read_all, send
from local.s3 import BUCKET, S3Server
from spark_jobs import checkpoint_files, lease
from spark_jobs.errors import CheckpointInUse
from spark_jobs.lease import Holder, held
from tests.records import transaction
from tests.s3 import Archive


@pytest.fixture(params=["folder", "s3"])
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server) -> str:
    return str(tmp_path / "checkpoint") if request.param == "folder" else f"s3a://{BUCKET}/{tmp_path.name}"


def test_the_second_is_refused_by_name(
    detector: Detector,
    run_here: Callable[..., None],
    archive_here: Callable[..., None],
    spark: SparkSession,
    s3: S3Server,
    checkpoint: str,
    tmp_path: Path,
) -> None:
    archiver = Archiver(detector.kafka, detector.topics, tmp_path)
    archiver.settings |= Archive(str(tmp_path / "lake")).sinks
    place = checkpoint_files.files_of(spark, checkpoint)
    with held(place, checkpoint, "detect_fraud") as first:
        with pytest.raises(CheckpointInUse, match=rf"{checkpoint} is in use by another program, detect_fraud on .*, process \d+"):
            run_here(detector, checkpoint=checkpoint)
        with pytest.raises(CheckpointInUse, match="detect_fraud on"):
            archive_here(archiver, checkpoint=checkpoint)
        first.look()
    assert list(place.sizes()) == [], "neither has left anything"
    run_here(detector, checkpoint=checkpoint)
    assert lease.NAME not in place.sizes()


def test_what_is_taken_from_a_dead_one_on_s3_is_held(
    spark: SparkSession, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LASTS", timedelta(seconds=1))
    monkeypatch.setattr(lease, "RENEWED", timedelta(milliseconds=200))
    place = checkpoint_files.files_of(spark, f"s3a://{BUCKET}/{tmp_path.name}")
    dead = replace(Holder.here("detect_fraud"), host="elsewhere")
    place.write(lease.NAME, json.dumps(asdict(dead)).encode())
    with held(place, "C", "archive_scored") as one:
        found = lease.read(place)
        assert found is not None
        assert found.program == "archive_scored"
        with pytest.raises(CheckpointInUse, match="archive_scored"):
            held(place, "C", "detect_fraud").__enter__()
        one.look()
    assert place.read(lease.NAME) is None


@pytest.mark.fresh
def test_a_detector_that_runs_keeps_others_out_and_one_that_was_killed_does_not(
    detector: Detector, run_here: Callable[..., None]
) -> None:
    send(detector.kafka.bootstrap_servers, detector.topics.transactions, [(b"k", encode(transaction()))])
    detector.start("microBatch")
    with pytest.raises(CheckpointInUse, match=f"detect_fraud on .*, process {detector.pid}, since"):
        run_here(detector)
    detector.until_scored(1)
    detector.kill()
    run_here(detector)
    assert {one.key for one in read_all(detector.kafka.bootstrap_servers, detector.topics.scored)} == {b"card-1"}
