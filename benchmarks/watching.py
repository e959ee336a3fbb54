"""How much of a core the watcher takes for a record, beside a detector that writes as fast as it can."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import yaml
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import detector
from benchmarks.cpu import CpuTime
from benchmarks.page import table
from configuration import KafkaConnection, TopicNames
from harness.detector import MICRO_BATCH
from local.process import HOST, free_port

ROWS = 500_000
STEP_S = 1.0


def measure(kafka: KafkaConnection, folder: Path) -> dict[str, Any]:
    """Returns `rows` (scored records and alerts), `cpu_seconds`, `rows_per_second_per_core`, `mib` of memory at the end.

    A detector works off ROWS payments meanwhile. CPU time is that of the watcher's process, from its start on.
    """
    topics = detector.backlog(kafka, folder, count=ROWS)
    with (
        _watcher(kafka, topics, folder) as (process, address),
        detector.running(kafka, topics, folder, MICRO_BATCH, detector.DEMO_RULES, spark={"conf": detector.HEAP}) as writer,
    ):
        used = CpuTime(process.pid)
        while (counted := _counted(address)).get(topics.scored, 0) < ROWS:
            assert writer.alive, writer.errors
            assert process.poll() is None, "the watcher has ended"
            time.sleep(STEP_S)
        rows, seconds = round(sum(counted.values())), used.seconds()
        mib = psutil.Process(process.pid).memory_info().rss / 1024**2
    return {
        "rows": rows,
        "cpu_seconds": round(seconds, 2),
        "rows_per_second_per_core": round(rows / seconds),
        "mib": round(mib),
    }


def section(row: dict[str, Any]) -> str:
    """Returns what a page says."""
    columns = {"rows": "records", "cpu_seconds": "CPU seconds", "rows_per_second_per_core": "records/s/core", "mib": "MiB"}
    return f"""\
A watcher beside a detector that works off {ROWS:,} payments with the demo's rules: it reads the scored records, with all features,
and the alerts. CPU time is that of the watcher's process, its start and its looks at Kafka included; memory is that at the end.
(Goal: 20,000 records a second and core.)

{table(tuple(columns.values()), [tuple(row[name] for name in columns)])}"""


@contextmanager
def _watcher(kafka: KafkaConnection, topics: TopicNames, folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    file, port = folder / "watcher.yaml", free_port()
    settings = {"kafka": {"bootstrap_servers": kafka.bootstrap_servers}, "topics": asdict(topics), "metrics": {"port": port}}
    file.write_text(yaml.safe_dump(settings))
    process = subprocess.Popen([sys.executable, "-m", "watcher", "--config", str(file)], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        while "Kafka answers" not in process.stderr.readline():
            assert process.poll() is None, "the watcher has ended"
        yield process, f"http://{HOST}:{port}/metrics"
    finally:
        process.terminate()
        process.wait()


def _counted(address: str) -> dict[str, float]:
    with urllib.request.urlopen(address) as page:  # noqa: S310 http
        families = text_string_to_metric_families(page.read().decode())
        return {
            one.labels["topic"]: one.value
            for family in families
            for one in family.samples
            if one.name == "fraud_watch_out_records_total"
        }
