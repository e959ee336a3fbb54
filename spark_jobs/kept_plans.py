"""How a checkpoint's history is to be read: the plans by which it is kept, beside it, so that a later program can convert it."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from spark_jobs.aggregations import GroupBy
from spark_jobs.checkpoint_files import Files

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


def write(files: Files, groups: Sequence[GroupBy]) -> None:
    """Keeps the groups' plans beside the state of a checkpoint; nothing is written where they are there."""
    plans = [plan_of(group) for group in groups]
    if read(files) != plans:
        files.write(FILE, json.dumps([one._asdict() for one in plans], indent=1).encode())


def read(files: Files) -> list[KeptPlan]:
    """Returns the plans that are kept beside the state; none where a program before them has written it."""
    content = files.read(FILE)
    found = [] if content is None else json.loads(content)
    return [KeptPlan(one["plan"], tuple(one["conditions"])) for one in found]
