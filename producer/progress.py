"""How far long work has come: a bar on a terminal, a line every ten seconds elsewhere; both on standard error."""

import sys
import time
from types import TracebackType

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

SHOW_EVERY_S = 0.2
LINE_EVERY_S = 10.0

log = structlog.get_logger()


class Meter:
    """Counts what is done and shows it now and then. Without a `total` there is no end to foresee."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what, self._total = what, total
        self.count = 0
        self._began = self._shown = time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True))
            self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> "Meter":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar:
            self._bar.update(self._task, completed=self.count)
            self._bar.stop()

    @property
    def seconds(self) -> float:
        """Time since the meter was made."""
        return time.monotonic() - self._began

    def step(self) -> None:
        """One more is done."""
        self.count += 1
        if self.count % 16:  # a clock reading for each would cost as much as the work
            return
        now = time.monotonic()
        if now - self._shown < (SHOW_EVERY_S if self._bar else LINE_EVERY_S):
            return
        self._shown = now
        if self._bar:
            self._bar.update(self._task, completed=self.count)
        else:
            log.info(self._what, done=self.count, of=self._total, per_second=round(self.count / self.seconds))
