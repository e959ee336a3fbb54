"""What the model says of a transaction: the one place where Python calls the kernel's scorer (kernel/, Java).

The kernel reads the model store by itself, and takes up a promotion while the stream runs. A row is scored once, by one model, and
bears its version from then on.
"""

from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from spark_jobs.features import FEATURE_COLUMNS, FEATURE_SET, IS_PAYMENT, MODEL_INPUTS

_NO_SCORE = (
    "struct<fraud_score:double,model_version:string,model_decision:string,challenger_score:double,challenger_version:string,"
    "scored_by:string>"
)
"""Type of an event's `score`; the decision is approve, review or decline, by the model's own thresholds; `scored_by` is counted."""

_NO_CONTRIBUTIONS = "array<struct<feature:string,value:double,usual:double,contribution:double>>"

_INPUTS_SCHEMA = T.StructType([T.StructField(name, T.DoubleType()) for name in MODEL_INPUTS]).json()
"""Schema of the struct of a model's inputs, as JSON."""


class ModelSource(NamedTuple):
    """Where models come from."""

    store: str
    """Folder or s3a:// URL of the model store (docs/how-to/promote-a-model.md)."""
    poll_s: int
    """Seconds between two looks at which model is the champion."""
    public_key: str | None = None
    """Base64 of the Ed25519 key, X.509 in DER, by which a version has to be signed; None: none has to be."""


def score(events: DataFrame, models: ModelSource | None) -> DataFrame:
    """Returns the events with `score`: the champion's, and the challenger's if there is one.

    Null where there is no payment, as a refund or a reversal is none, or no model: without a store, and as long as the store has
    no champion.
    """
    if models is None:
        return events.withColumn("score", F.lit(None).cast(_NO_SCORE))
    scorer: Any = events.sparkSession.sparkContext._jvm.frauddetection.scoring.Score  # type: ignore[union-attr]
    return events.withColumn("score", Column(scorer.apply(_inputs()._jc, _INPUTS_SCHEMA, FEATURE_SET, *models)))


def explain(decided: DataFrame, models: ModelSource | None) -> DataFrame:
    """Returns the decided events with `contributions`: of an alert, the three features that moved its score most.

    A contribution is what the model gives, before calibration, less what it gives with the usual value in its place. Null where
    there is no alert, or no model.
    """
    if models is None:
        return decided.withColumn("contributions", F.lit(None).cast(_NO_CONTRIBUTIONS))
    explainer: Any = decided.sparkSession.sparkContext._jvm.frauddetection.scoring.Explain  # type: ignore[union-attr]
    version = F.col("score.model_version")
    found = Column(explainer.apply(_inputs()._jc, _INPUTS_SCHEMA, FEATURE_SET, *models, version._jc))
    is_alert = (F.col("kind") == "transaction") & (F.col("decision") != "approve")
    return decided.withColumn("contributions", F.when(is_alert & version.isNotNull(), found))


def _inputs() -> Column:
    """Returns the struct of MODEL_INPUTS; null where there is no payment."""
    amount = F.col("transaction.amount").cast("double").alias("amount")
    is_payment = (F.col("kind") == "transaction") & F.expr(IS_PAYMENT)
    return F.when(is_payment, F.struct(amount, *(F.col(f"features.{name}") for name in FEATURE_COLUMNS)))
