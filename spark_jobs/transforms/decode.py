"""Kafka records to events: typed where they keep the contract, rejected with reason codes where they do not. None is lost.

The expressions are SQL text rather than Column objects: each Column operation is a call to the JVM, and there would be thousands.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from contract import Topics
from contract.codec import AMOUNT, DATE, INTEGER, NUMBER, TIME
from spark_jobs.schema import AMOUNT as AMOUNT_TYPE
from spark_jobs.schema import KINDS, plain, wire_schema

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
        F.expr("CAST(value AS STRING)").alias("_text"),
        F.expr(_unreadable(max_bytes)).alias("_unreadable"),
        F.struct("topic", "partition", "offset", "timestamp", "key", "value", "headers").alias("source"),
    )
    parsed = framed.select(
        "*",
        F.expr("IF(_unreadable IS NULL, json_object_keys(_text), NULL)").alias("_names"),
        *(
            F.when(F.expr(f"_unreadable IS NULL AND kind = '{kind}'"), _parse(record)).alias(f"_{kind}")
            for kind, record in KINDS.items()
        ),
    )
    typed = parsed.select("*", *(F.expr(_typed(kind, record)).alias(kind) for kind, record in KINDS.items()))
    judged = typed.select("*", F.expr(_reasons(max_future, max_age)).alias("reasons"))
    return judged.select(
        F.expr(f"IF(reasons IS NULL, kind, '{REJECTED}')").alias("kind"),
        "ingest_time",
        *(F.expr(f"IF(reasons IS NULL AND kind = '{kind}', {kind}, NULL)").alias(kind) for kind in KINDS),
        "reasons",
        F.expr("IF(reasons IS NULL, NULL, source)").alias("source"),
    )


def _kind(topics: Topics) -> Column:
    by_topic = {topics.labels: "label", topics.customers: "customer", topics.merchants: "merchant"}
    kind = F.lit("transaction")
    for topic, name in by_topic.items():
        kind = F.when(F.col("topic") == topic, F.lit(name)).otherwise(kind)
    return kind


def _unreadable(max_bytes: int) -> str:
    return rf"""CASE
        WHEN value IS NULL THEN 'tombstone'
        WHEN octet_length(value) > {max_bytes} THEN 'too_large'
        WHEN NOT is_valid_utf8(CAST(value AS STRING)) THEN 'invalid_utf8'
        WHEN CAST(value AS STRING) RLIKE r'\A\s*\z' THEN 'empty'
    END"""


def _parse(record: type) -> Column:
    """Returns a list of two structs of texts, the record's fields and a mark, where the value is exactly one JSON object.

    Spark's JSON readers stop at the end of the first object and drop what follows without a word. Hence the list around the value,
    and the mark behind it: anything but an object makes another list than these two, or none.
    """
    item = T.StructType([*wire_schema(record).fields, T.StructField(_END, T.StringType())])
    return F.from_json(F.expr(f"""concat('[', _text, ',{{"{_END}":"1"}}]')"""), T.ArrayType(item), _JSON_OPTIONS)


def _is_one_object(kind: str) -> str:
    items = f"_{kind}"
    found = f"{items} IS NOT NULL AND size({items}) = 2 AND {items}[0] IS NOT NULL"
    return f"({found} AND {items}[1].{_END} <=> '1' AND _names IS NOT NULL)"


def _text_of(kind: str, name: str) -> str:
    return f"_{kind}[0].{name}"


def _typed(kind: str, record: type) -> str:
    hints = get_type_hints(record)
    values = (f"'{one.name}', {_read(_text_of(kind, one.name), hints[one.name])}" for one in fields(record))
    return f"named_struct({', '.join(values)})"


def _read(text: str, hint: Any) -> str:
    """Returns the value that the text stands for; null where it stands for none. The forms are the codec's."""
    if get_origin(hint) is Literal:
        allowed = ", ".join(f"'{one}'" for one in get_args(hint))
        return f"IF({text} IN ({allowed}), {text}, NULL)"
    kind = plain(hint)
    if kind is str:
        return f"IF(length({text}) > 0 AND NOT startswith({text}, '{{') AND NOT startswith({text}, '['), {text}, NULL)"
    if kind is bool:
        return f"CASE {text} WHEN 'true' THEN true WHEN 'false' THEN false END"
    pattern, spark_type = _FORMS[kind]
    value = rf"IF({text} RLIKE r'\A(?:{pattern.pattern})\z', TRY_CAST({text} AS {spark_type}), NULL)"
    return f"IF(abs({value}) < DOUBLE('infinity'), {value}, NULL)" if kind is float else value


_FORMS: Mapping[Any, tuple[re.Pattern[str], str]] = {
    int: (INTEGER, "BIGINT"),
    float: (NUMBER, "DOUBLE"),
    Decimal: (AMOUNT, AMOUNT_TYPE.simpleString()),
    datetime: (TIME, "TIMESTAMP"),
    date: (DATE, "DATE"),
}


def _reasons(max_future: timedelta, max_age: timedelta) -> str:
    """Returns the reason codes of a record that cannot be used, null for the others."""
    by_kind = (
        f"""WHEN kind = '{kind}' AND NOT {_is_one_object(kind)} THEN array('not_a_json_object')
            WHEN kind = '{kind}' THEN {_reasons_of(kind, record, max_future, max_age)}"""
        for kind, record in KINDS.items()
    )
    return f"CASE WHEN _unreadable IS NOT NULL THEN array(_unreadable) {' '.join(by_kind)} END"


def _reasons_of(kind: str, record: type, max_future: timedelta, max_age: timedelta) -> str:
    reasons = [(_has_unknown(kind, record), "unknown_field")]
    for one in fields(record):
        text = _text_of(kind, one.name)
        if one.default is MISSING:
            reasons.append((f"{text} IS NULL", f"missing:{one.name}"))
        reasons.append((f"{text} IS NOT NULL AND {kind}.{one.name} IS NULL", f"invalid:{one.name}"))
    if kind == "transaction":
        # Against Kafka's time, not a clock: a replay of the same record must end the same.
        event_time = "transaction.event_time"
        reasons.append((f"{event_time} > ingest_time + {_interval(max_future)}", "event_time_in_future"))
        reasons.append((f"{event_time} < ingest_time - {_interval(max_age)}", "event_time_too_old"))
    codes = ", ".join(f"IF({condition}, '{code}', NULL)" for condition, code in reasons)
    any_reason = " OR ".join(f"coalesce({condition}, false)" for condition, _ in reasons)
    return f"IF({any_reason}, array_compact(array({codes})), NULL)"


def _interval(span: timedelta) -> str:
    return f"INTERVAL '{span.total_seconds():.3f}' SECOND"


def _has_unknown(kind: str, record: type) -> str:
    """Returns whether the object has other names than the contract's, or one twice.

    Counting is the quick way, and enough where nothing is null; comparing names is the exact one.
    """
    known = [one.name for one in fields(record)]
    count = " + ".join(f"INT({_text_of(kind, name)} IS NOT NULL)" for name in known)
    names = ", ".join(f"'{name}'" for name in known)
    return f"size(_names) <> {count} AND size(_names) <> size(array_intersect(_names, array({names})))"
