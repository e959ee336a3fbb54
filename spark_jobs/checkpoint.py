"""What a checkpoint holds: asked before the stream starts, as state of another feature set is not this one's, and by support."""

import json
from typing import Any, NamedTuple

from pyspark.errors import AnalysisException
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from spark_jobs.aggregations import GroupBy
from spark_jobs.errors import NoHistory, UnusableCheckpoint
from spark_jobs.features import GROUPS


class Pages(NamedTuple):
    """The state of one key: bytes by number (kernel/LAYOUT.md), as they were after a batch."""

    batch: int
    pages: dict[int, bytes]


def require_same_state(session: SparkSession, checkpoint: str, state_partitions: int) -> None:
    """Looks at the state that a checkpoint has; one without state is fine.

    Raises:
        UnusableCheckpoint: it is the state of other feature definitions, or was divided into another number of partitions.
    """
    steps = _steps(session, checkpoint)  # none if it is no checkpoint either: the query says so when it starts
    plans = [_plan(step["operatorProperties"]) for step in steps if step["operatorProperties"]]
    wanted = [group.plan_hash for group in reversed(GROUPS)]
    if plans and plans != wanted:
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint} holds the history of other feature definitions than this program's",
            "Name a new folder under `checkpoint`: history is then built anew from Kafka. Or go back to the program that wrote it.",
        )
    found = steps[0]["numPartitions"] if steps else state_partitions
    if found != state_partitions:
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint} has its state in {found} partitions, and state_partitions is {state_partitions}",
            f"Set state_partitions to {found}, or name a new folder under `checkpoint`.",
        )


def read_pages(session: SparkSession, checkpoint: str, group: GroupBy, key: str) -> Pages:
    """Returns what the checkpoint's newest finished batch left of a key. Reads only: a detector may be at work.

    Spark has no index by key: this looks through the whole state of the group.

    Raises:
        UnusableCheckpoint: there is none, or its state is that of other feature definitions.
        NoHistory: no batch is finished yet, or the key is not in the state.
    """
    _require_checkpoint(session, checkpoint)
    steps = {_plan(step["operatorProperties"]): step for step in _steps(session, checkpoint) if step["operatorProperties"]}
    batch = max((step["maxBatchId"] for step in steps.values()), default=-1)
    if batch < 0:
        raise NoHistory(
            f"The checkpoint {checkpoint} has no history yet",
            "It comes with the first finished batch: in real-time mode after `trigger.duration`. Ask again then.",
        )
    if group.plan_hash not in steps:
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint} holds the history of other feature definitions than this program's",
            "Ask with the program that wrote it: in its image, or at its release.",
        )
    state = session.read.format("statestore").option("operatorId", steps[group.plan_hash]["operatorId"]).option("batchId", batch)
    is_key = F.col("key.key") == key
    first = state.option("stateVarName", f"page_{group.plan_hash}").load(checkpoint).where(is_key).select("value.value").collect()
    if not first:
        raise NoHistory(
            f"The checkpoint {checkpoint} has no history of this {group.name}, as of batch {batch}",
            f"Name it as the field {group.key} of its transactions has it; --group says whether it is a card or a terminal.",
        )
    others = state.option("stateVarName", f"pages_{group.plan_hash}").load(checkpoint).where(is_key)
    rest = others.select("user_map_key.value", "user_map_value.value").collect()
    return Pages(batch, {0: bytes(first[0][0]), **{number: bytes(page) for number, page in rest}})


def _steps(session: SparkSession, checkpoint: str) -> list[Row]:
    try:
        return session.read.format("state-metadata").load(checkpoint).orderBy("operatorId").collect()
    except AnalysisException:
        return []


def _require_checkpoint(session: SparkSession, checkpoint: str) -> None:
    jvm: Any = session.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(checkpoint, "metadata")
    if not path.getFileSystem(session._jsparkSession.sessionState().newHadoopConf()).exists(path):
        raise UnusableCheckpoint(
            f"There is no checkpoint at {checkpoint}",
            "Name the folder or s3a:// URL that stands as `checkpoint` in the detector's settings.",
        )


def _plan(properties: str) -> str:
    names = [variable["stateName"] for variable in json.loads(properties)["stateVariables"]]
    return str(next(name for name in names if name.startswith("page_"))).removeprefix("page_")
