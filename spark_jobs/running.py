"""How a job's query starts, runs until it ends or a stop is asked for, and lets the batch at work finish."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import structlog
from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from configuration import FraudDetectionError
from spark_jobs import batch_logs, checkpoint_files, failures, lease
from spark_jobs.checkpoint_files import FilesFailure
from spark_jobs.lease import Lease
from spark_jobs.settings import MicroBatchTrigger, RealTimeTrigger, Trigger

END_POLL_S = 0.02
"""How often it is asked whether its batch has ended: the next one would begin at once."""
POLL_S = 0.2
"""How often a running query is asked whether it still runs."""

log = structlog.get_logger()


@contextmanager
def own_checkpoint(session: SparkSession, checkpoint: str, program: str, log_dir: Path | None) -> Iterator[Lease]:
    """Gives the lease of a checkpoint, whose newest batch is made fit to be run again where it was cut off amid a write.

    Raises:
        CheckpointInUse: another program works on it.
        FraudDetectionError: it cannot be read or written.
    """
    with ExitStack() as stack:
        try:
            files = checkpoint_files.files_of(session, checkpoint)
            held = stack.enter_context(lease.held(files, checkpoint, program))
            batch_logs.repair(files, checkpoint)
        except FilesFailure as error:
            raise failures.unusable_checkpoint(error, checkpoint, log_dir) from error
        yield held


class Run(NamedTuple):
    """What a query's run needs beside its plan."""

    name: str
    checkpoint: str
    stop_asked: threading.Event
    stop_timeout: timedelta
    log_dir: Path | None
    skip: str = failures.SKIP
    """The command that steps over a record for it."""


def start(writer: DataStreamWriter, trigger: Trigger, run: Run) -> StreamingQuery:
    """Returns the running query.

    Raises:
        UnusableCheckpoint: Spark cannot begin with the checkpoint.
    """
    if isinstance(trigger, RealTimeTrigger):
        writer = writer.trigger(realTime=_milliseconds(trigger.duration))  # type: ignore[call-overload]  # PySpark's stubs lack it
    elif isinstance(trigger, MicroBatchTrigger):
        writer = writer.trigger(processingTime=_milliseconds(trigger.interval))
    else:
        writer = writer.trigger(availableNow=True)
    try:
        return writer.queryName(run.name).option("checkpointLocation", run.checkpoint).start()
    except Py4JJavaError as error:
        raise failures.unusable_checkpoint(error, run.checkpoint, run.log_dir) from error


def wait(query: StreamingQuery, trigger: Trigger, run: Run, looks: Sequence[Callable[[], None]] = ()) -> None:
    """Returns once the query has ended or a stop was asked for; the batch at work is let finish within `stop_timeout`.

    Each of `looks` is called a few times a second; what one raises ends the query.

    Raises:
        FraudDetectionError: the query has ended on an error.
    """
    try:
        while query.isActive and not run.stop_asked.wait(POLL_S):
            for look in looks:
                look()
    except FraudDetectionError:
        query.stop()
        raise
    if query.isActive:
        _let_finish(query, trigger, run)
    if query.isActive:
        # What tasks say of being cut off is no news; log4j 2.25 fails on some of it, and says so at length.
        SparkContext.getOrCreate().setLogLevel("OFF")
        query.stop()
    elif error := query.exception():
        raise failures.explain(error, run.checkpoint, run.log_dir, run.skip) from error


def _milliseconds(duration: timedelta) -> str:
    return f"{round(duration.total_seconds() * 1000)} milliseconds"


def _let_finish(query: StreamingQuery, trigger: Trigger, run: Run) -> None:
    if isinstance(trigger, RealTimeTrigger) and trigger.duration > run.stop_timeout:
        log.info(
            "stopping at once: the next checkpoint is too far away; what came since the last one is replayed on the next start"
        )
        return
    done = _batches_done(query)  # asked first: a batch that ends between the two looks is not waited for
    if not query.status["isTriggerActive"]:
        return
    log.info("stopping after the batch at work", within_seconds=run.stop_timeout.total_seconds())
    deadline = time.monotonic() + run.stop_timeout.total_seconds()
    while query.isActive and query.status["isTriggerActive"] and _batches_done(query) == done and time.monotonic() < deadline:
        time.sleep(END_POLL_S)


def _batches_done(query: StreamingQuery) -> int | None:
    """Returns the number of the last batch whose progress Spark has told, None before the first."""
    progress = query.lastProgress
    return None if progress is None else progress.batchId
