"""How far the work has come: a bar a step on a terminal, a line after each elsewhere; both on standard error."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

One = TypeVar("One")

log = structlog.get_logger()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Shows that a step is at work, of whose end nothing is known before it comes."""
    with _bar(what) as bar:
        task = bar.add_task(what, total=None)
        yield
        bar.update(task, total=1, completed=1)


def each(what: str, all_of: Sequence[One]) -> Iterator[One]:
    """Yields each of them, and shows how many are done."""
    with _bar(what, MofNCompleteColumn()) as bar:
        yield from bar.track(all_of, description=what)


@contextmanager
def _bar(what: str, *columns: ProgressColumn) -> Iterator[Progress]:
    console, began = Console(stderr=True), time.monotonic()
    shown = (TextColumn("{task.description:<10}"), BarColumn(), *columns, TimeElapsedColumn())
    with Progress(*shown, console=console, disable=not console.is_terminal) as bar:
        yield bar
    if not console.is_terminal:
        log.info(what, seconds=round(time.monotonic() - began, 1))
