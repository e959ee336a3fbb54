"""An archiver that kills itself and its JVM where ARCHIVER_DIES_AT says: `after_files:2` is the second time that it gets there.

`python -m harness.dying_archiver` takes the archiver's arguments. The program itself has no such points.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import structlog
from deltalake import DeltaTable

from spark_jobs.archive_scored import main
from spark_jobs.sinks.lake import Lake
from spark_jobs.sinks.parquet import ParquetSink
from spark_jobs.sinks.postgres.sink import PostgresSink
from spark_jobs.sinks.seen import Seen

VARIABLE = "ARCHIVER_DIES_AT"


class Point(NamedTuple):
    """A method, and whether it is done when the archiver dies."""

    of: type
    name: str
    after: bool


POINTS: Mapping[str, Point] = {
    "before_files": Point(ParquetSink, "write_one", False),
    "after_files": Point(ParquetSink, "write_one", True),
    "before_log": Point(DeltaTable, "create_write_transaction", False),
    "after_log": Point(DeltaTable, "create_write_transaction", True),
    "before_seen": Point(Seen, "keep", False),
    "after_seen": Point(Seen, "keep", True),
    "before_copy": Point(PostgresSink, "_copy", False),
    "after_copy": Point(PostgresSink, "_copy", True),
    "before_lake_commits": Point(Lake, "write", True),
    "before_database_commits": Point(PostgresSink, "write", True),
}


def arm(where: str) -> None:
    """Makes this process and its group die at a point."""
    name, _, number = where.partition(":")
    point, left = POINTS[name], [int(number or 1)]
    original: Callable[..., Any] = getattr(point.of, point.name)

    def dying(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not point.after:
            os.killpg(0, signal.SIGKILL)
        found = original(*arguments, **named)
        if left[0] == 0:
            os.killpg(0, signal.SIGKILL)
        return found

    setattr(point.of, point.name, dying)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    arm(os.environ[VARIABLE])
    sys.exit(main())
