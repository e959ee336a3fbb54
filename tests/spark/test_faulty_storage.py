"""A full volume, one that cannot be written, an S3 server that turns requests away: told as what it is, and the history is kept."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from pyspark.sql import SparkSession

from configuration import FraudDetectionError
from contract import Scored, decode, encode
from harness.detector import Detector
from harness.kafka import read_all, send
from local.s3 import S3Server
from spark_jobs.detect_fraud import stream
from spark_jobs.errors import FullVolume, UnusableCheckpoint, UnusableStorage
from spark_jobs.metrics import StreamMetrics
from spark_jobs.settings import DetectorSettings
from tests.records import AT, transaction
from tests.s3 import Proxy, keys
from tests.volumes import Volume

MANY = 3_000
FEW = {"state_partitions": 1, "console": {"enabled": False}}


def send_payments(detector: Detector, first: int, count: int) -> None:
    """Sends payments of as many cards, the last one being of card-0."""
    numbers = [*range(first + 1, first + count), 0] if first else range(count)
    paid = [
        transaction(
            transaction_id=f"t{first + place}", card_id=f"card-{number}", event_time=AT + timedelta(milliseconds=first + place)
        )
        for place, number in enumerate(numbers)
    ]
    send(detector.kafka.bootstrap_servers, detector.topics.transactions, [(one.card_id.encode(), encode(one)) for one in paid])


def scored(detector: Detector) -> dict[str, dict[str, float | None]]:
    """Returns the features of each transaction."""
    found = [decode(Scored, one.value) for one in read_all(detector.kafka.bootstrap_servers, detector.topics.scored)]
    return {one.transaction.transaction_id: dict(one.features) for one in found}


def raised(run: Callable[..., None], *arguments: object, **changes: object) -> FraudDetectionError:
    with pytest.raises(FraudDetectionError) as caught:
        run(*arguments, **changes)
    told = str(caught.value)
    assert "\n" not in told
    assert "new `checkpoint`" not in told
    return caught.value


def test_a_volume_that_is_full_or_cannot_be_written(detector: Detector, run_here: Callable[..., None], volume: Volume) -> None:
    detector.settings |= {**FEW, "checkpoint": str(volume.folder / "checkpoint")}
    send_payments(detector, 0, MANY)
    told = raised(run_here, detector)
    assert isinstance(told, FullVolume)
    assert f"MB at {volume.folder}/checkpoint" in str(told)
    assert "Make room and start again. Nothing is lost: the next start goes on" in str(told)
    volume.remount("size=200m")
    run_here(detector)
    assert len(scored(detector)) == MANY

    volume.remount("ro")
    send_payments(detector, MANY, 1)
    told = raised(run_here, detector)
    assert isinstance(told, UnusableCheckpoint)
    assert "on a volume that cannot be written" in str(told)
    assert "Mount it for writing and start again. Nothing is lost" in str(told)
    volume.remount("rw")
    run_here(detector)
    assert scored(detector)[f"t{MANY}"]["card_count_30d"] == 2, "the history is kept"


def test_an_s3_server_that_turns_requests_away(detector: Detector, spark: SparkSession, s3: S3Server) -> None:
    (s3.home / "data" / "slow").mkdir(mode=0o700)
    proxy = Proxy(s3)
    detector.settings |= {**FEW, "checkpoint": "s3a://slow/checkpoint", "max_offsets": 10, "s3": s3.settings}
    settings = DetectorSettings.load(["--config", str(detector.write("availableNow"))], "tests")

    def run() -> None:
        session = spark.newSession()
        few = {"endpoint": proxy.endpoint, "attempts.maximum": "1", "retry.limit": "1", "retry.throttle.limit": "1"}
        for name, value in few.items():
            session.conf.set(f"fs.s3a.bucket.slow.{name}", value)
        stream(session, settings, threading.Event(), StreamMetrics(CollectorRegistry()))

    send_payments(detector, 0, 30)
    proxy.ends_at = "commits/0"
    told = raised(run)
    assert isinstance(told, UnusableStorage)
    assert "S3 has turned requests away" in str(told)
    assert "503" in str(told)
    assert "Start again once it answers. Nothing is lost" in str(told)
    assert not [key for key in keys(s3) if key in str(told)]
    proxy.ends_at = ""
    assert isinstance(raised(run), UnusableStorage), "it is still away"
    proxy.away = False
    send_payments(detector, 30, 1)
    run()
    assert scored(detector)["t30"]["card_count_30d"] == 2, "the history is kept"
    assert len(scored(detector)) == 31
    proxy.close()
