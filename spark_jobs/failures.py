"""What went wrong inside Spark, told in one paragraph: the cause in one line, what to do, where the trace is."""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from configuration import FraudDetectionError
from spark_jobs import causes
from spark_jobs.errors import QueryFailed, RecordsExpired, SparkFailed, TooFewSlots, UnreadableRecord, UnusableCheckpoint

SparkFailure = (PySparkException, Py4JJavaError)
"""What Spark raises: its own errors, and Java's where it has no name for them."""

PYTHON_TRACE = re.compile(r"Traceback \(most recent call last\):\n((?:[ \t]+(?!at ).*\n)*\S.*)")
"""A trace of Python's in what Java says; its last line is the error."""

EXPIRED = re.compile(
    r"data may have been lost because they are not available in Kafka|OffsetOutOfRangeException|KafkaIllegalStateException"
)
"""Of records that Kafka has deleted: of a micro-batch's plan, of a consumer in real-time mode, and Spark's other words for it."""
UNREADABLE = re.compile(r"Record batch for partition (?P<topic>\S+)-(?P<partition>\d+) at offset (?P<offset>\d+) is invalid")
"""What Kafka's consumer says of a batch of records whose bytes are not what the sender's were."""
NO_SLOTS = re.compile(r"CONCURRENT_SCHEDULER_INSUFFICIENT_SLOT\D+(?P<needed>\d+)\D+(?P<slots>\d+)")
"""Of a real-time batch that cannot begin: how many tasks it has, and how many could run."""


SKIP = "`fraud skip {topic} {partition} {offset}` with the detector's settings"
SKIP_COPIED = "`fraud skip {topic} {partition} {offset} --archiver` with the archiver's settings, while the archiver does not run"
"""The commands that step over a record."""


def explain(error: Exception, checkpoint: str, log_dir: Path | None, skip: str = SKIP) -> FraudDetectionError:
    """Returns the error to report for what Spark raised while the query ran or before it started."""
    trace = trace_advice(log_dir)
    if EXPIRED.search(str(error)):
        return RecordsExpired(
            "Kafka has deleted records that were not read yet, or a topic was made anew, while the stream ran",
            "The next start says which. With --on_lost_records skip it goes on behind them, keeps its history, and counts what was "
            f"lost. {trace}",
        )
    if found := UNREADABLE.search(str(error)):
        place = found.groupdict()
        return UnreadableRecord(
            "Kafka gives a batch of records that is damaged, at offset {offset} of topic {topic}, partition {partition}".format(
                **place
            ),
            "Where another replica has it whole, let that one lead. Else step over it, which loses this batch of records alone: "
            f"{skip.format(**place)}. {trace}",
        )
    if found := NO_SLOTS.search(_message(error)):
        return too_few_slots(int(found["needed"]), int(found["slots"]))
    if known := causes.find(_lines(error), checkpoint):
        return type(known)(known.what, f"{known.advice} {trace}")
    if checkpoint.rpartition("://")[2] in _message(error):
        return unusable_checkpoint(error, checkpoint, log_dir)
    return QueryFailed(
        f"Spark ended: {cause(error)}",
        f"The next start goes on behind the last batch that was done, and the checkpoint has all up to there. {trace}",
    )


def too_few_slots(needed: int, slots: int) -> TooFewSlots:
    """Returns the error to report where real-time mode cannot begin a batch. The history stays: state_partitions cannot change."""
    return TooFewSlots(
        "Real-time mode runs all tasks at once, one for each partition of the input topics and `state_partitions` for each of two "
        f"stateful steps, {needed} together; Spark has {slots} task slots",
        "Give it more (executors, or spark.master, which takes as many as are needed if it is not set), or use trigger.mode "
        "microBatch; the next start goes on from the checkpoint.",
    )


def unusable_checkpoint(error: Exception, checkpoint: str, log_dir: Path | None) -> FraudDetectionError:
    """Returns the error to report where the checkpoint could not be begun with."""
    trace = trace_advice(log_dir)
    if known := causes.find(_lines(error), checkpoint):
        return type(known)(known.what, f"{known.advice} {trace}")
    return UnusableCheckpoint(
        f"The checkpoint {checkpoint} cannot be used: {cause(error)}",
        f"Check the path under `checkpoint`. {causes.EXAMINE.format(checkpoint=checkpoint)} {trace}",
    )


@contextmanager
def told(what: str, advice: str, program: str, log_dir: Path | None) -> Iterator[None]:
    """Makes one paragraph of what Spark raises inside: what cannot be done, why, and what to do. The trace is kept.

    An error that is told already passes; the trace of its cause is kept too.

    Raises:
        SparkFailed: Spark has raised something.
    """
    try:
        yield
    except SparkFailure as error:
        keep_trace(program, log_dir)
        raise SparkFailed(f"{what}: {cause(error)}", f"{advice} {trace_advice(log_dir)}") from None
    except FraudDetectionError as error:
        if error.__cause__ is not None:
            keep_trace(program, log_dir)
        raise


def trace_advice(log_dir: Path | None) -> str:
    """Returns where the full trace is to be found."""
    return f"The full trace is in {log_dir}." if log_dir else "The full trace is above."


def keep_trace(program: str, log_dir: Path | None) -> None:
    """Writes the trace of the exception at hand to PROGRAM.log in the log folder, or to standard error where there is none."""
    if log_dir is None:
        traceback.print_exc()
        return
    log_dir.mkdir(parents=True, exist_ok=True)
    with (log_dir / f"{program}.log").open("a") as file:
        traceback.print_exc(file=file)


def _message(error: Exception) -> str:
    """Returns what the error says, without plan and stack."""
    return str(error).partition("=== Streaming Query ===")[0].partition("\n\tat ")[0]


def cause(error: Exception) -> str:
    """Returns the innermost cause of what Spark raised, in one line."""
    return _lines(error)[-1][:500]


def _lines(error: Exception) -> list[str]:
    """Returns what the error says and each of its causes, a line each, the innermost last."""
    text, _, rest = str(error).partition("=== Streaming Query ===")  # the plan behind it has lines of any form
    found = [line.removeprefix("Caused by: ") for line in [*_stripped(text), *_stripped(rest)] if line.startswith("Caused by: ")]
    java = [line.removeprefix(": ") for line in _stripped(text) if line.startswith(": ")]  # as py4j has it on its second line
    python = [one.strip().splitlines()[-1].strip() for one in PYTHON_TRACE.findall(text)]
    said = java or _stripped(text) or [type(error).__name__]
    told = [line for line in (said[0], *python[-1:], *found) if not line.endswith("(most recent call last):")]
    return told or [type(error).__name__]


def _stripped(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
