"""What every page of benchmarks says of the machine, and how it writes its tables."""

import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from configuration import KafkaConnection
from local.broker import Broker


@contextmanager
def new_broker() -> Iterator[tuple[KafkaConnection, Path]]:
    """Yields a broker of its own and an empty folder."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        broker = Broker(Path(name) / "kafka")
        try:
            yield KafkaConnection(bootstrap_servers=broker.start()), Path(name)
        finally:
            broker.stop()


def machine() -> str:
    """Returns processor, cores, memory and software in one line."""
    gib = psutil.virtual_memory().total / 1024**3
    software = f"Python {platform.python_version()}, PySpark {version('pyspark')}"
    return f"{_processor()}, {os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()}; {software}"


def commit() -> str:
    """Returns the short id of the commit that is checked out."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout.strip() or "unknown"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Returns a Markdown table; whole numbers with commas."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
