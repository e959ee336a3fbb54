"""The pages of benchmarks: a section for each measurement, written by the run that measured it, with the machine and the day."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import typer
from rich.console import Console

from configuration import KafkaConnection
from local.broker import Broker

DOCS = Path(__file__).parent.parent / "docs"
err = Console(stderr=True)


class Section(NamedTuple):
    """One section of a page: its title, and what measures it and returns its text."""

    title: str
    measure: Callable[[KafkaConnection, Path], str]


def measure(page: str, sections: Mapping[str, Section], asked: Sequence[str], command: str) -> None:
    """Measures the asked sections, or all, each on a broker of its own, and writes each to the page in docs as soon as it is done.

    The other sections of the page stay as they are. Every section ends in the command, the day, the commit and the machine.

    Raises:
        typer.BadParameter: there is no such section.
    """
    unknown = [name for name in asked if name not in sections]
    if unknown:
        raise typer.BadParameter(f"no section {', '.join(unknown)}; there are {', '.join(sections)}")
    for name in asked or sections:
        load = os.getloadavg()[0]
        err.print(sections[name].title)
        with new_broker() as (kafka, folder):
            text = sections[name].measure(kafka, folder)
        told = (
            f"`{command} {name}`, {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, on {machine()}; load average before the start "
            f"{load:.2f}."
        )
        whole = f"{text.strip()}\n\n{told}\n"
        file = DOCS / page
        file.write_text(replaced(file.read_text(), sections[name].title, whole))
        sys.stdout.write(f"## {sections[name].title}\n\n{whole}\n")
        sys.stdout.flush()


def replaced(page: str, title: str, text: str) -> str:
    """Returns the page with this text in the section of this title; a section that it does not have comes last."""
    head, *sections = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    new = f"## {title}\n\n{text.strip()}\n"
    titles = [one.partition("\n")[0] for one in sections]
    if f"## {title}" in titles:
        sections[titles.index(f"## {title}")] = new
    else:
        sections.append(new)
    return "\n".join(part.strip() + "\n" for part in (head, *sections))


def made(folder: Path, make: Callable[[Path], object]) -> Path:
    """Returns the folder, made where it is missing; under another name until it is whole, so that Ctrl-C leaves no half of it."""
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        make(part)
        part.rename(folder)
    return folder


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
