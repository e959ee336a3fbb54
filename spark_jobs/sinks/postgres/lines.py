"""Rows as lines of COPY's text format, made by Spark: tasks only pass bytes on.

Columns are those of the tables in migrations/. What PostgreSQL cannot hold is replaced: a text has no NUL there, and one that is
indexed is cut to what an index takes; the lake has the whole.
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

LONGEST = 500
"""Characters, at most 2,000 bytes: PostgreSQL indexes up to a third of a page of 8 KiB."""

KEYS: Mapping[str, str] = {
    "scored": "transaction_id, card_id",
    "alerts": "alert_id",
    "labels": "transaction_id, card_id, coalesce(source, ''), CAST(unix_micros(event_time) AS STRING)",
}
"""What is digested for `key`, beside the time that is in the primary key: no two of a table are alike, but repeats."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "scored": (
        *("event_time", "key", "transaction_id", "card_id", "customer_id", "terminal_id", "merchant_id", "merchant_category"),
        *("amount", "currency", "channel", "country", "response_code", "transaction_type", "billing_amount", "billing_currency"),
        *("merchant_country", "device_id", "decision", "rules", "ruleset_version", "fraud_score", "model_version"),
        *("challenger_score", "challenger_version"),
    ),
    "alerts": (
        *("timestamp", "key", "alert_id", "transaction_id", "user_id", "decision", "reasons", "rules", "card_id", "amount"),
        *("currency", "merchant", "ruleset_version", "fraud_score", "model_version", "contributions"),
    ),
    "labels": (
        *("labelled_at", "key", "transaction_id", "card_id", "terminal_id", "event_time", "is_fraud", "scenario", "campaign_id"),
        *("source", "labelled_by"),
    ),
}

_REPLACEMENT = "�"
_NULL_IN_JSON = r"(?<!\\)((?:\\\\)*)\\u0000"


def lines(name: str, rows: DataFrame) -> DataFrame:
    """Returns one column, `line`, of the rows of a dataset of `transforms.stored`."""
    key = F.expr(f"concat('\\\\\\\\x', sha2(concat_ws('\\n', {KEYS[name]}), 256))")
    types = {field.name: field.dataType for field in rows.schema}
    texts = (key if one == "key" else _text(F.col(one), types[one]) for one in COLUMNS[name])
    return rows.select(F.concat_ws("\t", *(F.coalesce(text, F.lit(r"\N")) for text in texts)).alias("line"))


def _text(value: Column, of: T.DataType) -> Column:
    """Returns a value as COPY reads it, null where there is none or PostgreSQL has no such time."""
    match of:
        case T.StringType():
            return _escaped(F.substring(value, 1, LONGEST))
        case T.TimestampType():
            return F.when(F.year(value).between(1, 9999), F.date_format(value, "yyyy-MM-dd HH:mm:ss.SSSSSS+00"))
        case T.ArrayType(elementType=T.StringType()):
            quoted = F.transform(value, lambda one: F.concat(F.lit('"'), _replaced(one, ("\\", "\\\\"), ('"', '\\"')), F.lit('"')))
            return _escaped(F.concat(F.lit("{"), F.array_join(quoted, ","), F.lit("}")))
        case T.ArrayType():
            return _escaped(F.regexp_replace(F.to_json(value), _NULL_IN_JSON, "$1\\\\ufffd"))
        case _:
            return value.cast("string")


def _escaped(text: Column) -> Column:
    return _replaced(text, ("\\", "\\\\"), ("\0", _REPLACEMENT), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def _replaced(text: Column, *pairs: tuple[str, str]) -> Column:
    for old, new in pairs:
        text = F.replace(text, F.lit(old), F.lit(new))
    return text
