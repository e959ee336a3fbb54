"""What the model and the rules know about a transaction besides its own fields: one definition, read by stream and training.

docs/reference/features.md lists all.

The vocabulary is Chronon's: a GroupBy keeps the events of one key and aggregates them over windows.

- Windows are exact, per event, trailing, in event time: (t - w, t], the current event included; with a delay: (t - d - w, t - d].
- An event sees what had arrived before it and is not younger than itself. In batch the order of arrival is event_time for
  transactions and labelled_at for labels; in the stream it is the order of processing. A late event is inserted at its own time.
- Ties at one instant are ordered by transaction_id. A repeat, of the same event_time and transaction_id, changes nothing.
- A key's events are forgotten once its newest transaction is the longest window and its delay ahead of them; a profile stays.
"""

import hashlib
import json

from contract import Customer, Label, Merchant, Transaction
from spark_jobs.aggregations import (
    Aggregation,
    Condition,
    GroupBy,
    Operation,
    RowFeature,
    check_row_features,
    days,
    distance_km,
    hours,
    minutes,
    short,
    spoken,
)

COUNT, SUM, AVERAGE, VARIANCE, MAX = Operation.COUNT, Operation.SUM, Operation.AVERAGE, Operation.VARIANCE, Operation.MAX
LAST, UNIQUE_COUNT, COUNT_SAME = Operation.LAST, Operation.UNIQUE_COUNT, Operation.COUNT_SAME
SECONDS_SINCE_LAST = Operation.SECONDS_SINCE_LAST

MATURITY = days(7)
"""How long it takes until most frauds are known (Fraud Detection Handbook, 7 days): what is younger tells nothing about risk."""

DECLINED = Condition("declined", "transaction.response_code <> 'approved'")
FRAUD = Condition("fraud", "label.is_fraud")
GENUINE = Condition("genuine", "NOT label.is_fraud")

TERMINAL = GroupBy(
    name="terminal",
    key="terminal_id",
    retention=days(37),
    aggregations=(
        Aggregation(COUNT, windows=(minutes(10), hours(1), days(1))),
        Aggregation(COUNT, windows=(days(1), days(7), days(14), days(28), days(30)), delay=MATURITY),
        Aggregation(COUNT, of=Label, where=FRAUD, windows=(days(1), days(7), days(14), days(28), days(30)), delay=MATURITY),
        Aggregation(SECONDS_SINCE_LAST, of=Label, where=FRAUD, windows=(days(30),), delay=MATURITY),
        Aggregation(SECONDS_SINCE_LAST, of=Label, where=GENUINE, windows=(days(30),), delay=MATURITY),
        Aggregation(COUNT, where=DECLINED, windows=(minutes(10), hours(1))),
        Aggregation(UNIQUE_COUNT, "card_id", windows=(minutes(10), hours(1), days(1))),
        Aggregation(AVERAGE, "amount", windows=(hours(1), days(1), days(30))),
        Aggregation(LAST, "onboarding_date", of=Merchant, feature=False),
    ),
)
"""What a terminal has seen: the Handbook's risk, enumeration of cards, skimming, a merchant's bust-out."""

CARD = GroupBy(
    name="card",
    key="card_id",
    retention=days(37),
    aggregations=(
        Aggregation(COUNT, windows=(minutes(10), hours(1), days(1), days(7), days(30))),
        Aggregation(SUM, "amount", windows=(hours(1), days(1))),
        Aggregation(AVERAGE, "amount", windows=(days(1), days(7), days(30))),
        Aggregation(VARIANCE, "amount", windows=(days(7), days(30)), feature=False),
        Aggregation(MAX, "amount", windows=(days(30),)),
        Aggregation(COUNT, of=Label, where=FRAUD, windows=(days(30),), delay=MATURITY),
        Aggregation(COUNT, where=DECLINED, windows=(hours(1), days(1))),
        Aggregation(UNIQUE_COUNT, "terminal_id", windows=(hours(1), days(1))),
        Aggregation(COUNT_SAME, "device_id", windows=(days(30),)),
        Aggregation(COUNT_SAME, "terminal_id", windows=(days(30),)),
        Aggregation(SECONDS_SINCE_LAST, windows=(days(30),)),
        Aggregation(SECONDS_SINCE_LAST, "latitude", windows=(days(30),), feature=False),
        Aggregation(LAST, "latitude", windows=(days(30),), feature=False),
        Aggregation(LAST, "longitude", windows=(days(30),), feature=False),
        Aggregation(LAST, "home_latitude", of=Customer, feature=False),
        Aggregation(LAST, "home_longitude", of=Customer, feature=False),
        Aggregation(LAST, "signup_date", of=Customer, feature=False),
    ),
)
"""What a card has done: the Handbook's spending, bursts, a new device, a journey too fast."""

GROUPS = (TERMINAL, CARD)
"""In the order in which the pipeline runs them."""


def _risk(window: str) -> str:
    return f"coalesce(terminal_fraud_count_{window}_delay_7d / nullif(terminal_count_{window}_delay_7d, 0), 0)"


def _past_mean(window: str) -> str:
    """Returns the mean of the card's earlier amounts: the window's, less the current one."""
    count = f"card_count_{window}"
    return f"((card_average_amount_{window} * {count} - amount) / nullif({count} - 1, 0))"


_SINCE_LAST_H = "nullif(card_seconds_since_last_latitude_30d, 0) / 3600"
_JOURNEY_KM = distance_km("card_last_latitude_30d", "card_last_longitude_30d", "latitude", "longitude")

YES_OR_NO = "1 or 0"

ROW_FEATURES = (
    RowFeature(
        "is_weekend",
        "weekday(event_time) >= 5",
        "Whether it is Saturday or Sunday, UTC (Fraud Detection Handbook, TX_DURING_WEEKEND)",
        YES_OR_NO,
    ),
    RowFeature(
        "is_night",
        "hour(event_time) <= 6",
        "Whether the hour is 0 to 6, UTC (Fraud Detection Handbook, TX_DURING_NIGHT, as its code has it)",
        YES_OR_NO,
    ),
    *(
        RowFeature(
            f"terminal_risk_{short(window)}",
            _risk(short(window)),
            f"Share known to be fraud of the terminal's transactions in the {spoken(window)} that ended 7 days before; 0 if none"
            + (f" (Fraud Detection Handbook, TERMINAL_ID_RISK_{window.days}DAY_WINDOW)" if window.days in (1, 7, 30) else ""),
            "0 to 1",
        )
        for window in (days(1), days(7), days(14), days(28), days(30))
    ),
    *(
        RowFeature(
            f"amount_to_past_mean_{short(window)}",
            f"amount / nullif({_past_mean(short(window))}, 0)",
            f"The amount divided by the mean of the card's earlier amounts in the last {spoken(window)}",
            "ratio",
            "there are none, or all are 0",
        )
        for window in (days(7), days(30))
    ),
    *(
        RowFeature(
            f"amount_z_score_{short(window)}",
            f"(amount - card_average_amount_{short(window)}) / nullif(sqrt(card_variance_amount_{short(window)}), 0)",
            f"How far the amount lies above the mean of the card's amounts in the last {spoken(window)}, this one included",
            "standard deviations",
            "all amounts are equal",
        )
        for window in (days(7), days(30))
    ),
    RowFeature(
        "amount_to_terminal_mean_30d",
        "amount / nullif(terminal_average_amount_30d, 0)",
        "The amount divided by the mean amount at the terminal in the last 30 days, this one included",
        "ratio",
        "all amounts are 0",
    ),
    RowFeature(
        "speed_kmh",
        f"{_JOURNEY_KM} / ({_SINCE_LAST_H})",
        "Speed of a journey from the card's last purchase with a place to this one",
        "km/h",
        "one of the places is not known, or no time lies between them",
    ),
    RowFeature(
        "home_distance_km",
        distance_km("card_last_home_latitude", "card_last_home_longitude", "latitude", "longitude"),
        "Distance from the holder's home, along a great circle",
        "km",
        "one of the places is not known",
    ),
    RowFeature(
        "account_age_days",
        "unix_date(date(event_time)) - card_last_signup_date",
        "Days since the holder's first day as a customer",
        "days",
        "the profile has not arrived",
    ),
    RowFeature(
        "terminal_age_days",
        "unix_date(date(event_time)) - terminal_last_onboarding_date",
        "Days since the terminal's first day of acceptance",
        "days",
        "the profile has not arrived",
    ),
    RowFeature("is_vpn", "vpn", "Whether the address belongs to a VPN or proxy", YES_OR_NO, "there is no address"),
)
"""Spark SQL over the transaction's fields and all aggregations."""

FEATURE_COLUMNS: tuple[str, ...] = (
    *(feature.name for feature in ROW_FEATURES),
    *(one.name for group in GROUPS for one in group.outputs if one.feature),
)
"""Names of all features, in order."""

MODEL_INPUTS = ("amount", *FEATURE_COLUMNS)
"""What a model may look at: the features, and the one field of the transaction that is a number by itself."""

FEATURE_SET = hashlib.sha256(
    json.dumps([[group.plan for group in GROUPS], [[one.name, one.expression] for one in ROW_FEATURES]]).encode()
).hexdigest()[:12]
"""Twelve hexadecimal digits that name the feature set: another definition has others."""

_known = {*Transaction.__slots__, *(one.name for group in GROUPS for one in group.outputs)}
check_row_features(ROW_FEATURES, _known)
