"""A watcher beside a test or a benchmark: in a thread of this process, its metrics by name, or as a program."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry

from configuration import KafkaConnection, TopicNames
from watcher.metrics import WatchMetrics
from watcher.settings import WatcherSettings
from watcher.watch import Watcher

TIMEOUT_S = 60.0


class Watched:
    """What a watcher says."""

    def __init__(self, registry: CollectorRegistry, works: Callable[[], bool]) -> None:
        self._registry, self._works = registry, works

    def __call__(self, name: str, **labels: str) -> float:
        """Returns the value of a metric, without `fraud_watch_`; 0 where it has none."""
        return self._registry.get_sample_value(f"fraud_watch_{name}", labels) or 0.0

    def until(self, is_so: Callable[["Watched"], bool]) -> None:
        """Returns once it is so."""
        deadline = time.monotonic() + TIMEOUT_S
        while not is_so(self):
            assert self._works(), "the watcher has ended"
            assert time.monotonic() < deadline, self._counted()
            threading.Event().wait(0.02)

    def _counted(self) -> dict[tuple[str, ...], float]:
        samples = (one for metric in self._registry.collect() for one in metric.samples)
        return {(one.name, *one.labels.values()): one.value for one in samples if not one.name.endswith(("_bucket", "_created"))}


@contextmanager
def watching(kafka: KafkaConnection, topics: TopicNames, **settings: list[str]) -> Iterator[Watched]:
    """Runs a watcher meanwhile; it is at the topics' ends as soon as it says that it is up to date."""
    registry = CollectorRegistry()
    watcher = Watcher(WatcherSettings(kafka=kafka, topics=topics, **settings), WatchMetrics(registry))  # type: ignore[arg-type]
    stop = threading.Event()
    thread = threading.Thread(target=watcher.run, args=(stop,))
    thread.start()
    try:
        yield Watched(registry, thread.is_alive)
    finally:
        stop.set()
        thread.join()


@contextmanager
def watcher_program(kafka: KafkaConnection, topics: TopicNames, port: int, folder: Path) -> Iterator[None]:
    """Runs `python -m watcher` meanwhile, which serves its metrics at a port."""
    file = folder / "watcher.yaml"
    settings = {"kafka": {"bootstrap_servers": kafka.bootstrap_servers}, "topics": asdict(topics), "metrics": {"port": port}}
    file.write_text(yaml.safe_dump(settings))
    process = subprocess.Popen([sys.executable, "-m", "watcher", "--config", str(file)])
    try:
        yield
    finally:
        process.terminate()
        assert process.wait() == 0
