"""Kafka records to events: typed where they keep the contract, rejected with reason codes where they do not. None is lost.

The kernel reads the JSON (kernel/, Java); what it accepts is said here, from the contract. docs/adr/0011 tells why.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contract import Topics, Transaction
from contract.fields import OneOf, fields_of
from contract.scalars import SCALARS
from spark_jobs.schema import KINDS, schema

REJECTED = "rejected"

REASON_CODES: Mapping[str, str] = {
    "tombstone": "The record has a key and no value",
    "empty": "The value is empty or white space",
    "too_large": "The value has more bytes than `limits.max_bytes`",
    "invalid_utf8": "The value is not UTF-8",
    "not_a_json_object": "The value is not one JSON object, or something follows it",
    "unknown_field": "The object has a field that the contract does not know, or one field twice",
    "missing": "A required field is absent or null; the code ends in its name: missing:amount",
    "invalid": "A field's text is not of its type; the code ends in its name: invalid:amount",
    "event_time_in_future": "event_time is later than Kafka's timestamp of the record by more than `limits.max_future`",
    "event_time_too_old": "event_time is earlier than Kafka's timestamp of the record by more than `limits.max_age`",
}
"""Every reason code that a rejected record can bear, up to the colon, with its meaning."""

SOURCE = (
    "struct<topic:string,partition:int,offset:bigint,timestamp:timestamp,key:binary,value:binary,"
    "headers:array<struct<key:string,value:binary>>>"
)
"""Type of an event's `source`."""

_MICROSECOND = timedelta(microseconds=1)
_BY_PATTERN = [SCALARS[python] for python in (int, float, Decimal, datetime, date)]
"""What the kernel judges by the contract's patterns; texts and booleans it knows by itself."""


def decode(raw: DataFrame, topics: Topics, max_bytes: int, max_future: timedelta, max_age: timedelta) -> DataFrame:
    """Returns one event a Kafka record.

    `raw` has the columns of Spark's Kafka source, headers included. An event has `kind` (transaction, label, customer, merchant or
    rejected), `ingest_time` (Kafka's timestamp), one typed struct a kind (null for the others), and for a rejected one `reasons`
    (codes of REASON_CODES) and `source` (the record as it came). No input fails: each check ends in a reason code.
    """
    jvm: Any = raw.sparkSession.sparkContext._jvm
    columns: list[Any] = [_kind(topics), F.col("timestamp"), F.col("value")]
    plan = _plan(max_bytes, max_future, max_age)
    read = Column(jvm.frauddetection.wire.Decoder.apply(*(column._jc for column in columns), plan))
    source = F.struct("topic", "partition", "offset", "timestamp", "key", "value", "headers")
    framed = raw.select(
        _kind(topics).alias("wanted"), read.alias("_read"), F.col("timestamp").alias("ingest_time"), source.alias("source")
    )
    is_deletion = F.coalesce(F.col("wanted").isin("customer", "merchant") & F.col("source.value").isNull(), F.lit(False))
    return framed.select(
        F.when(is_deletion, F.col("wanted")).otherwise(F.col("_read.kind")).alias("kind"),
        "ingest_time",
        *(f"_read.{kind}" for kind in KINDS),
        F.when(~is_deletion, F.col("_read.reasons")).alias("reasons"),
        F.when(F.col("_read.reasons").isNotNull() & ~is_deletion, F.col("source")).alias("source"),
        F.when(is_deletion, F.col("source.key").cast("string")).alias("deleted"),
    )


def _kind(topics: Topics) -> Column:
    by_topic = {topics.labels: "label", topics.customers: "customer", topics.merchants: "merchant"}
    kind = F.lit("transaction")
    for topic, name in by_topic.items():
        kind = F.when(F.col("topic") == topic, F.lit(name)).otherwise(kind)
    return kind


def _plan(max_bytes: int, max_future: timedelta, max_age: timedelta) -> str:
    """Returns what the kernel is told (kernel: DecodePlan.java)."""
    return json.dumps(
        {
            "kinds": [
                {
                    "name": kind,
                    "schema": schema(record).json(),
                    "required": [one.name for one in fields_of(record) if one.required],
                    "allowed": _allowed(record),
                    "time": "event_time" if record is Transaction else None,
                    "maxFuture": max_future // _MICROSECOND,
                    "maxAge": max_age // _MICROSECOND,
                }
                for kind, record in KINDS.items()
            ],
            "patterns": {one.spark: one.texts.pattern for one in _BY_PATTERN},
            "maxBytes": max_bytes,
        }
    )


def _allowed(record: type) -> dict[str, list[str]]:
    return {one.name: list(one.shape.allowed) for one in fields_of(record) if isinstance(one.shape, OneOf)}
