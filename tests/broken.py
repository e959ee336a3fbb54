"""Checkpoints with a file that is empty, cut off or gone: a detector's that has done its batches, and copies of it to be broken."""

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry
from pyspark.sql import SparkSession

from configuration import FraudDetectionError, KafkaConnection, TopicNames
from contract import Scored, decode, encode
from harness.detector import Detector
from harness.kafka import read_all, send
from producer.topics import create_topics
from spark_jobs import failures
from spark_jobs.checkpoint_files import Folder
from spark_jobs.detect_fraud import stream
from spark_jobs.examine_checkpoint import Finding, examine
from spark_jobs.metrics import StreamMetrics
from spark_jobs.settings import DetectorSettings
from tests.records import AT, transaction

MODES = {"microBatch": {"mode": "availableNow"}, "realTime": {"mode": "realTime", "duration": "5s", "catch_up": False}}
BATCHES, SIZE = 3, 5
"""Batches that are done, and payments in each, all of one card."""

FILES = {
    "the newest plan": "offsets/{newest}",
    "the newest commit": "commits/{newest}",
    "the plan before": "offsets/{before}",
    "the commit before": "commits/{before}",
    "metadata": "metadata",
    "the source": "sources/0/0",
    "a changelog": "state/1/0/{version}_*.changelog",
    "an older changelog": "state/0/0/{newest}_*.changelog",
    "a snapshot": "state/1/0/1_*.zip",
    "a table": "state/1/0/SSTs/*.sst",
    "the operator": "state/1/_metadata/v2/*",
    "the schema": "state/1/_stateSchema/default/*",
}
"""Each kind of file in a checkpoint."""


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def gone(file: Path) -> None:
    file.unlink()


class World:
    """A detector that has done its batches, with topics of one partition."""

    def __init__(self, spark: SparkSession, kafka: KafkaConnection, folder: Path) -> None:
        topics = TopicNames().prefixed(f"{folder.name}.")
        create_topics(kafka, topics.specs(1))
        self.spark, self.sent, self.published = spark, 0, 0
        self.detector = Detector(kafka, topics, folder)
        self.detector.settings |= {"state_partitions": 1, "console": {"enabled": False}}
        for _ in range(BATCHES):
            self.send(SIZE)
            self.go_on(folder / "checkpoint")

    def send(self, count: int) -> None:
        numbers = range(self.sent, self.sent + count)
        paid = [transaction(transaction_id=f"t{one}", event_time=AT + timedelta(seconds=one)) for one in numbers]
        send(self._address, self.detector.topics.transactions, [(b"k", encode(one)) for one in paid])
        self.sent += count

    def go_on(self, checkpoint: Path, mode: str = "microBatch") -> None:
        """Runs a detector until the newest payment is scored; raises what it would report."""
        file = self.detector.write("", trigger=MODES[mode], checkpoint=str(checkpoint))
        asked, ended = threading.Event(), threading.Event()
        if mode == "realTime":
            threading.Thread(target=self._ask_to_stop, args=(len(self._newest()), asked, ended), daemon=True).start()
        try:
            settings = DetectorSettings.load(["--config", str(file)], "tests")
            stream(self.spark.newSession(), settings, asked, StreamMetrics(CollectorRegistry()))
        finally:
            ended.set()

    def known(self) -> float | None:
        """Returns how many payments of its card the newest one has seen, itself included, each time that it was scored."""
        (count,) = {dict(one.features)["card_count_30d"] for one in self._newest()}
        return count

    def _newest(self) -> list[Scored]:
        scored = [decode(Scored, one.value) for one in read_all(self._address, self.detector.topics.scored)]
        return [one for one in scored if one.transaction.transaction_id == f"t{self.sent - 1}"]

    def _ask_to_stop(self, before: int, asked: threading.Event, ended: threading.Event) -> None:
        while len(self._newest()) == before and not ended.wait(0.2):
            pass
        asked.set()

    @property
    def _address(self) -> str:
        return self.detector.kafka.bootstrap_servers


class Copy:
    """A copy of a world's checkpoint, to be broken and mended."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        shutil.copytree(world.detector.folder / "checkpoint", folder)

    @property
    def newest(self) -> int:
        return max(int(one.name) for one in (self.folder / "commits").glob("[0-9]*"))

    def file(self, kind: str) -> Path:
        numbers = {"newest": self.newest, "before": self.newest - 1, "version": self.newest + 1}
        return max(self.folder.glob(FILES[kind].format(**numbers)), key=lambda file: file.name)

    def undo(self) -> None:
        """Makes the newest batch one that is not done."""
        for one in (f"{self.newest}", f".{self.newest}.crc"):
            (self.folder / "commits" / one).unlink()

    def findings(self) -> list[Finding]:
        return examine(Folder(self.folder))

    def follow_advice(self) -> None:
        """Does to the letter what the doctor says."""
        for found in self.findings():
            if found.advice.startswith("Remove it"):
                self._remove(self.folder / found.name)
            elif found.name == "way back":
                whole = int(found.found.split()[1])
                for folder in ("offsets", "commits"):
                    for file in (self.folder / folder).glob("[0-9]*"):
                        if int(file.name) > whole:
                            self._remove(file)

    def goes_on(self, mode: str) -> FraudDetectionError | None:
        """Runs a detector on it; returns the error to report, if there is one."""
        try:
            self.world.go_on(self.folder, mode)
        except failures.SparkFailure as error:
            return failures.explain(error, str(self.folder), None)
        except FraudDetectionError as error:
            return error
        return None

    @staticmethod
    def _remove(file: Path) -> None:
        for one in (file, file.with_name(f".{file.name}.crc")):
            one.unlink(missing_ok=True)


Harm = Callable[[Path], None]
