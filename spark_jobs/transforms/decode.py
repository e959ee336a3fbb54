"""Kafka records to events: typed where they keep the contract, rejected with reason codes where they do not. None is lost."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from contract import Customer, Label, Merchant, Topics, Transaction
from contract.codec import AMOUNT, DATE, INTEGER, NUMBER, TIME
from spark_jobs.schema import AMOUNT as AMOUNT_TYPE
from spark_jobs.schema import plain, wire_schema

REJECTED = "rejected"
KINDS: Mapping[str, type] = {"transaction": Transaction, "label": Label, "customer": Customer, "merchant": Merchant}

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

_JSON_OPTIONS = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_END = "_end"


def decode(raw: DataFrame, topics: Topics, max_bytes: int, max_future: timedelta, max_age: timedelta) -> DataFrame:
    """Returns one event a Kafka record.

    `raw` has the columns of Spark's Kafka source, headers included. An event has `kind` (transaction, label, customer, merchant or
    rejected), `ingest_time` (Kafka's timestamp), one typed struct a kind (null for the others), and for a rejected one `reasons`
    (codes of REASON_CODES) and `source` (the record as it came). No input fails: each check ends in a reason code.
    """
    framed = raw.select(
        _kind(topics).alias("kind"),
        F.col("timestamp").alias("ingest_time"),
        F.col("value").cast("string").alias("_text"),
        _unreadable(max_bytes).alias("_unreadable"),
        F.struct("topic", "partition", "offset", "timestamp", "key", "value", "headers").alias("source"),
    )
    readable = F.col("_unreadable").isNull()
    parsed = framed.select(
        "*",
        F.when(readable, F.json_object_keys("_text")).alias("_names"),
        *(F.when(readable & (F.col("kind") == kind), _parse(record)).alias(f"_{kind}") for kind, record in KINDS.items()),
    )
    typed = parsed.select("*", *(_typed(kind, record).alias(kind) for kind, record in KINDS.items()))
    judged = typed.select("*", _reasons(max_future, max_age).alias("reasons"))
    rejected = F.col("reasons").isNotNull()
    return judged.select(
        F.when(rejected, F.lit(REJECTED)).otherwise(F.col("kind")).alias("kind"),
        "ingest_time",
        *(F.when(~rejected & (F.col("kind") == kind), F.col(kind)).alias(kind) for kind in KINDS),
        "reasons",
        F.when(rejected, F.col("source")).alias("source"),
    )


def _kind(topics: Topics) -> Column:
    by_topic = {topics.labels: "label", topics.customers: "customer", topics.merchants: "merchant"}
    kind = F.lit("transaction")
    for topic, name in by_topic.items():
        kind = F.when(F.col("topic") == topic, F.lit(name)).otherwise(kind)
    return kind


def _unreadable(max_bytes: int) -> Column:
    text = F.col("value").cast("string")
    return (
        F.when(F.col("value").isNull(), F.lit("tombstone"))
        .when(F.octet_length("value") > max_bytes, F.lit("too_large"))
        .when(~F.is_valid_utf8(text), F.lit("invalid_utf8"))
        .when(text.rlike(r"\A\s*\z"), F.lit("empty"))
    )


def _parse(record: type) -> Column:
    """Returns a list of two structs of texts, the record's fields and a mark, where the value is exactly one JSON object.

    Spark's JSON readers stop at the end of the first object and drop what follows without a word. Hence the list around the value,
    and the mark behind it: anything but an object makes another list than these two, or none.
    """
    item = T.StructType([*wire_schema(record).fields, T.StructField(_END, T.StringType())])
    listed = F.concat(F.lit("["), F.col("_text"), F.lit(f',{{"{_END}":"1"}}]'))
    return F.from_json(listed, T.ArrayType(item), _JSON_OPTIONS)


def _is_one_object(kind: str) -> Column:
    items = F.col(f"_{kind}")
    return items.isNotNull() & (F.size(items) == 2) & items[0].isNotNull() & (items[1][_END] == "1") & F.col("_names").isNotNull()


def _text_of(kind: str, name: str) -> Column:
    return F.col(f"_{kind}")[0][name]


def _typed(kind: str, record: type) -> Column:
    hints = get_type_hints(record)
    return F.struct(*(_read(_text_of(kind, one.name), hints[one.name]).alias(one.name) for one in fields(record)))


def _read(text: Column, hint: Any) -> Column:
    """Returns the value that the text stands for; null where it stands for none. The forms are the codec's."""
    if get_origin(hint) is Literal:
        return F.when(text.isin(*get_args(hint)), text)
    kind = plain(hint)
    if kind is str:
        return F.when((F.length(text) > 0) & ~text.startswith("{") & ~text.startswith("["), text)
    if kind is bool:
        return F.when(text == "true", True).when(text == "false", False)
    pattern, spark_type = _FORMS[kind]
    value = F.when(text.rlike(rf"\A(?:{pattern.pattern})\z"), text.try_cast(spark_type))
    return F.when(F.abs(value) < float("inf"), value) if kind is float else value


_FORMS: Mapping[Any, tuple[re.Pattern[str], T.DataType]] = {
    int: (INTEGER, T.LongType()),
    float: (NUMBER, T.DoubleType()),
    Decimal: (AMOUNT, AMOUNT_TYPE),
    datetime: (TIME, T.TimestampType()),
    date: (DATE, T.DateType()),
}


def _reasons(max_future: timedelta, max_age: timedelta) -> Column:
    """Returns the reason codes of a record that cannot be used, null for the others."""
    by_kind = F.lit(None)
    for kind, record in KINDS.items():
        found = F.when(~_is_one_object(kind), F.array(F.lit("not_a_json_object"))).otherwise(
            _reasons_of(kind, record, max_future, max_age)
        )
        by_kind = F.when(F.col("kind") == kind, found).otherwise(by_kind)
    return F.when(F.col("_unreadable").isNotNull(), F.array("_unreadable")).otherwise(by_kind)


def _reasons_of(kind: str, record: type, max_future: timedelta, max_age: timedelta) -> Column:
    reasons: list[tuple[Column, str]] = [(_has_unknown(kind, record), "unknown_field")]
    for one in fields(record):
        text, value = _text_of(kind, one.name), F.col(f"{kind}.{one.name}")
        if one.default is MISSING:
            reasons.append((text.isNull(), f"missing:{one.name}"))
        reasons.append((text.isNotNull() & value.isNull(), f"invalid:{one.name}"))
    if kind == "transaction":
        # Against Kafka's time, not a clock: a replay of the same record must end the same.
        event_time, ingest_time = F.col("transaction.event_time"), F.col("ingest_time")
        reasons.append((event_time > ingest_time + F.lit(max_future), "event_time_in_future"))
        reasons.append((event_time < ingest_time - F.lit(max_age), "event_time_too_old"))
    codes = F.array_compact(F.array(*(F.when(condition, F.lit(code)) for condition, code in reasons)))
    any_reason = reduce(lambda one, other: one | other, (F.coalesce(condition, F.lit(False)) for condition, _ in reasons))
    return F.when(any_reason, codes)


def _has_unknown(kind: str, record: type) -> Column:
    """Returns whether the object has other names than the contract's, or one twice.

    Counting is the quick way, and enough where nothing is null; comparing names is the exact one.
    """
    known = [one.name for one in fields(record)]
    count = reduce(lambda one, other: one + other, (_text_of(kind, name).isNotNull().cast("int") for name in known))
    common = F.size(F.array_intersect("_names", F.array(*map(F.lit, known))))
    return (F.size("_names") != count) & (F.size("_names") != common)
