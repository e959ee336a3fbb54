"""Features: what the transaction tells by itself and together with its history."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs.features import GROUPS, IS_PAYMENT, MIXED_CURRENCIES, ROW_FEATURES


def derive(events: DataFrame) -> DataFrame:
    """Returns the events with `features`, a struct of doubles in the order of FEATURE_COLUMNS, and `mixed_currencies`.

    The struct's fields are null where there is no transaction, and where it is a refund or a reversal. `mixed_currencies` says
    whether the card's amounts are in several currencies. The groups' own columns are gone: what of them is a feature stands in
    `features`.
    """
    groups = [group.name for group in GROUPS]
    flat = events.select("*", "transaction.*", *(f"{name}.*" for name in groups))
    by_row = (F.when(F.expr(IS_PAYMENT), F.expr(feature.expression)).cast("double").alias(feature.name) for feature in ROW_FEATURES)
    kept = (one.name for group in GROUPS for one in group.outputs if one.feature)
    mixed = F.coalesce(F.expr(MIXED_CURRENCIES), F.lit(False)).alias("mixed_currencies")
    return flat.select(*events.drop(*groups).columns, F.struct(*by_row, *kept).alias("features"), mixed)
