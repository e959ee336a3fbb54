"""The notifier as a process of its own, as it runs in production."""

import base64
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Consumer, TopicPartition

from configuration import KafkaConnection, TopicNames
from contract import Alert, encode
from harness.kafka import send
from harness.receiving import TIMEOUT_S, Receiver

KEY = bytes(range(32))
"""Of the signatures."""
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
EVERY_ALERT = {"group": "0s", "max_per_minute": 60_000}
"""Each alert is a message."""


class NotifierProcess:
    """Starts, kills and stops one notifier again and again, with one outbox and one consumer group."""

    def __init__(self, kafka: KafkaConnection, topics: TopicNames, folder: Path, channels: Mapping[str, Mapping[str, Any]]) -> None:
        self._kafka, self._topics, self._folder = kafka, topics, folder
        self.settings: dict[str, Any] = {
            "kafka": {"bootstrap_servers": kafka.bootstrap_servers},
            "topics": asdict(topics),
            "consumer_group": f"{topics.alerts}-notifier",
            "outbox": {"type": "sqlite", "path": str(folder / "outbox.db")},
            "channels": dict(channels),
            "routes": [{"channels": list(channels)}],
            "metrics": {"port": 0},
        }
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.said: list[str] = []
        """Lines on standard error, of all starts."""

    @property
    def file(self) -> Path:
        """The file of its settings, as they are now."""
        file = self._folder / "notifier.yaml"
        file.write_text(yaml.safe_dump(self.settings))
        return file

    def begin_at_the_beginning(self) -> None:
        """Leaves the topic as a last notifier would have that has read nothing: a first one begins at the end."""
        consumer = Consumer({"bootstrap.servers": self._kafka.bootstrap_servers, "group.id": self.settings["consumer_group"]})
        topic = self._topics.alerts
        numbers = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.commit(offsets=[TopicPartition(topic, number, 0) for number in numbers], asynchronous=False)
        consumer.close()

    def alert(self, alerts: Sequence[Alert]) -> None:
        """Sends alerts as a detector does."""
        send(self._kafka.bootstrap_servers, self._topics.alerts, [(one.card_id.encode(), encode(one)) for one in alerts])

    def start(self, module: str = "notifier", until: str = "notifier started", **variables: str) -> None:
        """Returns once the program says something on standard error, or has ended."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, "--config", str(self.file)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables},
        )
        assert self._process.stderr
        for line in self._process.stderr:
            self.said.append(line)
            if until in line:
                break
        self._reader = threading.Thread(target=self._read_on, args=(self._process,), daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Returns the exit code, once the program has ended."""
        assert self._process is not None
        assert self._reader is not None
        code = self._process.wait(TIMEOUT_S)
        self._reader.join()
        return code

    def stop(self) -> int:
        """Asks it to stop; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self.wait()

    def kill(self) -> None:
        """Kills it; nothing to do where it has ended."""
        if self._process is not None:
            self.send_kill()
            self.wait()

    def send_kill(self) -> None:
        """The same, and does not wait until it is dead."""
        assert self._process is not None
        self._process.kill()

    @property
    def address(self) -> str:
        """Where the last start serves /metrics and /healthz."""
        found: list[str] = re.findall("metrics=(http://[^/]+)/metrics", "".join(self.said))
        return found[-1]

    def metric(self, name: str) -> float:
        """Returns the value of a series, by its name and labels as they stand on the page."""
        with urllib.request.urlopen(f"{self.address}/metrics") as answer:  # noqa: S310 http
            lines = answer.read().decode().splitlines()
        return next(float(line.removeprefix(name)) for line in lines if line.startswith(f"{name} "))

    def until(self, is_so: Callable[[], bool]) -> None:
        """Returns once it is so; fails after a minute."""
        deadline = time.monotonic() + TIMEOUT_S
        while not is_so():
            assert time.monotonic() < deadline, "".join(self.said)
            threading.Event().wait(0.02)

    def _read_on(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr
        self.said.extend(process.stderr)


def webhook(folder: Path, one: Receiver, **changes: Any) -> dict[str, Any]:
    """Returns the settings of a channel to a receiver; its files are in the folder."""
    files = {"url_file": one.url, "secret_file": SECRET}
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
    return {"type": "webhook", **{name: str(folder / name) for name in files}, **EVERY_ALERT, **changes}


def email(port: int, **changes: Any) -> dict[str, Any]:
    """Returns the settings of a channel to a mail server of this machine."""
    base = {"type": "email", "host": "127.0.0.1", "port": port, "security": "none", "sender": "fraud@example.com"}
    return base | {"recipients": ["desk@example.com"], "timeout": "2s"} | changes
