"""Keeps the archiver's Delta tables small: `python -m spark_jobs.maintain_lake --config archive.yaml`, beside the archiver.

It compacts each day of each table, and removes what nobody has needed for `keep`. The chart runs it every night. No JVM is started.
By hand, and of a single day or a lake whose settings are not at hand: `fraud lake compact`, `fraud lake vacuum`.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import structlog
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from pydantic import Field

from configuration import Duration, FraudDetectionError, report, stop_signals
from spark_jobs import upkeep
from spark_jobs.archive_settings import ArchiveSettings, DeltaSettings
from spark_jobs.delta_log import busy, opened, storage_options, unusable
from spark_jobs.errors import NothingToMaintain
from spark_jobs.settings import S3, on_s3
from spark_jobs.transforms.stored import DAYS

PROGRAM = "python -m spark_jobs.maintain_lake"

log = structlog.get_logger()


class MaintainSettings(ArchiveSettings):
    """Compacts and vacuums the Delta tables that the archiver fills; the archiver and readers may go on.

    It takes the archiver's settings, so that the archiver's own file can be given, and uses the sinks of type delta and s3.
    """

    keep: Duration = Field(
        timedelta(days=7),
        ge=upkeep.LEAST_KEEP,
        description="How long files stay that are not needed: as long as a table's older versions are to be read",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code. SIGTERM and Ctrl-C end it after the day at work; what is done stays."""
    try:
        settings = MaintainSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        with stop_signals() as stop_asked:
            run(settings, stop_asked)
    except FraudDetectionError as error:
        return report(error)
    return 0


def run(settings: MaintainSettings, stop_asked: threading.Event) -> None:
    """Maintains every table of every Delta sink. A sink that fails stops none of the others; then the first error is raised.

    Raises:
        NothingToMaintain: no sink is of type delta.
        LakeBusy: another maintenance is at work.
        UnusableStorage: a table cannot be read or written.
    """
    places = [one.path.rstrip("/") for one in settings.sinks.values() if isinstance(one, DeltaSettings)]
    if not places:
        raise NothingToMaintain(
            "The settings have no sink of type delta", "Plain Parquet is not compacted: docs/how-to/archive.md."
        )
    failed: list[FraudDetectionError] = []
    for place in places:
        try:
            _maintain(place, settings.s3, settings.keep, stop_asked)
        except FraudDetectionError as error:
            log.error("lake not maintained", lake=place, error=str(error))
            failed.append(error)
    if failed:
        raise failed[0]


def _maintain(lake: str, s3: S3, keep: timedelta, stop_asked: threading.Event) -> None:
    options = storage_options(s3)
    for name in DAYS:
        place = f"{lake}/{name}"
        with _told(place):
            table = opened(place, options)
            if table is None:  # the archiver makes it with its first record
                continue
            _compact(table, name, stop_asked)
            if stop_asked.is_set():
                return
            gone = upkeep.vacuum(table, None if on_s3(lake) else Path(place), keep, dry_run=False)
        log.info("vacuumed", table=name, files=gone)


def _compact(table: DeltaTable, name: str, stop_asked: threading.Event) -> None:
    if crowded := upkeep.crowded(table, lambda _: True):
        upkeep.claim(table)
    for day in crowded:
        if stop_asked.is_set():
            return
        old, new = upkeep.compact(table, day)
        log.info("compacted", table=name, day=day.isoformat(), files_before=old, files_after=new)
    table.create_checkpoint()  # what opens the table now need not read the commits before


@contextmanager
def _told(place: str) -> Iterator[None]:
    try:
        yield
    except CommitFailedError as error:
        raise busy(place, error) from None
    except (DeltaError, OSError) as error:
        raise unusable(place, error) from None


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
