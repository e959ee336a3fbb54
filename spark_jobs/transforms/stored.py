"""What the detector has sent to Kafka, read back: the contract's JSON as typed columns."""

from collections.abc import Iterator, Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from contract import Alert, Scored, Topics
from contract.fields import Nested, fields_of
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.schema import schema

_NOT_JSON = "_not_json"


def stored(records: DataFrame, topics: Topics) -> Mapping[str, DataFrame]:
    """Returns the datasets of Kafka's records by name; each has a column `date`, that of the transaction.

    `scored` has the transaction's fields, every feature and the decision, flat; `alerts` has the fields of contract.Alert;
    `unreadable` has what is neither, or lacks a field that it must have, as it came, and the date of its arrival.
    """
    features = T.StructType([T.StructField(name, T.DoubleType()) for name in FEATURE_COLUMNS])
    wide = T.StructType([T.StructField("features", features) if one.name == "features" else one for one in schema(Scored)])
    scored, strange = _read(records.where(F.col("topic") == topics.scored), Scored, wide)
    alerts, stranger = _read(records.where(F.col("topic") == topics.alerts), Alert, schema(Alert))
    rest = [name for name in scored.columns if name not in ("transaction", "features")]
    return {
        "scored": scored.select("transaction.*", "features.*", *rest).withColumn("date", F.to_date("event_time")),
        "alerts": alerts.withColumn("date", F.to_date("timestamp")),
        "unreadable": strange.unionAll(stranger).withColumn("date", F.to_date("timestamp")),
    }


def _read(records: DataFrame, kind: type, form: T.StructType) -> tuple[DataFrame, DataFrame]:
    """Returns the records of a kind as columns, and as they came those that are of another."""
    marked = T.StructType([*form, T.StructField(_NOT_JSON, T.StringType())])
    read = F.from_json(F.col("value").cast("string"), marked, {"columnNameOfCorruptRecord": _NOT_JSON})
    found = records.withColumn("read", read)
    is_ours = F.expr(" AND ".join([f"read.{_NOT_JSON} IS NULL", *(f"{name} IS NOT NULL" for name in _required(kind, "read"))]))
    ours = found.where(is_ours).select("read.*").drop(_NOT_JSON)
    return ours, found.where(~is_ours).drop("read")  # never null: it is made of IS NULL alone


def _required(kind: type, place: str) -> Iterator[str]:
    """Yields what a record of the kind must have, nested records included."""
    for one in fields_of(kind):
        if one.required:
            yield f"{place}.{one.name}"
            if isinstance(one.shape, Nested):
                yield from _required(one.shape.record, f"{place}.{one.name}")
