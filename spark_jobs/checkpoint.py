"""What a checkpoint holds: asked before the stream starts, as state of other features is not its own, by migrations, by support."""

import json
from typing import NamedTuple

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from spark_jobs import kept_plans, places
from spark_jobs.aggregations import GroupBy
from spark_jobs.checkpoint_files import files_of
from spark_jobs.errors import NoHistory, UnusableCheckpoint
from spark_jobs.features import GROUPS
from spark_jobs.kept_plans import plan_of

UNFINISHED = "unfinished.json"
"""The file of a checkpoint that a migration makes, until it is whole."""
MIGRATE = "`fraud migrate --from {0} --to NEW` gives its history to a new one (docs/how-to/change-features.md)"


class Pages(NamedTuple):
    """The state of one key: bytes by number (kernel/LAYOUT.md), as they were after a batch."""

    batch: int
    pages: dict[int, bytes]


class Step(NamedTuple):
    """The state of one group: the hash of its plan, Spark's number for it, and into how many partitions it is divided."""

    plan_hash: str
    operator: int
    partitions: int


class Newest(NamedTuple):
    """The newest finished batch, and the places in Kafka at which it ended, as Spark's source writes them."""

    batch: int
    offsets: str


def require_same_state(session: SparkSession, checkpoint: str, state_partitions: int) -> None:
    """Looks at the state that a checkpoint has; one without state is fine.

    Raises:
        UnusableCheckpoint: it is the state of other feature definitions, was divided into another number of partitions, or is not
            whole, as a migration was cut off.
    """
    files = files_of(session, checkpoint)
    if files.read(UNFINISHED) is not None:
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint} is not whole: the `fraud migrate` that makes it is at work, or was cut off",
            "Wait for it. If it has ended, delete this folder and migrate again: the old checkpoint is as it was.",
        )
    found = steps(session, checkpoint)  # none if it is no checkpoint either: the query says so when it starts
    wanted = {group.plan_hash: plan_of(group) for group in GROUPS}
    others = [one for one in kept_plans.read(files) if wanted.get(one.hash, one) != one]
    if found and (others or {step.plan_hash for step in found} != wanted.keys()):
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint} holds the history of other feature definitions than this program's",
            f"{MIGRATE.format(checkpoint)}: name that one under `checkpoint`. Or go back to the program that wrote it.",
        )
    partitions = found[0].partitions if found else state_partitions
    if partitions != state_partitions:
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint} has its state in {partitions} partitions, and state_partitions is {state_partitions}",
            f"Set state_partitions to {partitions} again. To change it, {MIGRATE.format(checkpoint)}.",
        )


def read_pages(session: SparkSession, checkpoint: str, group: GroupBy, key: str) -> Pages:
    """Returns what the checkpoint's newest finished batch left of a key. Reads only: a detector may be at work.

    Spark has no index by key: this looks through the whole state of the group.

    Raises:
        UnusableCheckpoint: there is none, or its state is that of other feature definitions.
        NoHistory: no batch is finished yet, or the key is not in the state.
    """
    newest = require_newest(session, checkpoint)
    found = [step for step in steps(session, checkpoint) if step.plan_hash == group.plan_hash]
    if not found:
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint} holds the history of other feature definitions than this program's",
            "Ask with the program that wrote it: in its image, or at its release.",
        )
    rows = read_state(session, checkpoint, newest.batch, found[0]).where(F.col("key") == key).collect()
    pages = {row["page"]: bytes(row["bytes"]) for row in rows}
    if 0 not in pages:
        raise NoHistory(
            f"The checkpoint {checkpoint} has no history of this {group.name}, as of batch {newest.batch}",
            f"Name it as the field {group.key} of its transactions has it; --group says whether it is a card or a terminal.",
        )
    return Pages(newest.batch, pages)


def read_state(session: SparkSession, checkpoint: str, batch: int, step: Step) -> DataFrame:
    """Returns all pages of a group, as a batch left them: columns key, page (its number) and bytes."""
    state = session.read.format("statestore").option("operatorId", step.operator).option("batchId", batch)
    key = F.col("key.key").alias("key")
    first = state.option("stateVarName", f"page_{step.plan_hash}").load(checkpoint)
    others = state.option("stateVarName", f"pages_{step.plan_hash}").load(checkpoint)
    return first.select(key, F.lit(0).alias("page"), F.col("value.value").alias("bytes")).unionAll(
        others.select(key, F.col("user_map_key.value").alias("page"), F.col("user_map_value.value").alias("bytes"))
    )


def require_newest(session: SparkSession, checkpoint: str) -> Newest:
    """Returns the newest finished batch.

    Raises:
        UnusableCheckpoint: there is no checkpoint.
        NoHistory: no batch is finished yet.
    """
    files = files_of(session, checkpoint)
    if files.read("metadata") is None:
        raise UnusableCheckpoint(
            f"There is no checkpoint at {checkpoint}",
            "Name the folder or s3a:// URL that stands as `checkpoint` in the detector's settings.",
        )
    found = places.Checkpoint(files, checkpoint)
    if found.committed < 0:
        raise NoHistory(
            f"The checkpoint {checkpoint} has no history yet",
            "It comes with the first finished batch: in real-time mode after `trigger.duration`. Ask again then.",
        )
    return Newest(found.committed, json.dumps(found.places))


def steps(session: SparkSession, checkpoint: str) -> list[Step]:
    """Returns the state of each group; nothing where there is none yet, and where this is no checkpoint."""
    try:
        rows = session.read.format("state-metadata").load(checkpoint).orderBy("operatorId").collect()
    except AnalysisException:
        return []
    return [_step(row) for row in rows if row["operatorProperties"]]


def _step(row: Row) -> Step:
    names = [variable["stateName"] for variable in json.loads(row["operatorProperties"])["stateVariables"]]
    plan_hash = next(name for name in names if name.startswith("page_")).removeprefix("page_")
    return Step(plan_hash, row["operatorId"], row["numPartitions"])
