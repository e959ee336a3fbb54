"""Gives a new checkpoint the history of an old one. `python -m spark_jobs.migrate_checkpoint --config FILE --from OLD --to NEW`.

For other features, another number of state partitions, or another place. The new checkpoint goes on where the old one stopped, so
that no result is published twice and none is lost. The old one is only read. `fraud migrate` calls it.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import structlog
from pydantic import Field
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from configuration import FraudDetectionError, report, require_topics
from spark_jobs import checkpoint, failures, kept_plans, places, running, session, sources
from spark_jobs.aggregations import GroupBy
from spark_jobs.checkpoint import UNFINISHED, Newest, Step
from spark_jobs.checkpoint_files import files_of
from spark_jobs.errors import UnusableCheckpoint
from spark_jobs.features import GROUPS
from spark_jobs.kept_plans import KeptPlan, plan_of
from spark_jobs.parts import Place
from spark_jobs.settings import DetectorSettings, on_s3
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.history import history
from spark_jobs.transforms.mapping import mapping

PROGRAM = "python -m spark_jobs.migrate_checkpoint"
NAME = "migrate_checkpoint"
POLL_S = 1
TOLD_EVERY_S = 10.0
"""How often a line says how far the work has come, where there is no terminal."""

log = structlog.get_logger()


class MigrateSettings(DetectorSettings):
    """Gives a new checkpoint the history of an old one, for other features, other state partitions or another place.

    It takes the detector's settings, so that the detector's own file can be given; `checkpoint` in it does not count.
    """

    old: Place = Field(alias="from", description="The old checkpoint, a folder or s3a:// URL. No detector may be at work on it")
    to: Place = Field(description="The new checkpoint, a folder or s3a:// URL that is not there yet")
    history: Literal["checkpoint", "topics"] = Field(
        "checkpoint",
        description="Where the history comes from: what the old checkpoint remembers, or the topics, read again from `start` to "
        "where the old one stopped, and nothing is published",
    )


class Moved(NamedTuple):
    """What the new checkpoint has of a group; payments are not counted where the history comes from the topics.

    `gaps` says of each value that is not whole at once what the old checkpoint did not keep.
    """

    group: str
    keys: int
    payments: int | None
    bytes: int
    gaps: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    try:
        settings = MigrateSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        advice = f"{settings.old} is as it was. Delete {settings.to} before you try again."
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
    """
    checkpoint.require_newest(spark, settings.old)  # a lease would make the folder
    with running.own_checkpoint(spark, settings.old, NAME, settings.log_dir):
        return _migrate(spark, settings)


def _migrate(spark: SparkSession, settings: MigrateSettings) -> tuple[Newest, list[Moved]]:
    newest = checkpoint.require_newest(spark, settings.old)
    require_topics(settings.kafka, list(json.loads(newest.offsets)))
    steps = {step.plan_hash: step for step in checkpoint.steps(spark, settings.old)}
    plans = _plans(spark, settings.old, steps) if settings.history == "checkpoint" else {}
    _require_new(spark, settings.to)
    new = files_of(spark, settings.to)
    new.write(UNFINISHED, json.dumps({"from": settings.old}).encode())
    spark.conf.set("spark.sql.shuffle.partitions", settings.state_partitions)
    if settings.history == "checkpoint":
        pages = {key: pages_of(spark, settings.old, newest.batch, steps[plan.hash]) for key, plan in plans.items()}
        moves = [Move(spark, group, plans.get(group.key), pages.get(group.key)) for group in GROUPS]
        _run(spark, settings, newest, _moved(spark, settings, newest, moves))
    else:
        moves = []
        _run(spark, settings, newest, _replayed(spark, settings, newest))
    found = list(_check(spark, settings, newest, moves))
    kept_plans.write(new, GROUPS)
    old = places.Checkpoint(files_of(spark, settings.old), settings.old)
    places.Checkpoint(new, settings.to).remember(old.ids, old.gaps, old.left)
    new.remove(UNFINISHED)
    return newest, found


def summary(settings: MigrateSettings, newest: Newest, moved: Sequence[Moved]) -> Iterator[str]:
    """Returns the lines for people."""
    yield f"{settings.to} has the history of {settings.old} after batch {newest.batch}, and goes on there."
    for one in moved:
        payments = "" if one.payments is None else f"{one.payments:,} payments, "
        yield f"{one.group}: {one.keys:,} keys, {payments}{one.bytes:,} bytes"
    gaps = {name: gap for one in moved for name, gap in one.gaps.items()}
    if gaps:
        yield "Not whole before their windows have passed; with --history topics, as far as the topics reach back:"
        yield from (f"  {name}: {gap}" for name, gap in gaps.items())


class Move:
    """The move of one group's history inside a query; a group that the old checkpoint does not have begins without one."""

    def __init__(self, spark: SparkSession, group: GroupBy, plan: KeptPlan | None, pages: DataFrame | None) -> None:
        self._kernel: Any = spark.sparkContext._jvm.frauddetection.spark  # type: ignore[union-attr]
        own = plan_of(group)
        self._to = self._kernel.Move.Kept(own.plan, list(own.conditions))
        empty = KeptPlan(json.dumps({"key": group.key, "retention": 0, "values": [], "aggregations": []}), ())
        old = plan or empty
        self._from = self._kernel.Move.Kept(old.plan, list(old.conditions))
        self._pages = spark.createDataFrame([], "key string, pages map<int, binary>") if pages is None else pages
        self.group, self.spark = group, spark
        self.count = self._kernel.Move.Count(spark._jsparkSession.sparkContext())

    def step(self, keys: DataFrame) -> DataFrame:
        """Returns a stream without records behind a step to which the first batch gives its state; nor has `keys` any."""
        return DataFrame(self._kernel.Move.apply(keys._jdf, self._pages._jdf, self._from, self._to, self.count), self.spark)

    def gaps(self) -> dict[str, str]:
        """Returns what of the new plan is not whole at once, and what the old one has not kept."""
        return dict(self._kernel.Move.conversion(self._from, self._to).gaps())


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


def pages_of(spark: SparkSession, old: str, batch: int, step: Step) -> DataFrame:
    """Returns a row for each key that the old checkpoint has, with its pages by number."""
    pages = F.map_from_entries(F.collect_list(F.struct("page", "bytes"))).alias("pages")
    return checkpoint.read_state(spark, old, batch, step).groupBy("key").agg(pages)


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
        UnusableCheckpoint: it is not what it should be, or the old one is no longer what it was.
    """
    again = f"Delete {settings.to} before you try again."
    if checkpoint.require_newest(spark, settings.old) != newest:
        raise UnusableCheckpoint(f"{settings.old} has gone on meanwhile: a detector is at work on it", f"Stop it. {again}")
    ended = checkpoint.require_newest(spark, settings.to)
    if json.loads(ended.offsets) != json.loads(newest.offsets):
        raise UnusableCheckpoint(
            f"{settings.to} does not end where {settings.old} does: Kafka does not have what that one has read",
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
