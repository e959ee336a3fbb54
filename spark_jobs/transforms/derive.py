"""Row-wise features: what a transaction tells by itself."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs.features import ROW_FEATURES


def derive(events: DataFrame) -> DataFrame:
    """Returns the events with `features`, a struct of doubles in the order of ROW_FEATURES; null where there is no transaction."""
    flat = events.select(F.struct("*").alias("_event"), "transaction.*")
    features = F.struct(*(F.expr(feature.expression).cast("double").alias(feature.name) for feature in ROW_FEATURES))
    return flat.select("_event.*", features.alias("features"))
