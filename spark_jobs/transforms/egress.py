"""Decided events to Kafka records in the contract's JSON: a scored transaction, perhaps an alert, or a dead letter."""

from datetime import datetime
from decimal import Decimal
from typing import get_type_hints

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contract import SCHEMA_VERSION, Topics, Transaction
from spark_jobs.schema import TRANSACTION_COLUMNS, plain
from spark_jobs.transforms.decode import REJECTED

ALERT_DOMAIN = "fraud-alert:"
"""Put before the transaction_id when hashing: an alert_id is the id of nothing else."""

KIB = 1024
MAX_VALUE, MAX_KEY, MAX_HEADERS = 400 * KIB, 64 * KIB, 32 * KIB
"""What a dead letter repeats of a record. In base64, with the key twice and headers escaped, that stays below Kafka's 1 MiB."""

_TIME_FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"
_RECORD = "struct<topic:string,key:binary,value:binary>"


def egress(decided: DataFrame, topics: Topics) -> DataFrame:
    """Returns the Kafka records, columns `topic`, `key`, `value`: one or two a transaction, one a rejected record.

    A value holds no clock reading and nothing of the run: the same input gives the same bytes. Labels, customers and merchants give
    none.
    """
    is_transaction = F.col("kind") == "transaction"
    card = F.col("transaction.card_id").cast("binary")
    records = F.array(
        F.when(is_transaction, _record(topics.scored, card, _scored())),
        F.when(is_transaction & (F.col("decision") != "approve"), _record(topics.alerts, card, _alert())),
        F.when(F.col("kind") == REJECTED, _record(topics.rejected, F.substring("source.key", 1, MAX_KEY), _rejected())),
    )
    return decided.select(F.explode(F.array_compact(records)).alias("record")).select("record.*")


def alerts(decided: DataFrame) -> DataFrame:
    """Returns the alerts alone, column `value`: the contract's JSON as text."""
    return decided.where((F.col("kind") == "transaction") & (F.col("decision") != "approve")).select(
        F.to_json(_alert()).alias("value")
    )


def _record(topic: str, key: Column, value: Column) -> Column:
    return F.struct(F.lit(topic).alias("topic"), key.alias("key"), F.to_json(value).cast("binary").alias("value")).cast(_RECORD)


def _time(name: str) -> Column:
    return F.date_format(name, _TIME_FORMAT)


def _transaction() -> Column:
    hints = get_type_hints(Transaction)
    return F.struct(*(_on_wire(f"transaction.{name}", plain(hints[name])).alias(name) for name in TRANSACTION_COLUMNS))


def _on_wire(name: str, kind: type) -> Column:
    if kind is datetime:
        return _time(name)
    return F.col(name).cast("string") if kind is Decimal else F.col(name)


def _scored() -> Column:
    return F.struct(_transaction().alias("transaction"), "features", "decision", "rules", "ruleset_version")


def _alert() -> Column:
    return F.struct(
        F.sha2(F.concat(F.lit(ALERT_DOMAIN), "transaction.transaction_id"), 256).alias("alert_id"),
        "transaction.transaction_id",
        F.col("transaction.customer_id").alias("user_id"),
        _time("transaction.event_time").alias("timestamp"),
        "decision",
        F.col("reasons_to_alert").alias("reasons"),
        "rules",
        "transaction.card_id",
        F.col("transaction.amount").cast("string").alias("amount"),
        "transaction.currency",
        F.col("transaction.merchant_id").alias("merchant"),
        "ruleset_version",
    )


def _rejected() -> Column:
    key, value, headers = F.col("source.key"), F.col("source.value"), F.col("source.headers")
    sizes = F.transform(headers, lambda one: F.octet_length(one["key"]) + F.coalesce(F.octet_length(one["value"]), F.lit(0)))
    headers_fit = F.coalesce(F.aggregate(sizes, F.lit(0), lambda total, size: total + size) <= MAX_HEADERS, F.lit(True))
    whole = (
        F.coalesce(F.octet_length(key) <= MAX_KEY, F.lit(True))
        & F.coalesce(F.octet_length(value) <= MAX_VALUE, F.lit(True))
        & headers_fit
    )
    return F.struct(
        "source.topic",
        "source.partition",
        "source.offset",
        _time("source.timestamp").alias("timestamp"),
        "reasons",
        F.lit(SCHEMA_VERSION).alias("schema_version"),
        F.substring(key, 1, MAX_KEY).alias("key"),
        F.substring(value, 1, MAX_VALUE).alias("value"),
        F.when(headers_fit & (F.size(headers) > 0), headers).alias("headers"),
        F.when(~whole, F.lit(True)).alias("truncated"),
    )
