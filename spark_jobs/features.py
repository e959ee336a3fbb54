"""What the model and the rules know about a transaction besides its own fields: one definition, read by stream and training.

docs/reference/features.md lists all.

The vocabulary is Chronon's: a GroupBy keeps the events of one key and aggregates them over windows.

- Windows are exact, per event, trailing, in event time: (t - w, t], the current event included; with a delay: (t - d - w, t - d].
- An event sees what had arrived before it and is not younger than itself. In batch the order of arrival is event_time for
  transactions and labelled_at for labels; in the stream it is the order of processing. A late event is inserted at its own time.
- Ties at one instant are ordered by transaction_id. A repeat, of the same event_time and transaction_id, changes nothing.
- A label is that of a transaction which the card or terminal has made, found by transaction_id at the event_time that the label
  names, give or take a second; it counts at the transaction's own time. One that comes before its transaction, or without one, is
  lost. Of several the newest `labelled_at` that has arrived counts; of those of one instant that of a chargeback, then of the
  issuer, the customer, an analyst, synthetic traffic, nobody; of equal ones the first.
- Amounts of a card are what its holder is charged: `billing_amount`, or `amount` where there is none. A terminal's are `amount`.
- A refund or a reversal changes no history, and has no features.
- A key's events are forgotten once its newest transaction is 38 days ahead of them, a day more than the longest window and its
  delay: a transaction that is up to a day late, and others while a clock is up to a day ahead, see every window whole. A profile
  stays until it is deleted.
"""

import hashlib
import json

from contract import Customer, Label, Merchant, Transaction
from spark_jobs.aggregations import GroupBy, check_row_features, distance_km
from spark_jobs.vocabulary import (
    Aggregation,
    Condition,
    Derived,
    Operation,
    Range,
    RowFeature,
    days,
    hours,
    minutes,
    short,
    spoken,
)

COUNT, SUM, AVERAGE, VARIANCE, MAX = Operation.COUNT, Operation.SUM, Operation.AVERAGE, Operation.VARIANCE, Operation.MAX
PAST_AVERAGE = Operation.PAST_AVERAGE
LAST, UNIQUE_COUNT, COUNT_SAME = Operation.LAST, Operation.UNIQUE_COUNT, Operation.COUNT_SAME
SECONDS_SINCE_LAST = Operation.SECONDS_SINCE_LAST

MATURITY = days(7)
"""How long it takes until most frauds are known (Fraud Detection Handbook, 7 days): what is younger tells nothing about risk."""

LATENESS = days(1)
"""By how much a transaction may be late, or another one ahead, and sees every window whole; `limits.max_future` is minutes."""

RETENTION = days(37) + LATENESS
"""The longest window and its delay, 30 and 7 days, and LATENESS."""

WITHOUT_HISTORY = ("refund", "reversal")
"""Types of transactions that take back a payment and are none: they change no history, have no features, and no model sees them."""

IS_PAYMENT = f"(transaction.transaction_type IS NULL OR transaction.transaction_type NOT IN {WITHOUT_HISTORY})"
"""Whether a transaction is a payment, as SQL over an event."""

CHARGED = "coalesce({0}billing_amount, {0}amount)"
"""What the holder is charged, as SQL."""

CHARGED_AMOUNT = Derived("amount", CHARGED.format("transaction."))
CHARGED_CURRENCY = Derived("currency", "IF(transaction.billing_amount IS NULL, transaction.currency, transaction.billing_currency)")

DECLINED = Condition("declined", "transaction.response_code <> 'approved'")
FRAUD = Condition("fraud", "label.is_fraud")
GENUINE = Condition("genuine", "NOT label.is_fraud")

TERMINAL = GroupBy(
    name="terminal",
    key="terminal_id",
    retention=RETENTION,
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
    retention=RETENTION,
    aggregations=(
        Aggregation(COUNT, windows=(minutes(10), hours(1), days(1), days(7), days(30))),
        Aggregation(SUM, CHARGED_AMOUNT, windows=(hours(1), days(1))),
        Aggregation(AVERAGE, CHARGED_AMOUNT, windows=(days(1), days(7), days(30))),
        Aggregation(PAST_AVERAGE, CHARGED_AMOUNT, windows=(days(7), days(30)), feature=False),
        Aggregation(VARIANCE, CHARGED_AMOUNT, windows=(days(7), days(30)), feature=False),
        Aggregation(MAX, CHARGED_AMOUNT, windows=(days(30),)),
        Aggregation(COUNT_SAME, CHARGED_CURRENCY, windows=(days(30),), feature=False),
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


MIXED_CURRENCIES = "card_count_same_currency_30d < card_count_30d"
"""Whether the card's amounts of the last 30 days are in several currencies: they are added up as they are."""

_CHARGED = CHARGED.format("")
_SINCE_LAST_H = "nullif(card_seconds_since_last_latitude_30d, 0) / 3600"
_JOURNEY_KM = distance_km("card_last_latitude_30d", "card_last_longitude_30d", "latitude", "longitude")

YES_OR_NO = "1 or 0"
ZERO_OR_ONE = Range(0, 1)
FROM_ZERO = Range(0)
HALF_ROUND_THE_EARTH = Range(0, 20_016)
"""Kilometres along a great circle of 6,371 km radius."""

ROW_FEATURES = (
    RowFeature(
        "is_weekend",
        "weekday(event_time) >= 5",
        "Whether it is Saturday or Sunday, UTC (Fraud Detection Handbook, TX_DURING_WEEKEND)",
        YES_OR_NO,
        ZERO_OR_ONE,
    ),
    RowFeature(
        "is_night",
        "hour(event_time) <= 6",
        "Whether the hour is 0 to 6, UTC (Fraud Detection Handbook, TX_DURING_NIGHT, as its code has it)",
        YES_OR_NO,
        ZERO_OR_ONE,
    ),
    *(
        RowFeature(
            f"terminal_risk_{short(window)}",
            _risk(short(window)),
            f"Share known to be fraud of the terminal's transactions in the {spoken(window)} that ended 7 days before; 0 if none"
            + (f" (Fraud Detection Handbook, TERMINAL_ID_RISK_{window.days}DAY_WINDOW)" if window.days in (1, 7, 30) else ""),
            "share",
            ZERO_OR_ONE,
        )
        for window in (days(1), days(7), days(14), days(28), days(30))
    ),
    *(
        RowFeature(
            f"amount_to_past_mean_{short(window)}",
            f"{_CHARGED} / nullif(card_past_average_amount_{short(window)}, 0)",
            f"The amount divided by the mean of the card's earlier amounts in the last {spoken(window)}",
            "ratio",
            FROM_ZERO,
            "there are none, or all are 0",
        )
        for window in (days(7), days(30))
    ),
    *(
        RowFeature(
            f"amount_z_score_{short(window)}",
            f"({_CHARGED} - card_average_amount_{short(window)}) / nullif(sqrt(card_variance_amount_{short(window)}), 0)",
            f"How far the amount lies above the mean of the card's amounts in the last {spoken(window)}, this one included",
            "standard deviations",
            Range(),
            "all amounts are equal",
        )
        for window in (days(7), days(30))
    ),
    RowFeature(
        "amount_to_terminal_mean_30d",
        "amount / nullif(terminal_average_amount_30d, 0)",
        "The amount divided by the mean amount at the terminal in the last 30 days, this one included",
        "ratio",
        FROM_ZERO,
        "all amounts are 0",
    ),
    RowFeature(
        "speed_kmh",
        f"{_JOURNEY_KM} / ({_SINCE_LAST_H})",
        "Speed of a journey from the card's last purchase with a place to this one",
        "km/h",
        FROM_ZERO,
        "one of the places is not known, or no time lies between them",
    ),
    RowFeature(
        "home_distance_km",
        distance_km("card_last_home_latitude", "card_last_home_longitude", "latitude", "longitude"),
        "Distance from the holder's home, along a great circle",
        "km",
        HALF_ROUND_THE_EARTH,
        "one of the places is not known",
    ),
    RowFeature(
        "account_age_days",
        "unix_date(date(event_time)) - card_last_signup_date",
        "Days since the holder's first day as a customer",
        "days",
        Range(),
        "the profile has not arrived",
    ),
    RowFeature(
        "terminal_age_days",
        "unix_date(date(event_time)) - terminal_last_onboarding_date",
        "Days since the terminal's first day of acceptance",
        "days",
        Range(),
        "the profile has not arrived",
    ),
    RowFeature("is_vpn", "vpn", "Whether the address belongs to a VPN or proxy", YES_OR_NO, ZERO_OR_ONE, "there is no address"),
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
