"""A lake to retrain on, as a detector and an archiver would have left it."""

from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from contract import Scored
from harness.worlds import data_set
from spark_jobs import sources
from spark_jobs.pipeline import features
from spark_jobs.schema import schema
from spark_jobs.settings import S3

DAYS = 9
KNOWN, LATER = "2018-04-09", "2018-04-10"
"""When all labels of these days have come; and a day later, without one since."""
LABEL_DELAY = "1d"
_DATED = {"transactions": "event_time", "labels": "labelled_at", "customers": "updated_at", "merchants": "updated_at"}


def lake(spark: SparkSession, folder: Path) -> Path:
    """Returns a folder with what would have been kept of half of the producer's people; it passes `fraud quality check`."""
    world = data_set(folder / "world", "--traffic", "all", "--days", str(DAYS), "--label-delay", LABEL_DELAY)
    for name, time in _DATED.items():
        rows = spark.read.parquet(str(world / name))
        rows = rows if name == "merchants" else rows.where("crc32(card_id) % 2 = 0")
        _keep(rows.where(f"labelled_at < '{KNOWN}'") if name == "labels" else rows, folder / "lake" / name, time)
    paid = features(sources.read_history(spark, str(folder / "lake"), S3())).where("kind = 'transaction'")
    rest = {one.name: F.lit(None).cast(one.dataType) for one in schema(Scored) if one.name not in ("transaction", "features")}
    said: dict[str, Column] = {**rest, "decision": F.lit("approve"), "ruleset_version": F.lit("r")}
    said["rules"] = F.array().cast("array<string>")
    scored = paid.select("transaction.*", "features.*", *(one.alias(name) for name, one in said.items()))
    _keep(scored, folder / "lake" / "scored", "event_time")
    return folder / "lake"


def _keep(rows: DataFrame, folder: Path, time: str) -> None:
    """Writes rows as the archiver does, in one batch."""
    dated = rows.withColumn("date", F.to_date(time)).withColumn("batch_id", F.lit(0))
    dated.repartition(1).write.partitionBy("date", "batch_id").parquet(str(folder))
