"""What a checkpoint holds, asked before the stream starts: state of another feature set must not be read as this one's."""

import json

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from spark_jobs.errors import UnusableCheckpoint
from spark_jobs.features import GROUPS


def require_same_state(session: SparkSession, checkpoint: str, state_partitions: int) -> None:
    """Looks at the state that a checkpoint has; one without state is fine.

    Raises:
        UnusableCheckpoint: it is the state of other feature definitions, or was divided into another number of partitions.
    """
    try:
        steps = session.read.format("state-metadata").load(checkpoint).orderBy("operatorId").collect()
    except AnalysisException:
        return  # nothing there yet, or nothing that is a checkpoint: the query says so when it starts
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


def _plan(properties: str) -> str:
    names = [variable["stateName"] for variable in json.loads(properties)["stateVariables"]]
    return str(next(name for name in names if name.startswith("page_"))).removeprefix("page_")
