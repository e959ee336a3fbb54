"""What the model and the rules know about a transaction besides its own fields: one definition, read by stream and training."""

from typing import NamedTuple


class RowFeature(NamedTuple):
    """A feature that needs nothing but the transaction: a Spark SQL expression over its fields."""

    name: str
    expression: str
    meaning: str


ROW_FEATURES = (
    RowFeature(
        "is_weekend",
        "weekday(event_time) >= 5",
        "Saturday or Sunday, UTC (Fraud Detection Handbook, TX_DURING_WEEKEND)",
    ),
    RowFeature(
        "is_night",
        "hour(event_time) <= 6",
        "Hour 0 to 6, UTC (Fraud Detection Handbook, TX_DURING_NIGHT, as its code has it)",
    ),
)

FEATURE_COLUMNS: tuple[str, ...] = tuple(feature.name for feature in ROW_FEATURES)
"""Names of all features, in order."""
