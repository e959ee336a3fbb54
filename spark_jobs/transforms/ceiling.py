"""Not more than so many declines a minute: a rule or a model that has gone wrong then asks people, and turns nobody away."""

from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

REASON = "Decline ceiling: not more than {} declines a minute, so this is for review"


def hold_back(decided: DataFrame, max_declines: int | None) -> DataFrame:
    """Returns the decided events with `held_back`: what would be declined and is to be reviewed instead, with that as first reason.

    Of the payments of one minute, by Kafka's timestamps, at most `max_declines` are declined, all tasks together; null: all that
    would be. What a repeat and a restart see is in docs/adr/0026.
    """
    if max_declines is None:
        return decided.withColumn("held_back", F.lit(False))
    ceiling: Any = decided.sparkSession.sparkContext._jvm.frauddetection.decision.Ceiling  # type: ignore[union-attr]
    is_decline = F.coalesce((F.col("kind") == "transaction") & (F.col("decision") == "decline"), F.lit(False))
    counted = decided.withColumn("held_back", Column(ceiling.apply(is_decline._jc, F.col("ingest_time")._jc, max_declines)))
    reasons = F.concat(F.array(F.lit(REASON.format(max_declines))), F.col("reasons_to_alert"))
    return counted.withColumns(
        {
            "decision": F.when(F.col("held_back"), "review").otherwise(F.col("decision")),
            "reasons_to_alert": F.when(F.col("held_back"), reasons).otherwise(F.col("reasons_to_alert")),
        }
    )
