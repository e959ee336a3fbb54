"""Parquet sink. Exactly once, in a folder or in S3: a batch has paths of its own, and when it comes again they are overwritten.

    PATH/NAME/date=2026-11-24/batch_id=17/part-*.parquet    the datasets of transforms.stored

After a crash Spark repeats the batch that was not committed: the same records under the same id, so the same paths. Each is
emptied and filled anew, whatever the first attempt has left there, and no other batch's path is touched. Nothing rests on a rename
being atomic, which in S3 it is not.

The id is the checkpoint's own: one checkpoint, one PATH (sinks/ownership.py).
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

PARTITIONS = ("date", "batch_id")


class ParquetSink:
    """Writes datasets by name; at most `tasks` files a dataset and day."""

    def __init__(self, path: str, tasks: int) -> None:
        self._path, self._tasks = path, tasks
        self._swept: set[str] = set()

    def write(self, datasets: Mapping[str, DataFrame], batch_id: int) -> None:
        """Writes a batch by its rows' column `date`; on return its files are complete, and those of an earlier attempt gone."""
        for name, rows in datasets.items():
            self.write_one(name, rows, batch_id)

    def write_one(self, name: str, rows: DataFrame, batch_id: int) -> None:
        """Writes one dataset of a batch."""
        if name not in self._swept:
            _sweep(rows.sparkSession, f"{self._path}/{name}")
            self._swept.add(name)
        writer = rows.withColumn("batch_id", F.lit(batch_id)).coalesce(self._tasks).write.partitionBy(*PARTITIONS)
        # Dynamic: of the paths that are there, those that the batch writes to are overwritten. One job, however many dates.
        writer.mode("overwrite").option("partitionOverwriteMode", "dynamic").parquet(f"{self._path}/{name}")


def _sweep(session: SparkSession, folder: str) -> None:
    """Removes the hidden folders of writes that were killed: readers that know no hidden folders would count their rows twice."""
    jvm: Any = session.sparkContext._jvm
    wanted = jvm.org.apache.hadoop.fs.Path(folder, ".spark-staging-*")
    files = wanted.getFileSystem(session._jsparkSession.sessionState().newHadoopConf())
    for rest in files.globStatus(wanted) or ():
        files.delete(rest.getPath(), True)
