"""What Kafka holds, as typed columns of the lake's datasets: what the detector has sent, and what it has learnt from.

LAKE/{transactions,labels,customers,merchants}/     what a trainer reads, as a producer's data set has it
LAKE/{scored,alerts,rejected}/                      what the detector has said
LAKE/unreadable/                                    what is none of these, as it came
"""

from collections.abc import Iterator, Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from contract import RECEIPT, Alert, Customer, Label, Merchant, Rejected, Scored, Topics
from contract.fields import Nested, fields_of
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.schema import KIND_OF, schema
from spark_jobs.transforms.decode import REJECTED, Limits, decode
from spark_jobs.transforms.inputs import Inputs
from spark_jobs.transforms.mapping import mapping

UNREADABLE = "unreadable"
TRANSACTIONS = "transactions"
_NOT_JSON = "_not_json"

_SAID: Mapping[str, type] = {"scored": Scored, "alerts": Alert, "rejected": Rejected}
"""Datasets of what the detector has said."""

_LEARNT: Mapping[str, type] = {"labels": Label, "customers": Customer, "merchants": Merchant}
"""Datasets of what it has learnt from."""

DAYS: Mapping[str, str] = {
    **{TRANSACTIONS: "event_time", "labels": "labelled_at", "customers": "updated_at", "merchants": "updated_at"},
    **{"scored": "event_time", "alerts": "timestamp", "rejected": "timestamp", UNREADABLE: "timestamp"},
}
"""The time whose day a dataset's rows are kept under."""

_SOURCE = ("key", "value", "topic", "partition", "offset", "timestamp", "headers", "deletes")
_WHOLE = ("key", "value", "headers")
"""What is kept of an unreadable record alone: the others are said by their columns."""

_INPUT = "struct<topic:string,partition:int,offset:bigint,element:int>"

PLACED: Mapping[str, T.DataType] = {
    "origin": T.StructType(
        [
            T.StructField("topic", T.StringType()),
            T.StructField("partition", T.IntegerType()),
            T.StructField("offset", T.LongType()),
            T.StructField("element", T.IntegerType()),
        ]
    ),
    "ingest_time": T.TimestampType(),
}
"""Further columns of `scored`, labels and profiles: where in Kafka the input record was that a row came of, and Kafka's time of it.

`element` is its place in a value that is an array, -1 where it is none. Both are null where the detector has not told them.
"""


def said(records: DataFrame, topics: Topics) -> DataFrame:
    """Returns what the detector has sent, one row a record: `dataset`, `input`, `source`, PLACED, and a column for each dataset.

    `dataset` says which it belongs to, and the column of that name has it typed. `input` has the coordinates of the input record
    that it came of, null where its headers do not tell them: a repeat has the same. `source` is where it lies in Kafka, and for
    what is unreadable all of it. Receipts of dead letters that were sent again are left out: they are ours, and no results.
    """
    read = {name: _json(F.col("value"), form) for name, form in _forms().items()}
    topic_of = {"scored": topics.scored, "alerts": topics.alerts, "rejected": topics.rejected}
    told = records.where(~_is_receipt(topics.rejected))
    typed = told.select("*", *(F.when(F.col("topic") == topic_of[name], column).alias(name) for name, column in read.items()))
    dataset = F.coalesce(*(F.when(F.expr(_is_ours(kind, name)), F.lit(name)) for name, kind in _SAID.items()), F.lit(UNREADABLE))
    return _rows(
        typed.withColumn("dataset", dataset).withColumn("deletes", F.lit(None).cast("string")),
        F.when(F.col("dataset") != UNREADABLE, _input()),
        [_input(), F.timestamp_millis(_header("input-timestamp", r"^\d{1,14}$").cast("bigint"))],
        *(F.when(F.col("dataset") == name, F.col(name).dropFields(_NOT_JSON)).alias(name) for name in _SAID),
        *(F.lit(None).cast(schema(kind)).alias(name) for name, kind in _LEARNT.items()),
    )


def learnt(records: DataFrame, inputs: Inputs, limits: Limits) -> DataFrame:
    """Returns labels and profiles, the columns of `said`, out of records with `read_by`. `input` is null: nobody repeats them.

    A record that could not be read is unreadable, and so is a tombstone, which deletes a profile: `source` has its key, and in
    `deletes` the kind of the profile.
    """
    kinds = {name: KIND_OF[record] for name, record in _LEARNT.items()}
    events = decode(mapping(records, inputs, limits.max_bytes), limits).where(F.col("kind").isin(REJECTED, *kinds.values()))
    dataset = F.coalesce(*(F.when(F.col(kind).isNotNull(), F.lit(name)) for name, kind in kinds.items()), F.lit(UNREADABLE))
    told = events.select(
        dataset.alias("dataset"),
        F.coalesce("source.key", F.col("deleted").cast("binary")).alias("key"),
        F.col("source.value").alias("value"),
        "origin.topic",
        "origin.partition",
        "origin.offset",
        F.col("ingest_time").alias("timestamp"),
        F.col("source.headers").alias("headers"),
        F.when(F.col("deleted").isNotNull(), F.col("kind")).alias("deletes"),
        F.struct(
            "origin.topic", "origin.partition", "origin.offset", F.coalesce("origin.element", F.lit(-1)).alias("element")
        ).alias("origin"),
        *(F.col(kind).alias(name) for name, kind in kinds.items()),
    )
    return _rows(
        told,
        F.lit(None).cast(_INPUT),
        [F.col("origin"), F.col("timestamp")],
        *(F.lit(None).cast(form).alias(name) for name, form in _forms().items()),
        *_LEARNT,
    )


def datasets(rows: DataFrame) -> Mapping[str, DataFrame]:
    """Returns the datasets of `said` and `learnt` by name; each has a column `date`, the day of DAYS in UTC."""
    found = {
        name: rows.where(F.col("dataset") == name).select(f"{name}.*", *(PLACED if name in ("scored", *_LEARNT) else ()))
        for name in (*_SAID, *_LEARNT)
    }
    scored = found["scored"]
    rest = [name for name in scored.columns if name not in ("transaction", "features")]
    found["scored"] = scored.select("transaction.*", "features.*", *rest)
    found[TRANSACTIONS] = scored.select("transaction.*")
    found[UNREADABLE] = rows.where(F.col("dataset") == UNREADABLE).select("source.*")
    return {name: one.withColumn("date", F.to_date(DAYS[name])) for name, one in found.items()}


def _rows(typed: DataFrame, came_of: Column, placed: Sequence[Column], *columns: Column | str) -> DataFrame:
    """Returns the rows; a record's own bytes are kept where nothing else says what they were."""
    told = (column.alias(name) for name, column in zip(PLACED, placed, strict=True))
    is_whole = F.col("dataset") == UNREADABLE
    kept = (F.when(is_whole, F.col(name)).alias(name) if name in _WHOLE else F.col(name) for name in _SOURCE)
    return typed.select("dataset", came_of.alias("input"), F.struct(*kept).alias("source"), *told, *columns)


def _is_receipt(rejected: str) -> Column:
    named = F.coalesce(F.exists("headers", lambda one: one["key"] == RECEIPT), F.lit(False))
    return (F.col("topic") == rejected) & F.col("value").isNull() & named


def _input() -> Column:
    """Returns the coordinates in the headers that the detector writes, null where any is missing or no such thing."""
    element = F.get(F.filter("headers", lambda one: one["key"] == "input-element"), F.lit(0))["value"].cast("string")
    told = {
        "topic": _header("input-topic", r"^[a-zA-Z0-9._-]{1,249}$"),
        "partition": _header("input-partition", r"^\d{1,9}$").cast("int"),
        "offset": _header("input-offset", r"^\d{1,18}$").cast("bigint"),
        "element": F.when(element.isNull(), F.lit(-1)).when(element.rlike(r"^\d{1,9}$"), element.cast("int")),
    }
    all_there = [column.isNotNull() for column in told.values()]
    return F.when(_all(all_there), F.struct(*(column.alias(name) for name, column in told.items())))


def _header(name: str, form: str) -> Column:
    values = F.filter("headers", lambda one: one["key"] == name)
    text = F.get(values, F.lit(0))["value"].cast("string")
    return F.when(text.rlike(form), text)


def _all(conditions: list[Column]) -> Column:
    found = conditions[0]
    for one in conditions[1:]:
        found = found & one
    return found


def _forms() -> dict[str, T.StructType]:
    """Returns the form of each dataset that the detector has said, as Spark reads its JSON."""
    features = T.StructType([T.StructField(name, T.DoubleType()) for name in FEATURE_COLUMNS])
    wide = [T.StructField("features", features) if one.name == "features" else one for one in schema(Scored)]
    return {"scored": T.StructType(wide), "alerts": schema(Alert), "rejected": schema(Rejected)}


def _is_ours(kind: type, name: str) -> str:
    return f"{name} IS NOT NULL AND {name}.{_NOT_JSON} IS NULL" + "".join(
        f" AND {one} IS NOT NULL" for one in _required(kind, name)
    )


def _json(value: Column, form: T.StructType) -> Column:
    marked = T.StructType([*form, T.StructField(_NOT_JSON, T.StringType())])
    return F.from_json(value.cast("string"), marked, {"columnNameOfCorruptRecord": _NOT_JSON})


def _required(kind: type, place: str) -> Iterator[str]:
    """Yields what a record of the kind must have, nested records included."""
    for one in fields_of(kind):
        if one.required:
            yield f"{place}.{one.name}"
            if isinstance(one.shape, Nested):
                yield from _required(one.shape.record, f"{place}.{one.name}")
