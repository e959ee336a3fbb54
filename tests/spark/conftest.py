"""One Spark for the tests that run in this process, detectors among them; `Detector` for those that need a process of their own."""

import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pyspark.sql import DataFrame, SparkSession

from configuration import KafkaConnection, TopicNames
from harness.detector import QUICK_START, Archiver, Detector
from local.s3 import S3Server
from spark_jobs import archive_scored, session
from spark_jobs.archive_metrics import ArchiveMetrics
from spark_jobs.archive_settings import ArchiveSettings
from spark_jobs.detect_fraud import stream
from spark_jobs.metrics import StreamMetrics
from spark_jobs.settings import S3, DetectorSettings, Spark
from tests.volumes import Volume

HEARTBEAT = {"spark.executor.heartbeatInterval": "2s"}
"""In place of ten seconds, after which what an executor measures is known for the first time."""
FAR = datetime(2999, 12, 31, tzinfo=UTC)


@pytest.fixture(scope="session")
def spark(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    one = session.build(
        "tests", Spark(conf=QUICK_START | HEARTBEAT), S3.model_validate(s3.settings), 1, tmp_path_factory.mktemp("spark")
    )
    yield one
    one.stop()


@pytest.fixture(scope="session")
def raw(spark: SparkSession) -> Callable[..., DataFrame]:
    """Returns a function that makes records as `sources` reads them, out of (topic, value) or (topic, value, fields).

    The reader's clock is far in the future, as what is read is of all times.
    """
    columns = (
        "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, timestampType int, "
        "headers array<struct<key:string,value:binary>>, read_by timestamp"
    )

    def make(*records: tuple[Any, ...]) -> DataFrame:
        rows = []
        for offset, (topic, value, *rest) in enumerate(records):
            given = {"key": b"k", "headers": None, "timestamp": None, "read_by": FAR} | (rest[0] if rest else {})
            rows.append((given["key"], value, topic, 0, offset, given["timestamp"], 0, given["headers"], given["read_by"]))
        return spark.createDataFrame(rows, columns)

    return make


@pytest.fixture
def detector(kafka: KafkaConnection, topics: TopicNames, tmp_path: Path) -> Iterator[Detector]:
    one = Detector(kafka, topics, tmp_path)
    yield one
    one.kill()


@pytest.fixture(scope="session")
def run_here(spark: SparkSession) -> Callable[..., CollectorRegistry]:
    """Returns a function that lets a detector read all that waits, in the tests' own Spark; raises what a process would report.

    It returns the metrics, which Spark fills in a moment later; `registry` takes them.

    Starting a process takes many times as long: that is for tests of how a detector starts, stops or dies.
    """

    def run(detector: Detector, registry: CollectorRegistry | None = None, **changes: Any) -> CollectorRegistry:
        settings = DetectorSettings.load(["--config", str(detector.write("availableNow", **changes))], "tests")
        told, own = registry or CollectorRegistry(), spark.newSession()
        metrics = StreamMetrics(told)
        own.streams.addListener(metrics)
        stream(own, settings, threading.Event(), metrics)
        return told

    return run


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    try:
        one = Volume(tmp_path / "volume", "300k")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no volume can be mounted here: that takes root, or sudo without a password")
    yield one
    one.end()


@pytest.fixture
def archiver(kafka: KafkaConnection, topics: TopicNames, tmp_path: Path) -> Iterator[Archiver]:
    one = Archiver(kafka, topics, tmp_path)
    yield one
    one.kill()


@pytest.fixture(scope="session")
def archive_here(spark: SparkSession) -> Callable[..., CollectorRegistry]:
    """Returns a function that lets an archiver copy all that waits, in the tests' own Spark; raises what a process would report.

    With `until` it copies in micro-batches, until that event is set. `conf` are settings of Spark's for its session. `registry`
    takes its metrics, which Spark fills in a moment later; it is returned.
    """

    def run(
        archiver: Archiver,
        until: threading.Event | None = None,
        conf: Mapping[str, str] | None = None,
        registry: CollectorRegistry | None = None,
        **changes: Any,
    ) -> CollectorRegistry:
        mode = "microBatch" if until else "availableNow"
        settings = ArchiveSettings.load(["--config", str(archiver.write(mode, **changes))], "tests")
        told, own = registry or CollectorRegistry(), spark.newSession()
        for name, value in (conf or {}).items():
            own.conf.set(name, value)
        metrics = ArchiveMetrics(told, settings.sinks)
        own.streams.addListener(metrics)
        archive_scored.stream(own, settings, until or threading.Event(), metrics)
        return told

    return run
