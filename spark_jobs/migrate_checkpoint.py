"""Gives a new checkpoint the history of an old one. `python -m spark_jobs.migrate_checkpoint --config FILE --from OLD --to NEW`.

For other features, another number of state partitions, or another place; or that of an archive, where no old checkpoint is left.
The new one goes on where the old one stopped, so that no result is published twice and none is lost. What is old is only read.
`fraud migrate` calls it.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import structlog
from pydantic import Field
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from configuration import FraudDetectionError, report, require_topics
from spark_jobs import checkpoint, failures, kept_plans, places, running, session, sources
from spark_jobs.archived_history import Archive
from spark_jobs.checkpoint import UNFINISHED, Newest, Step
from spark_jobs.checkpoint_files import files_of
from spark_jobs.errors import UnusableCheckpoint
from spark_jobs.features import GROUPS
from spark_jobs.kept_plans import KeptPlan, plan_of
from spark_jobs.moves import Move, Moved
from spark_jobs.parts import Place
from spark_jobs.places import ByTopic, Gaps
from spark_jobs.settings import DetectorSettings, on_s3
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.history import history, pages
from spark_jobs.transforms.mapping import mapping

PROGRAM = "python -m spark_jobs.migrate_checkpoint"
NAME = "migrate_checkpoint"
POLL_S = 1
TOLD_EVERY_S = 10.0
"""How often a line says how far the work has come, where there is no terminal."""
AGAIN = "Delete {} before you try again."

log = structlog.get_logger()


class MigrateSettings(DetectorSettings):
    """Gives a new checkpoint the history of an old one, or of an archive: for other features, state partitions or another place.

    It takes the detector's settings, so that the detector's own file can be given; `checkpoint` in it does not count.
    """

    old: Place = Field(
        alias="from",
        description="The old checkpoint, a folder or s3a:// URL, on which no detector may be at work; or the path of an archiver's "
        "sink",
    )
    to: Place = Field(description="The new checkpoint, a folder or s3a:// URL that is not there yet")
    history: Literal["checkpoint", "topics", "archive"] = Field(
        "checkpoint",
        description="Where the history comes from: what the old checkpoint remembers; the topics, read again from `start` to "
        "where the old one stopped, and nothing is published; or the archive that `from` names, without an old checkpoint",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    try:
        settings = MigrateSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        advice = f"{settings.old} is as it was. {AGAIN.format(settings.to)}"
        with failures.told(f"{settings.old} cannot be migrated", advice, NAME, settings.log_dir):
            newest, moved = run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    sys.stdout.write("\n".join(summary(settings, newest, moved)) + "\n")
    return 0


def run(settings: MigrateSettings) -> tuple[Newest, list[Moved]]:
    """Returns what `migrate` does, from a Spark session of its own.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors`.
    """
    spark = session.build(NAME, settings.spark, settings.s3, 1, settings.log_dir)
    try:
        session.require_storage(spark, on_s3(settings.old, settings.to))
        return migrate(spark, settings)
    finally:
        spark.stop()


def migrate(spark: SparkSession, settings: MigrateSettings) -> tuple[Newest, list[Moved]]:
    """Returns where the old checkpoint stood, and what the new one has of each group. On return that one is whole.

    Until then a detector refuses it, whatever ends this. No detector can start on the old one meanwhile.

    Raises:
        BrokerUnreachable, MissingTopic: Kafka, of which the new checkpoint holds a place.
        CheckpointInUse: a detector is at work on the old checkpoint.
        NoHistory: it has no finished batch.
        UnusableCheckpoint: there is no old one, or it does not say how it is to be read; or the new one is there already.
        ArchiveBehind, RecordsExpired, UnusableTopic: the archive and Kafka do not fit together.
    """
    _require_new(spark, settings.to)
    spark.conf.set("spark.sql.shuffle.partitions", settings.state_partitions)
    if settings.history == "archive":
        return _from_archive(spark, settings)
    checkpoint.require_newest(spark, settings.old)  # a lease would make the folder
    with running.own_checkpoint(spark, settings.old, NAME, settings.log_dir):
        return _from_checkpoint(spark, settings)


def _from_checkpoint(spark: SparkSession, settings: MigrateSettings) -> tuple[Newest, list[Moved]]:
    newest = checkpoint.require_newest(spark, settings.old)
    require_topics(settings.kafka, list(json.loads(newest.offsets)))
    steps = {step.plan_hash: step for step in checkpoint.steps(spark, settings.old)}
    plans = _plans(spark, settings.old, steps) if settings.history == "checkpoint" else {}
    old = places.Checkpoint(files_of(spark, settings.old), settings.old)
    with _unfinished(spark, settings, (old.ids, old.gaps, old.left)):
        moves: list[Move] = []
        if settings.history == "checkpoint":
            read = {key: checkpoint.read_state(spark, settings.old, newest.batch, steps[plan.hash]) for key, plan in plans.items()}
            moves = [Move(spark, group, plans.get(group.key), read.get(group.key)) for group in GROUPS]
            _run(spark, settings, newest, _moved(spark, settings, newest, moves))
        else:
            _run(spark, settings, newest, _replayed(spark, settings, newest))
        if checkpoint.require_newest(spark, settings.old) != newest:
            raise UnusableCheckpoint(
                f"{settings.old} has gone on meanwhile: a detector is at work on it",
                f"Stop it. {AGAIN.format(settings.to)}",
            )
        return newest, list(_check(spark, settings, newest, moves))


def _from_archive(spark: SparkSession, settings: MigrateSettings) -> tuple[Newest, list[Moved]]:
    require_topics(settings.kafka, (*settings.input_topics, settings.topics.scored, settings.topics.rejected))
    sources.require_inputs(spark, sources.inputs_of(settings.input, settings.topics))
    archive = Archive(spark, settings, settings.old)
    log.info("comparing the archive with Kafka", archive=settings.old)
    end = archive.end()
    newest = Newest(-1, json.dumps(end))
    with _unfinished(spark, settings, (places.topic_ids(settings.kafka, settings.input_topics), {}, {})):
        events = archive.events(end)
        moves = [Move(spark, group, plan_of(group), pages(events, group)) for group in GROUPS]
        _run(spark, settings, newest, _moved(spark, settings, newest, moves))
        return newest, list(_check(spark, settings, newest, moves))


@contextmanager
def _unfinished(spark: SparkSession, settings: MigrateSettings, kept: tuple[dict[str, str], Gaps, ByTopic]) -> Iterator[None]:
    """Makes the new checkpoint: it is whole when what is inside has ended, and `kept` are its topics' ids and their places then."""
    new = files_of(spark, settings.to)
    new.write(UNFINISHED, json.dumps({"from": settings.old}).encode())
    yield
    kept_plans.write(new, GROUPS)
    places.Checkpoint(new, settings.to).remember(*kept)
    new.remove(UNFINISHED)


def summary(settings: MigrateSettings, newest: Newest, moved: Sequence[Moved]) -> Iterator[str]:
    """Returns the lines for people."""
    where = f" after batch {newest.batch}" if settings.history != "archive" else ""
    yield f"{settings.to} has the history of {settings.old}{where}, and goes on there."
    for one in moved:
        payments = "" if one.payments is None else f"{one.payments:,} payments, "
        yield f"{one.group}: {one.keys:,} keys, {payments}{one.bytes:,} bytes"
    gaps = {name: gap for one in moved for name, gap in one.gaps.items()}
    if gaps:
        yield "Not whole before their windows have passed; with --history topics, as far as the topics reach back:"
        yield from (f"  {name}: {gap}" for name, gap in gaps.items())


def _plans(spark: SparkSession, old: str, steps: dict[str, Step]) -> dict[str, KeptPlan]:
    """Returns how the old checkpoint's history is kept, by the field that is the key: as it says, or as this program does."""
    known = {one.hash: one for one in [*map(plan_of, GROUPS), *kept_plans.read(files_of(spark, old))]}
    if not steps.keys() <= known.keys():
        raise UnusableCheckpoint(
            f"{old} does not say how its history is kept: a program before {kept_plans.FILE} has written it",
            "That program can tell it, by a line in docs/how-to/change-features.md. Or read the topics again: --history topics.",
        )
    return {known[plan_hash].key: known[plan_hash] for plan_hash in steps}


def _require_new(spark: SparkSession, new: str) -> None:
    jvm: Any = spark.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(new)
    if path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf()).exists(path):
        raise UnusableCheckpoint(
            f"{new} is there already", "Name one that is not; or, if a migration was cut off that made it, delete it."
        )


def _moved(spark: SparkSession, settings: MigrateSettings, newest: Newest, moves: Sequence[Move]) -> DataFrame:
    """Returns a stream without records, whose one batch gives the groups' steps their state."""
    raw = sources.read_until(spark, settings.kafka, newest.offsets, newest.offsets, settings.max_offsets, {})
    keys = raw.select(F.coalesce(F.col("key").cast("string"), F.lit("")).alias("key"))
    for move in moves:
        keys = move.step(keys)
    return keys


def _replayed(spark: SparkSession, settings: MigrateSettings, newest: Newest) -> DataFrame:
    """Returns the stream of the records that the old checkpoint has read, with their history."""
    inputs = sources.inputs_of(settings.input, settings.topics)
    sources.require_inputs(spark, inputs)
    start = sources.offsets_at(settings.kafka, settings.input_topics, settings.profile_topics, settings.start)
    gaps = places.Checkpoint(files_of(spark, settings.old), settings.old).gaps
    raw = sources.with_clock(sources.read_until(spark, settings.kafka, start, newest.offsets, settings.max_offsets, gaps))
    events = decode(mapping(raw, inputs, settings.limits.max_bytes), settings.limits)
    for group in GROUPS:
        events = history(events, group)
    return events.select(*(group.name for group in GROUPS))


def _run(spark: SparkSession, settings: MigrateSettings, newest: Newest, stream: DataFrame) -> None:
    writer = stream.writeStream.format("noop").outputMode("update").queryName(NAME)
    query = writer.option("checkpointLocation", settings.to).trigger(availableNow=True).start()
    line = _Line()
    try:
        while not query.awaitTermination(POLL_S):
            line.show(_left(query, newest) if settings.history == "topics" else _done(spark))
    finally:
        line.end()
        query.stop()


def _check(spark: SparkSession, settings: MigrateSettings, newest: Newest, moves: Sequence[Move]) -> Iterator[Moved]:
    """Yields what the new checkpoint has, read from there.

    Raises:
        UnusableCheckpoint: it is not what it should be.
    """
    again = AGAIN.format(settings.to)
    ended = checkpoint.require_newest(spark, settings.to)
    if json.loads(ended.offsets) != json.loads(newest.offsets):
        raise UnusableCheckpoint(
            f"{settings.to} does not end where {settings.old} does: Kafka does not have what was read",
            f"Check kafka.bootstrap_servers, and whether a topic was made anew. {again}",
        )
    steps = {step.plan_hash: step for step in checkpoint.steps(spark, settings.to)}
    by_group = {move.group.name: move for move in moves}
    for group in GROUPS:
        state = checkpoint.read_state(spark, settings.to, ended.batch, steps[group.plan_hash])
        columns = (F.count_if(F.col("page") == 0), F.coalesce(F.sum(F.length("bytes")), F.lit(0)))
        ((keys, size),) = state.agg(*columns).collect()
        move = by_group.get(group.name)
        if move and move.count.keys() != keys:
            raise UnusableCheckpoint(f"{settings.to} has {keys:,} {group.name}s, and {move.count.keys():,} were written", again)
        yield Moved(group.name, keys, move.count.payments() if move else None, size, move.gaps() if move else {})


def _done(spark: SparkSession) -> str:
    tracker = spark.sparkContext.statusTracker()
    jobs = [job for number in tracker.getActiveJobsIds() if (job := tracker.getJobInfo(number))]
    stages = [stage for job in jobs for number in job.stageIds if (stage := tracker.getStageInfo(number))]
    done, total = (sum(getattr(stage, name) for stage in stages) for name in ("numCompletedTasks", "numTasks"))
    return f"{done} of {total} tasks" if total else "planning"


def _left(query: StreamingQuery, newest: Newest) -> str:
    progress = query.lastProgress
    read = json.loads(progress["sources"][0]["endOffset"]) if progress else {}
    ends = ((topic, number, end) for topic, of_one in json.loads(newest.offsets).items() for number, end in of_one.items())
    return f"{sum(end - read.get(topic, {}).get(number, 0) for topic, number, end in ends):,} records left"


class _Line:
    """How far the work has come: one line that changes on a terminal, a line now and then elsewhere; both on standard error."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def show(self, text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[Kmigrating: {text}")
            sys.stderr.flush()
        elif time.monotonic() - self._told > TOLD_EVERY_S:
            self._told = time.monotonic()
            log.info("migrating", done=text)

    def end(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
