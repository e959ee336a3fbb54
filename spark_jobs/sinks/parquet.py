"""Parquet sink. Exactly once, in a folder or in S3: a batch has paths of its own, and when it comes again they are overwritten.

    PATH/NAME/event_date=2026-11-24/batch_id=17/part-*.parquet    the datasets of transforms.stored

After a crash Spark repeats the batch that was not committed: the same records under the same id, so the same paths. Each is
emptied and filled anew, whatever the first attempt has left there, and no other batch's path is touched. Nothing rests on a rename
being atomic, which in S3 it is not.

The id is the checkpoint's own: another checkpoint counts from 0 again and would overwrite the first one's batches. One checkpoint,
one PATH; `require_own` refuses a second.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs.errors import UnusableStorage


class ParquetSink:
    """Writes datasets by name, a file a partition of the batch and date."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._swept = False

    def write(self, datasets: Mapping[str, DataFrame], batch_id: int) -> None:
        """Writes a batch by its rows' column `date`; on return its files are complete, and those of an earlier attempt gone."""
        if not self._swept:
            for name, rows in datasets.items():
                _sweep(rows.sparkSession, f"{self._path}/{name}")
            self._swept = True
        for name, rows in datasets.items():
            placed = rows.withColumnRenamed("date", "event_date").withColumn("batch_id", F.lit(batch_id))
            writer = placed.write.partitionBy("event_date", "batch_id")
            # Dynamic: of the paths that are there, those that the batch writes to are overwritten. One job, however many dates.
            writer.mode("overwrite").option("partitionOverwriteMode", "dynamic").parquet(f"{self._path}/{name}")


def require_own(session: SparkSession, path: str, checkpoint: str) -> None:
    """Looks whether a path has been filled from another checkpoint.

    Raises:
        UnusableStorage: it has, as far as one can see: there are files, and the checkpoint has no batch yet.
    """
    if _found(session, path, "*")[1] and not _found(session, f"{checkpoint}/offsets", "*")[1]:
        raise UnusableStorage(
            f"{path} has files, and the checkpoint {checkpoint} is new: its batches would overwrite those of another",
            "Name another `path`, or the `checkpoint` that has filled this one.",
        )


def _sweep(session: SparkSession, folder: str) -> None:
    """Removes the hidden folders of writes that were killed: readers that know no hidden folders would count their rows twice."""
    files, rests = _found(session, folder, ".spark-staging-*")
    for rest in rests:
        files.delete(rest, True)


def _found(session: SparkSession, folder: str, pattern: str) -> tuple[Any, list[Any]]:
    """Returns the file system of a folder, and the paths in it; none where there is no such folder."""
    jvm: Any = session.sparkContext._jvm
    wanted = jvm.org.apache.hadoop.fs.Path(folder, pattern)
    files = wanted.getFileSystem(session._jsparkSession.sessionState().newHadoopConf())
    return files, [one.getPath() for one in files.globStatus(wanted) or ()]
