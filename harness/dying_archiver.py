"""An archiver that is cut off at a point of its way: `after_files:2` is the second time that it gets there.

`python -m harness.dying_archiver` takes the archiver's arguments, and kills itself and its JVM where ARCHIVER_DIES_AT says. In a
test's own Spark `armed` does the same with an error in place of the kill. The program itself has no such points.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

import structlog
from deltalake import DeltaTable

from spark_jobs.archive_scored import main
from spark_jobs.sinks.lake import Lake
from spark_jobs.sinks.parquet import ParquetSink
from spark_jobs.sinks.postgres import sink as postgres
from spark_jobs.sinks.postgres.sink import PostgresSink
from spark_jobs.sinks.seen import Seen

VARIABLE = "ARCHIVER_DIES_AT"


class Point(NamedTuple):
    """A method, and how far it is done when the archiver is cut off. Amid it: a task has copied a row."""

    of: type
    name: str
    when: Literal["before", "amid", "after"]
    kinds: tuple[str, ...]
    """Kinds of sinks that get there."""
    times: int = 1
    """How often at least each of them does with a batch of scored payments and alerts."""


LAKES = ("parquet", "delta")
POINTS: Mapping[str, Point] = {
    "before_files": Point(ParquetSink, "write_one", "before", LAKES, 3),
    "after_files": Point(ParquetSink, "write_one", "after", LAKES, 3),
    "before_log": Point(DeltaTable, "create_write_transaction", "before", ("delta",), 3),
    "after_log": Point(DeltaTable, "create_write_transaction", "after", ("delta",), 3),
    "before_seen": Point(Seen, "keep", "before", LAKES),
    "after_seen": Point(Seen, "keep", "after", LAKES),
    "before_copy": Point(PostgresSink, "_copy", "before", ("postgres",), 2),
    "amid_copy": Point(PostgresSink, "_copy", "amid", ("postgres",), 2),
    "after_copy": Point(PostgresSink, "_copy", "after", ("postgres",), 2),
    "before_lake_commits": Point(Lake, "write", "after", LAKES),
    "before_database_commits": Point(PostgresSink, "write", "after", ("postgres",)),
}


class CutOff(Exception):
    """What `armed` ends an archiver with, in place of a kill."""


@contextmanager
def armed(where: str, end: Callable[[], None]) -> Iterator[None]:
    """Calls `end`, which does not return, when an archiver comes to a point.

    From then on it is called wherever the archiver comes to any point: in the other sinks nothing goes on either.
    """
    name, _, number = where.partition(":")
    fuse = _Fuse(int(number or 1), end)
    with ExitStack() as stack:
        for one, point in POINTS.items():
            method = fuse.through(getattr(point.of, point.name), point, chosen=one == name)
            stack.enter_context(patch.object(point.of, point.name, method))
        yield


def cut_off() -> None:
    """Raises CutOff."""
    raise CutOff("cut off")


def killed(group: int) -> None:
    """Kills an archiver and its JVM, which are a group of processes, and this process, which may be a task's."""
    os.killpg(group, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


class _Fuse:
    def __init__(self, left: int, end: Callable[[], None]) -> None:
        self._left, self._end = left, end
        self._lock, self._has_burnt = threading.Lock(), threading.Event()

    def through(self, original: Callable[..., Any], point: Point, *, chosen: bool) -> Callable[..., Any]:
        def method(*arguments: Any, **named: Any) -> Any:
            is_due = chosen and self._is_due()
            if is_due and point.when == "amid":
                try:
                    with patch.object(postgres, "upsert", partial(_upsert_in_part, postgres.upsert, self._end)):
                        return original(*arguments, **named)
                finally:
                    self._has_burnt.set()
            self._look(burns=is_due and point.when == "before")
            found = original(*arguments, **named)
            self._look(burns=is_due and point.when == "after")
            return found

        return method

    def _is_due(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left == 0

    def _look(self, *, burns: bool) -> None:
        if burns:
            self._has_burnt.set()
        if self._has_burnt.is_set():
            self._end()


def _upsert_in_part(upsert: Callable[..., None], end: Callable[[], None], *arguments: Any) -> None:
    *others, rows = arguments
    upsert(*others, _some(rows, end))


def _some(rows: Iterator[Any], end: Callable[[], None]) -> Iterator[Any]:
    for row in rows:
        yield row
        end()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with armed(os.environ[VARIABLE], partial(killed, os.getpgid(0))):
        sys.exit(main())
