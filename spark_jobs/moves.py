"""The steps of a query that give a new checkpoint the history of its groups: pages, from wherever they come, as the first state."""

import json
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs.aggregations import GroupBy
from spark_jobs.kept_plans import KeptPlan, plan_of


class Moved(NamedTuple):
    """What the new checkpoint has of a group; payments are not counted where the history comes from the topics.

    `gaps` says of each value that is not whole at once what the old checkpoint did not keep.
    """

    group: str
    keys: int
    payments: int | None
    bytes: int
    gaps: dict[str, str]


class Move:
    """The move of one group's history inside a query: `pages`, as `checkpoint.read_state` has them, of a plan that may be another.

    A group of which there are none begins without a history.
    """

    def __init__(self, spark: SparkSession, group: GroupBy, plan: KeptPlan | None, pages: DataFrame | None) -> None:
        self._kernel: Any = spark.sparkContext._jvm.frauddetection.spark  # type: ignore[union-attr]
        own = plan_of(group)
        self._to = self._kernel.Move.Kept(own.plan, list(own.conditions))
        empty = KeptPlan(json.dumps({"key": group.key, "retention": 0, "values": [], "aggregations": []}), ())
        old = plan or empty
        self._from = self._kernel.Move.Kept(old.plan, list(old.conditions))
        self._pages = spark.createDataFrame([], "key string, pages map<int, binary>") if pages is None else _by_key(pages)
        self.group, self.spark = group, spark
        self.count = self._kernel.Move.Count(spark._jsparkSession.sparkContext())

    def step(self, keys: DataFrame) -> DataFrame:
        """Returns a stream without records behind a step to which the first batch gives its state; nor has `keys` any."""
        return DataFrame(self._kernel.Move.apply(keys._jdf, self._pages._jdf, self._from, self._to, self.count), self.spark)

    def gaps(self) -> dict[str, str]:
        """Returns what of the new plan is not whole at once, and what the old one has not kept."""
        return dict(self._kernel.Move.conversion(self._from, self._to).gaps())


def _by_key(pages: DataFrame) -> DataFrame:
    return pages.groupBy("key").agg(F.map_from_entries(F.collect_list(F.struct("page", "bytes"))).alias("pages"))
