"""The detector, and the archiver behind it, as processes of their own, as they run in production."""

import os
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from configuration import KafkaConnection, TopicNames
from contract import Transaction
from harness.kafka import wait_for

RULES: dict[str, Any] = {
    "is_fraud": {"when": "is_fraud", "action": "decline", "reason": "Labelled as fraud"},
    "large": {"when": "amount > 170", "action": "review", "reason": "Amount over 170"},
    "small_hours": {
        "when": "is_night = 1 AND amount > 150 AND channel <> 'pos'",
        "action": "review",
        "reason": "Large amount at night",
    },
}


def expected_alert(paid: Transaction) -> tuple[str, tuple[str, ...]] | None:
    """Returns what RULES decide, in plain Python once more: the decision and the rules that fire, or None."""
    fired = []
    if paid.is_fraud:
        fired.append("is_fraud")
    if paid.amount > 170:
        fired.append("large")
    if paid.event_time.hour <= 6 and paid.amount > 150 and paid.channel != "pos":
        fired.append("small_hours")
    if not fired:
        return None
    return "decline" if "is_fraud" in fired else "review", tuple(fired)


QUICK_START = {"spark.driver.extraJavaOptions": f"-XX:TieredStopAtLevel=1 -Dlong={'x' * 4_096}"}
"""Java's first compiler alone: in a test's few minutes the second costs more time than it saves, half of all that the JVM has.

And a command line longer than 4,096 bytes, as many settings make one: ONNX Runtime 1.29.0 ends such a JVM.
"""

MICRO_BATCH = {"mode": "microBatch", "interval": "0s"}
"""With no pause between batches, its fastest; the default interval is one second."""


def scraped(port: int) -> dict[str, float]:
    """Returns what a program serves at /metrics: the value of each series, by its name and labels as they stand there."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


class Detector:
    """Starts, kills and stops one detector again and again, with one checkpoint."""

    module = "spark_jobs.detect_fraud"
    started = "detector started"

    def __init__(self, kafka: KafkaConnection, topics: TopicNames, folder: Path) -> None:
        self.kafka, self.topics, self.folder = kafka, topics, folder
        self.settings: dict[str, Any] = {
            "kafka": {"bootstrap_servers": kafka.bootstrap_servers},
            "topics": asdict(topics),
            "checkpoint": str(folder / "checkpoint"),
            "log_dir": str(folder / "logs"),
            "rules": RULES,
            "spark": {"conf": QUICK_START},
        }
        self._process: subprocess.Popen[str] | None = None
        self._errors: list[str] = []
        self._reader: threading.Thread | None = None

    def write(self, mode: str, **changes: Any) -> Path:
        """Returns the file of its settings, some of them changed for one run."""
        file = self.folder / "detector.yaml"
        file.write_text(yaml.safe_dump(self.settings | {"trigger": {"mode": mode}} | changes))
        return file

    def start(self, mode: str, until: str | None = None, **changes: Any) -> None:
        """Returns once the program says on standard error that it runs, or something else."""
        file = self.write(mode, **changes)
        self._errors = []
        with (self.folder / "out.txt").open("a") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, "--config", str(file)],
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # a group of its own: killing it takes the JVM along
            )
        for line in self._lines():
            if (until or self.started) in line:
                break
        else:
            raise AssertionError(f"{self.module} ended with {self._process.wait()}: {self.errors}")
        self._reader = threading.Thread(target=lambda: list(self._lines()), daemon=True)
        self._reader.start()

    def run(self, mode: str, **changes: Any) -> int:
        """Returns the exit code of a detector that ends by itself."""
        with suppress(AssertionError):
            self.start(mode, **changes)
        return self.wait()

    def wait(self) -> int:
        """Returns the exit code, once the detector has ended."""
        assert self._process is not None
        code = self._process.wait()
        if self._reader is not None:
            self._reader.join()
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks the Python process to stop and returns its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """Kills Python and JVM with SIGKILL; nothing to do where they have ended."""
        if self.alive:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()

    def until_scored(self, count: int) -> None:
        """Returns once that many scored records are in their topic, repeats included."""
        wait_for(self.kafka.bootstrap_servers, self.topics.scored, count, lambda: self.alive)

    @property
    def pid(self) -> int:
        """Of the Python process; the JVM is its child."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the last start still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def printed(self) -> list[str]:
        """Lines on standard output, of all starts."""
        return (self.folder / "out.txt").read_text().splitlines()

    @property
    def errors(self) -> str:
        """Standard error of the last start."""
        return "".join(self._errors)

    def _lines(self) -> Any:
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors.append(line)
            yield line


class Archiver(Detector):
    """The same for an archiver, which copies what a detector has sent."""

    module = "spark_jobs.archive_scored"
    started = "archiver started"

    def __init__(self, kafka: KafkaConnection, topics: TopicNames, folder: Path) -> None:
        super().__init__(kafka, topics, folder)
        del self.settings["rules"]
