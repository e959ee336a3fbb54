"""What the detector has sent to Kafka, read back: the contract's JSON as typed columns."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from contract import Alert, Scored, Topics
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.schema import schema

_UNREADABLE = "_unreadable"


def stored(records: DataFrame, topics: Topics) -> Mapping[str, DataFrame]:
    """Returns the datasets of Kafka's records by name; each has a column `date`, that of the transaction.

    `scored` has the transaction's fields, every feature and the decision, flat; `alerts` has the fields of contract.Alert;
    `unreadable` has what is neither, as it came, and the date of its arrival.
    """
    features = T.StructType([T.StructField(name, T.DoubleType()) for name in FEATURE_COLUMNS])
    kinds = {
        topics.scored: T.StructType([T.StructField("features", features) if f.name == "features" else f for f in schema(Scored)]),
        topics.alerts: schema(Alert),
    }
    read = {topic: records.where(F.col("topic") == topic).withColumn("read", _json(kind)) for topic, kind in kinds.items()}
    scored, alerts = (
        rows.where(f"read.{_UNREADABLE} IS NULL AND value IS NOT NULL").select("read.*").drop(_UNREADABLE) for rows in read.values()
    )
    rest = [name for name in scored.columns if name not in ("transaction", "features")]
    unreadable = [rows.where(f"read.{_UNREADABLE} IS NOT NULL OR value IS NULL").drop("read") for rows in read.values()]
    return {
        "scored": scored.select("transaction.*", "features.*", *rest).withColumn("date", F.to_date("event_time")),
        "alerts": alerts.withColumn("date", F.to_date("timestamp")),
        "unreadable": unreadable[0].unionAll(unreadable[1]).withColumn("date", F.to_date("timestamp")),
    }


def _json(kind: T.StructType) -> Column:
    marked = T.StructType([*kind, T.StructField(_UNREADABLE, T.StringType())])
    return F.from_json(F.col("value").cast("string"), marked, {"columnNameOfCorruptRecord": _UNREADABLE})
