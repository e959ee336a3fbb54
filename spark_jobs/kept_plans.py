"""How a checkpoint's history is to be read: the plans by which it is kept, beside it, so that a later program can convert it."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyspark.sql import SparkSession

from spark_jobs.aggregations import GroupBy

FILE = "features.json"


class KeptPlan(NamedTuple):
    """What the kernel was told of a group, and the text of the plan's conditions by their numbers."""

    plan: str
    conditions: tuple[str, ...]

    @property
    def hash(self) -> str:
        """What the state is marked with."""
        return hashlib.sha256(self.plan.encode()).hexdigest()

    @property
    def key(self) -> str:
        """The field of a transaction by which its history is kept."""
        return str(json.loads(self.plan)["key"])


def plan_of(group: GroupBy) -> KeptPlan:
    """Returns how this program keeps a group's history."""
    return KeptPlan(group.plan, tuple(group.condition_expressions))


def write(session: SparkSession, checkpoint: str, groups: Sequence[GroupBy]) -> None:
    """Keeps the groups' plans beside the state of a checkpoint. Whole or not at all; nothing is written where they are there."""
    plans = [plan_of(group) for group in groups]
    if read(session, checkpoint) != plans:
        content = json.dumps([one._asdict() for one in plans], indent=1).encode()
        put_file(session, checkpoint, FILE, content)


def read(session: SparkSession, checkpoint: str) -> list[KeptPlan]:
    """Returns the plans that are kept beside the state; none where a program before them has written it."""
    content = read_file(session, checkpoint, FILE)
    found = [] if content is None else json.loads(content)
    return [KeptPlan(one["plan"], tuple(one["conditions"])) for one in found]


def put_file(session: SparkSession, checkpoint: str, name: str, content: bytes) -> None:
    """Writes a file of a checkpoint, atomically and in place of one that is there."""
    files, path = _files(session, checkpoint, name)
    files.mkdirs(path.getParent())
    stream = files.createAtomic(path, True)
    stream.write(content)
    stream.close()


def read_file(session: SparkSession, checkpoint: str, name: str) -> bytes | None:
    """Returns the content of a file of a checkpoint; None where it is not there."""
    files, path = _files(session, checkpoint, name)
    if not files.exists(path):
        return None
    stream = files.open(path)
    try:
        return bytes(stream.readAllBytes())
    finally:
        stream.close()


def delete_file(session: SparkSession, checkpoint: str, name: str) -> None:
    """Deletes a file of a checkpoint, where it is there."""
    files, path = _files(session, checkpoint, name)
    files.delete(path)


def _files(session: SparkSession, checkpoint: str, name: str) -> tuple[Any, Any]:
    jvm: Any = session.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(checkpoint, name)
    conf = session._jsparkSession.sessionState().newHadoopConf()
    manager = jvm.org.apache.spark.sql.execution.streaming.checkpointing.CheckpointFileManager
    return manager.create(path.getParent(), conf), path
