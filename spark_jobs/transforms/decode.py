"""Kafka records to events: typed where they keep the contract, rejected with reason codes where they do not. None is lost.

The kernel reads the JSON (kernel/, Java); what it accepts is said here, from the contract. docs/adr/0011 tells why.
"""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contract import Tolerance
from contract.card_numbers import LIKE_A_NETWORKS, LIKE_ANY
from contract.currencies import CURRENCIES
from contract.fields import Amount, CurrencyCode, Degrees, Identifier, OneOf, RecordField, fields_of
from contract.scalars import SCALARS
from spark_jobs.schema import KINDS, schema
from spark_jobs.transforms.mapping import PROFILE_KEYS, UNREADABLE

REJECTED = "rejected"

REASON_CODES: Mapping[str, str] = {
    "tombstone": "The record has a key and no value, which means something for customers and merchants alone: it deletes them",
    "invalid_timestamp": "Kafka's timestamp of the record is not in the years 1970 to 2999: its sender does not count milliseconds",
    "empty": "The value is empty or white space",
    "too_large": "The value has more bytes than `limits.max_bytes`",
    "compressed": "The value begins as gzip, zstd, lz4, snappy or zlib do: the sender compresses it, in place of Kafka",
    "schema_registry_frame": "The value begins as the clients of a schema registry begin one: Avro, Protobuf or framed JSON",
    "invalid_utf8": "The value is not UTF-8",
    "not_a_json_object": "The value is not one JSON object, or something follows it",
    "envelope": "The object has no field of the contract, but others inside: the payment is wrapped, as by Debezium or CloudEvents",
    "unknown_field": "The object has a field that the contract does not know, and `limits.unknown_fields` is refuse",
    "repeated": "The object has a field twice; the code ends in its name: repeated:amount",
    "missing": "A required field is absent, null or without a character; the code ends in its name: missing:amount",
    "invalid": "A field's text is not of its type or out of its range; the code ends in its name: invalid:amount",
    "card_number": "An identifier looks like the number of a payment card; the code ends in its name: card_number:card_id",
    "event_time_in_future": "event_time is later than Kafka's timestamp, or the detector's clock, by more than `limits.max_future`",
    "event_time_too_old": "event_time is earlier than Kafka's timestamp of the record by more than `limits.max_age`",
    "labelled_at_in_future": "labelled_at is later than the detector's clock by more than `limits.max_future`",
    "updated_at_in_future": "updated_at of a profile is later than the detector's clock by more than `limits.max_future`",
    "skipped": "`fraud skip` has stepped over the record, which could not be read; the code ends in the reason that was given",
    **UNREADABLE,
}
"""Every reason code that a rejected record can bear, up to the colon, with its meaning."""

BESIDE: Mapping[str, str] = {
    "origin": "struct<topic:string,partition:int,offset:bigint,element:int>",
    "notes": "array<string>",
    "unknown": "int",
    "deleted": "string",
    "reasons": "array<string>",
    "source": "struct<key:binary,value:binary,headers:array<struct<key:string,value:binary>>>",
}
"""The columns of an event that say how it was read, by name, with Spark's types; null where it does not come from Kafka."""

_WITHIN_A_CALENDAR = "least(greatest(timestamp, timestamp'1970-01-01 00:00:00Z'), timestamp'2999-12-31 23:59:59.999Z')"
"""Kafka takes any number for a timestamp. A dead letter's own time is to be readable all the same."""

_MICROSECOND = timedelta(microseconds=1)
_BY_PATTERN = [SCALARS[python] for python in (int, float, Decimal, date)]
"""What the kernel judges by the contract's patterns; texts, booleans and times it knows by itself."""
_TIMES = {"label": ("event_time", "labelled_at"), "customer": ("updated_at",), "merchant": ("updated_at",)}
"""By kind, the times that may not be later than the reader's clock. Those of a transaction are held against Kafka's too."""


class Limits(Protocol):
    """What an input record may be before it is rejected; spark_jobs.settings.Limits describes each."""

    @property
    def max_bytes(self) -> int: ...  # noqa: D102

    @property
    def max_future(self) -> timedelta: ...  # noqa: D102

    @property
    def max_age(self) -> timedelta: ...  # noqa: D102

    @property
    def tolerance(self) -> Tolerance: ...  # noqa: D102


def decode(mapped: DataFrame, limits: Limits) -> DataFrame:
    """Returns one event a record of `mapping`, which has all columns of Spark's Kafka source, and `read_by`, the reader's clock.

    An event has `kind` (transaction, label, customer, merchant or rejected), `ingest_time` (Kafka's timestamp, or the nearest time
    of the years 1970 to 2999), one typed struct a kind (null for the others), `origin` (where in Kafka it was, and
    its place in a value that is an array), `notes` (names of optional fields that could not be read, null where there are none),
    `unknown` (how many of its fields the contract does not know), `deleted` (the key of a profile that is deleted: its struct is
    null), and for a rejected one `reasons` (codes of REASON_CODES) and `source` (the record as it came; of a foreign one card
    numbers are hidden: no more than a token of them should go on). No input fails: each check ends in a reason code.
    """
    jvm: Any = mapped.sparkSession.sparkContext._jvm
    columns: list[Any] = [F.col(name) for name in ("kind", "timestamp", "read_by", "key", "value", "mapped", "unreadable")]
    read = Column(jvm.frauddetection.wire.Decoder.apply(*(column._jc for column in columns), _plan(limits)))
    framed = mapped.select(
        read.alias("_read"),
        F.expr(_WITHIN_A_CALENDAR).alias("ingest_time"),
        F.struct("topic", "partition", "offset", "element").alias("origin"),
        "key",
        "value",
        "headers",
        "foreign",
    )
    repeated = F.struct("key", "value", "headers")
    hidden = Column(jvm.frauddetection.wire.CardNumbers.hiddenIn(*(F.col(name)._jc for name in ("key", "value", "headers"))))
    return framed.select(
        "_read.kind",
        "ingest_time",
        *(f"_read.{kind}" for kind in KINDS),
        "origin",
        *(f"_read.{name}" for name in ("notes", "unknown", "deleted", "reasons")),
        F.when(F.col("_read.reasons").isNotNull(), F.when(F.col("foreign"), hidden).otherwise(repeated)).alias("source"),
    )


def _plan(limits: Limits) -> str:
    """Returns what the kernel is told (kernel: DecodePlan.java)."""
    pass_card_numbers = limits.tolerance.card_numbers
    return json.dumps(
        {
            "kinds": [
                {
                    "name": kind,
                    "schema": schema(record).json(),
                    "fields": [_field(one) for one in fields_of(record)],
                    "times": _times(kind, limits),
                    "deletes": kind in PROFILE_KEYS,
                }
                for kind, record in KINDS.items()
            ],
            "patterns": {one.spark: one.texts.pattern for one in _BY_PATTERN},
            "decimals": {code: one.decimals for code, one in CURRENCIES.items()},
            "token": None if pass_card_numbers else LIKE_ANY.pattern,
            "cardNumber": None if pass_card_numbers else LIKE_A_NETWORKS.pattern,
            "maxBytes": limits.max_bytes,
            "unknownFields": limits.tolerance.unknown_fields,
        }
    )


def _times(kind: str, limits: Limits) -> list[dict[str, Any]]:
    latest = limits.max_future // _MICROSECOND
    if kind == "transaction":
        return [{"field": "event_time", "maxFuture": latest, "maxAge": limits.max_age // _MICROSECOND}]
    return [{"field": name, "maxFuture": latest, "maxAge": None} for name in _TIMES[kind]]


def _field(field: RecordField) -> dict[str, Any]:
    limit, most, currency = None, 0.0, None
    match field.limit:
        case Identifier(token):
            limit = "token" if token else "identifier"
        case Degrees(angle):
            limit, most = "degrees", angle
        case CurrencyCode():
            limit = "currency"
        case Amount(of):
            limit, currency = "amount", of
    return {
        "name": field.name,
        "required": field.required,
        "strict": field.strict,
        "allowed": list(field.shape.allowed) if isinstance(field.shape, OneOf) else None,
        "limit": limit,
        "most": most,
        "currency": currency,
    }
