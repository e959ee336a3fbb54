"""How the archiver copies to one sink: a query of its own with a place of its own in Kafka, tried again until the sink takes it.

So a sink that is down holds up none of the others, and what it has missed it reads from Kafka when it is back.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, Protocol

import structlog
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from configuration import FraudDetectionError
from spark_jobs import batch_logs, checkpoint_files, failures, running
from spark_jobs import session as sessions
from spark_jobs.archive_metrics import ArchiveMetrics
from spark_jobs.checkpoint_files import Files
from spark_jobs.errors import (
    CheckpointInUse,
    MissingConnector,
    NewerDatabase,
    NotOurs,
    QueryFailed,
    RecordsExpired,
    UnusableStorage,
    UnusableTopic,
)
from spark_jobs.places import Gaps
from spark_jobs.running import Run
from spark_jobs.settings import AvailableNowTrigger, MicroBatchTrigger

FIRST_PAUSE = timedelta(seconds=1)
LASTING = (CheckpointInUse, MissingConnector, NewerDatabase, NotOurs, RecordsExpired, UnusableTopic)
"""What no waiting mends."""

_STARTING = threading.Lock()
"""PySpark starts what Java calls back with the first query that needs it, and is not made for two at once."""

log = structlog.get_logger()


class Sink(Protocol):
    """Takes batches, in order; a batch that was not committed comes again under its number."""

    def open(self, session: SparkSession) -> None:
        """Makes ready to write; called before each start of the query."""

    def write(self, rows: DataFrame, batch_id: int) -> None:
        """Writes a batch of `transforms.stored`; on return it is there for good."""


class Copy(NamedTuple):
    """What goes where, and how often it is tried."""

    name: str
    sink: Sink
    places: tuple[str, ...]
    """The s3a:// URLs that it writes to."""
    read: Callable[[SparkSession, Gaps], DataFrame]
    run: Run
    trigger: AvailableNowTrigger | MicroBatchTrigger
    longest_pause: timedelta
    look: Callable[[], None]
    """Raises where another program has taken the checkpoint."""
    settle: Callable[[Files], Gaps]
    """Sees that the next batch begins at records that Kafka has, and returns what is stepped over.

    Raises where it does not, and may not be moved.
    """
    metrics: ArchiveMetrics


def copy(session: SparkSession, asked: Copy) -> None:
    """Copies until a stop is asked for or, with availableNow, all is there. A failure in micro-batch mode is told, and tried again.

    Raises:
        FraudDetectionError: what no waiting mends; with availableNow any.
    """
    pauses = _Pauses(asked.longest_pause)
    while not asked.run.stop_asked.is_set():
        try:
            _attempt(session, asked, pauses)
        except FraudDetectionError as error:
            if isinstance(error, LASTING) or isinstance(asked.trigger, AvailableNowTrigger):
                asked.metrics.failed(asked.name)
                log.error("a sink is given up until the next start", sink=asked.name, error=str(error))
                raise
            failures.keep_trace(asked.run.name, asked.run.log_dir)
            asked.metrics.failed(asked.name)
            pause = pauses.next()
            log.warning("a sink does not take what is copied", sink=asked.name, error=str(error), again_in_s=pause.total_seconds())
            asked.run.stop_asked.wait(pause.total_seconds())
        else:
            return


def _attempt(session: SparkSession, asked: Copy, pauses: "_Pauses") -> None:
    raised: list[FraudDetectionError] = []

    def write(rows: DataFrame, batch_id: int) -> None:
        rows.persist(StorageLevel.MEMORY_AND_DISK)  # each dataset would read Kafka again
        try:
            asked.sink.write(rows, batch_id)
        except failures.SparkFailure as error:
            raised.append(failures.explain(error, asked.run.checkpoint, asked.run.log_dir, asked.run.skip))
            raise
        except FraudDetectionError as error:
            raised.append(error)
            raise
        finally:
            rows.unpersist()
        pauses.reset()

    checkpoint, log_dir = asked.run.checkpoint, asked.run.log_dir
    asked.look()
    try:
        sessions.require_storage(session, asked.places)
        files = checkpoint_files.files_of(session, checkpoint)
        batch_logs.repair(files, checkpoint)
        gaps = asked.settle(files)
        asked.sink.open(session)
        with _STARTING:
            query = running.start(asked.read(session, gaps).writeStream.foreachBatch(write), asked.trigger, asked.run)
        try:
            running.wait(query, asked.trigger, asked.run, [asked.look])
        except FraudDetectionError as error:
            raise _while_it_ran(raised[0] if raised else error) from error
    except failures.SparkFailure as error:
        raise failures.explain(error, checkpoint, log_dir, asked.run.skip) from error
    except OSError as error:
        raise UnusableStorage(f"A file cannot be read or written: {error}", "Check `checkpoint` and the sink's `path`.") from error


def _while_it_ran(error: FraudDetectionError) -> FraudDetectionError:
    """Returns the error with which an attempt ends. What Kafka has deleted is looked at by the next one, which may step over it."""
    return QueryFailed(error.what, error.advice) if isinstance(error, RecordsExpired) else error


class _Pauses:
    """A second, then twice as long each time, up to the longest; a batch that is there begins anew."""

    def __init__(self, longest: timedelta) -> None:
        self._longest = longest
        self._next = min(FIRST_PAUSE, longest)

    def next(self) -> timedelta:
        pause = self._next
        self._next = min(pause * 2, self._longest)
        return pause

    def reset(self) -> None:
        self._next = min(FIRST_PAUSE, self._longest)
