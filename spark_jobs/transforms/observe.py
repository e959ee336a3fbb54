"""What is counted of events on their way: Spark hands the counts over with each progress event (spark_jobs/metrics.py)."""

from collections.abc import Iterable
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contract.fields import fields_of
from spark_jobs.schema import KINDS
from spark_jobs.transforms.decode import REASON_CODES, REJECTED

OBSERVATION = "detector"
KIND_NAMES = (*KINDS, REJECTED)
DECISIONS = ("approve", "review", "decline")
FAILED_RULE = "failed_rule_"
OPTIONAL = sorted({one.name for record in KINDS.values() for one in fields_of(record) if not one.strict})
"""The fields that are taken for absent where they cannot be read."""
PAYMENTS = {
    "card": "features.card_count_30d",
    "terminal": "greatest(features.terminal_count_1d, features.terminal_count_30d_delay_7d)",
}
"""By group, the payments in the widest of a key's windows: what its state grows with."""
UNSCORED = {
    "champion": "score.model_version IS NOT NULL AND score.fraud_score IS NULL",
    "challenger": "score.challenger_version IS NOT NULL AND score.challenger_score IS NULL",
}
"""By role, whether its model gave a payment no score."""


def counted(events: DataFrame) -> list[Column]:
    """Returns what `observe` reads of decided events. `newest` is Kafka's timestamp, null where that lies in the future."""
    kernel: Any = events.sparkSession.sparkContext._jvm.frauddetection.kafka  # type: ignore[union-attr]
    clock = Column(kernel.Clock.apply(F.coalesce(F.col("ingest_time"), F.timestamp_seconds(F.lit(0)))._jc))
    newest = F.when(F.col("ingest_time") <= clock, F.col("ingest_time")).alias("newest")
    codes = F.transform("reasons", lambda reason: F.substring_index(reason, ":", 1)).alias("reason_codes")
    payments = (F.expr(expression).alias(f"payments_{group}") for group, expression in PAYMENTS.items())
    unscored = (F.expr(condition).alias(f"unscored_{role}") for role, condition in UNSCORED.items())
    difference = F.abs(F.col("score.challenger_score") - F.col("score.fraud_score")).alias("challenger_difference")
    names = ("kind", "decision", "notes", "unknown", "mixed_currencies", "failed_rules", "held_back")
    return [newest, *map(F.col, names), codes, difference, *payments, *unscored, F.col("score.scored_by")]


def observe(events: DataFrame, rules: Iterable[str]) -> DataFrame:
    """Returns the events, which have the columns of `counted`, unchanged; `rules` are the names of those that were asked."""
    is_transaction = F.col("kind") == "transaction"
    return events.observe(
        OBSERVATION,
        F.max("newest").alias("newest"),
        F.count_if("mixed_currencies").alias("mixed_currencies"),
        *(F.max(f"payments_{group}").alias(f"largest_{group}") for group in PAYMENTS),
        F.count_if("held_back").alias("held_back"),
        F.collect_set("scored_by").alias("scored_by"),
        *(F.count_if(f"unscored_{role}").alias(f"unscored_{role}") for role in UNSCORED),
        *(F.count_if(F.col("kind") == kind).alias(f"kind_{kind}") for kind in KIND_NAMES),
        *(F.count_if(is_transaction & (F.col("decision") == one)).alias(f"decision_{one}") for one in DECISIONS),
        *(F.count_if(F.array_contains("reason_codes", code)).alias(f"reason_{code}") for code in REASON_CODES),
        *(F.count_if(F.array_contains("notes", name)).alias(f"note_{name}") for name in OPTIONAL),
        *(F.count_if(F.array_contains("failed_rules", name)).alias(f"{FAILED_RULE}{name}") for name in rules),
        F.count("challenger_difference").alias("challenged"),
        F.coalesce(F.sum("challenger_difference"), F.lit(0.0)).alias("challenger_difference"),
        F.coalesce(F.sum("unknown"), F.lit(0)).alias("unknown"),
    )
