"""All that is expected of a closed day, in one place: to review, and to change.

Each expectation names a table of measures.py and is one of Great Expectations' own. A critical one that fails says that the day
cannot be trusted: do not train on it before it is explained. A warning is for a person to look at. `query` finds the rows:
`fraud lake sql LAKE QUERY`.

What one record says by itself was judged when it was decoded (docs/reference/reason-codes.md). It is asked again here where a lake
that other programs have written to, or a fault of our own, would make features or labels wrong.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from contract.currencies import CURRENCIES
from quality.measures import CHOICES, CODES, MONEY, SCORES

USUAL, TRAINING, LABELS_CAME, KAFKA = "usual", "training", "labels", "kafka"
"""What an expectation may need beside the day itself."""

SHARE_MARGIN = 0.05
"""How far a share may be from the usual one, beside what chance does to it."""
CHANCE = 2.5
"""Five standard deviations of a share of n rows are 2.5 / sqrt(n) at most: one of half."""
HOUR_LOST = 0.2
"""An hour has at least this part of the payments that it usually has."""
VOLUME = (0.5, 2.0)
"""A day has half to twice what is usual; a holiday may have less, and is a warning that somebody expects."""
AMOUNT = (1 / 3, 3.0)
"""Of the median amount in a currency: cents in place of euros are a hundred times as many."""
SCORED_SHARE = 0.99
"""A model gives a score to nearly all payments, and none where its own arithmetic has no result."""
REJECTED, REJECTED_TO_USUAL = 0.01, 3.0
"""Share of dead letters: a hundredth, or three times the usual one where that is more."""
LATE = {0.5: 1.5, 0.9: 3.0}
"""When half and nine tenths of the labels are there, as part of the delay that training waits. It takes that for when most are
known; of log-normal delays with the spread of the producer's, nine tenths come within 2.2 times the median."""

NEEDS_USUAL = "usual"
NEEDS_TRAINING = "training"
NEEDS_LABELS = "labels"
NEEDS_KAFKA = "kafka"

QUERIES: Mapping[str, str] = {
    "scored_once": "SELECT transaction_id, card_id, count(*) AS n FROM scored WHERE date = '{day}' GROUP BY ALL HAVING n > 1",
    "days_apart": "FROM scored WHERE date = '{day}' AND (transaction_id, card_id) IN "
    "(SELECT (transaction_id, card_id) FROM scored WHERE date IN (DATE '{day}' - 1, DATE '{day}' + 1))",
    "times": "FROM scored WHERE date = '{day}' AND CAST(event_time AS DATE) <> '{day}'",
    "amount_negative": "FROM scored WHERE date = '{day}' AND amount < 0",
    "amount_decimals": "SELECT currency, amount, count(*) AS n FROM scored WHERE date = '{day}' GROUP BY ALL ORDER BY n",
    "currency": "SELECT currency, count(*) AS n FROM scored WHERE date = '{day}' GROUP BY ALL ORDER BY n",
    "channel": "SELECT channel, count(*) AS n FROM scored WHERE date = '{day}' GROUP BY ALL ORDER BY n",
    "response_code": "SELECT response_code, count(*) AS n FROM scored WHERE date = '{day}' GROUP BY ALL ORDER BY n",
    "decision": "SELECT decision, count(*) AS n FROM scored WHERE date = '{day}' GROUP BY ALL ORDER BY n",
    "fraud_score_range": "FROM scored WHERE date = '{day}' AND fraud_score NOT BETWEEN 0 AND 1",
    "scores": "FROM scored WHERE date = '{day}' AND model_version IS NOT NULL AND fraud_score IS NULL",
    "alerts_sent": "FROM scored WHERE date = '{day}' AND decision <> 'approve' AND (transaction_id, card_id) NOT IN "
    "(SELECT (transaction_id, card_id) FROM alerts)",
    "alerts_once": "SELECT alert_id, count(*) AS n FROM alerts WHERE CAST(\"timestamp\" AS DATE) = '{day}' "
    "GROUP BY ALL HAVING n > 1",
    "alerts_scored": "FROM alerts WHERE CAST(\"timestamp\" AS DATE) = '{day}' AND (transaction_id, card_id) NOT IN "
    "(SELECT (transaction_id, card_id) FROM scored WHERE date = '{day}')",
    "labels_after": "FROM labels WHERE CAST(labelled_at AS DATE) = '{day}' AND labelled_at < event_time",
    "label_delay": "SELECT labelled_at - event_time AS delay, * FROM labels WHERE CAST(labelled_at AS DATE) = '{day}' "
    "ORDER BY delay DESC",
    "hours": "SELECT hour(event_time) AS hour, count(*) AS n FROM scored WHERE date = '{day}' GROUP BY ALL ORDER BY hour",
    "rejected": "SELECT reasons, count(*) AS n FROM rejected WHERE date = '{day}' GROUP BY ALL ORDER BY n DESC",
}
"""By the name of an expectation what shows its rows, in the SQL of `fraud lake sql`."""


class Known(NamedTuple):
    """What limits follow from."""

    payments: int
    usual_rejected: float
    """Share of records that were rejected on the same weekdays before."""
    label_delay: float
    """Days after which training takes a payment without a label for genuine."""

    @property
    def margin(self) -> float:
        """How far a share of the day's payments may be from the usual one."""
        return SHARE_MARGIN + CHANCE / sqrt(max(self.payments, 1))


def expectations(known: Known) -> Mapping[str, Sequence[Expectation]]:
    """Returns the expectations by the table that they are of. Each has its name, its query and what it needs in `meta`."""
    return {
        "day": _whole(known),
        "scored": [*_keys(), *_values(), *_decided()],
        "alerts": _alerts(),
        "labels": _labels(known),
        "fields": [
            _between("absent", None, 0, **_critical("required_fields", "Each row has all fields that the contract requires")),
        ],
        "features": _features(known),
        "hours": [
            _between(
                "share_of_usual",
                HOUR_LOST,
                None,
                **_critical("hours", f"Each hour has {HOUR_LOST:.0%} of its usual payments at least", USUAL),
            ),
        ],
        "currencies": [
            _between(
                "share_away",
                None,
                known.margin,
                **_warning("currency_shares", f"Each currency has its usual share, give or take {known.margin:.1%}", USUAL),
            ),
            _between(
                "median_to_usual",
                *AMOUNT,
                **_warning("amount_level", "The median amount of a currency is a third to three times the usual one", USUAL),
            ),
        ],
        "volumes": [
            _between(
                "to_usual",
                *VOLUME,
                **_warning("volume", "There are half to twice as many payments and labels as usual", USUAL),
            ),
        ],
    }


def _whole(known: Known) -> list[Expectation]:
    rejected = max(REJECTED, REJECTED_TO_USUAL * known.usual_rejected)
    return [
        _between("payments", 1, None, **_critical("payments", "There are payments")),
        _between(
            "missing_transactions",
            None,
            0,
            **_critical("transactions", "`transactions`, which a model learns from, has as many rows as `scored`"),
        ),
        _between(
            "missing_in_lake",
            None,
            0,
            **_critical("kafka", "The lake has each record of the day that Kafka still has", KAFKA),
        ),
        _between("rejected_share", None, rejected, **_warning("rejected", f"At most {rejected:.1%} of the records were rejected")),
    ]


def _keys() -> list[Expectation]:
    return [
        gxe.ExpectColumnValuesToBeUnique(column="key", **_critical("scored_once", "Each payment is there once")),
        _is_true("is_of_this_day_alone", **_critical("days_apart", "No payment is there again the day before or after")),
    ]


def _values() -> list[Expectation]:
    found = [_between("seconds", 0, 86_400, strict_max=True, **_critical("times", "Each event_time is in the day"))]
    for name in MONEY:
        found.append(_between(name, 0, None, **_critical(f"{name}_negative", f"No {name} is negative")))
        found.append(_is_true(f"{name}_is_whole", **_critical(f"{name}_decimals", f"Each {name} has its currency's decimals")))
    for name in CODES:
        found.append(_is_one_of(name, sorted(CURRENCIES), **_critical(name, f"Each {name} is one of ISO 4217")))
    for name, allowed in CHOICES.items():
        found.append(_is_one_of(name, allowed, **_critical(name, f"Each {name} is one that the contract knows")))
    return found


def _decided() -> list[Expectation]:
    scored = f"At least {SCORED_SHARE:.0%} of the payments that a model was asked about have a score"
    return [
        *(_between(name, 0, 1, **_critical(f"{name}_range", f"Each {name} is from 0 to 1")) for name in SCORES),
        _is_true("has_its_score", mostly=SCORED_SHARE, **_warning("scores", scored)),
        _is_true("has_its_alert", **_critical("alerts_sent", "Each payment that was not approved has its alert")),
    ]


def _alerts() -> list[Expectation]:
    return [
        gxe.ExpectColumnValuesToBeUnique(column="key", **_critical("alerts_once", "Each alert is there once")),
        _is_true("has_its_payment", **_critical("alerts_scored", "Each alert has its scored payment")),
    ]


def _labels(known: Known) -> list[Expectation]:
    limits = {share: part * known.label_delay for share, part in LATE.items()}
    ranges = {"quantiles": list(limits), "value_ranges": [[None, limit] for limit in limits.values()]}
    within = " and ".join(f"{share:.0%} within {limit:g} days" for share, limit in limits.items())
    return [
        _between("delay", 0, None, **_critical("labels_after", "No label is older than its payment")),
        gxe.ExpectColumnQuantileValuesToBeBetween(
            column="delay",
            quantile_ranges=ranges,
            **_warning("label_delay", f"Labels come in time: {within} of the payment", LABELS_CAME),
        ),
    ]


def _features(known: Known) -> list[Expectation]:
    margin = f"{known.margin:.1%}"
    return [
        _between("absent", None, 0, **_critical("features", "A feature that always has a value has one in each payment")),
        _is_true("is_in_range", **_critical("feature_ranges", "Each feature is in its range (docs/reference/features.md)")),
        gxe.ExpectColumnValuesToBeInSet(
            column="is_lost",
            value_set=[False],
            **_critical("features_lost", "No feature is 0 in all payments that usually is not", USUAL),
        ),
        _between(
            "null_share_away",
            None,
            known.margin,
            **_warning("null_shares", f"Each feature is absent as often as in training, give or take {margin}", TRAINING),
        ),
    ]


def _between(column: str, least: float | None, most: float | None, **told: Any) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=least, max_value=most, **told)


def _is_true(column: str, **told: Any) -> Expectation:
    return _is_one_of(column, [True], **told)


def _is_one_of(column: str, allowed: Sequence[Any], **told: Any) -> Expectation:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(allowed), **told)


def _critical(name: str, says: str, needs: str | None = None) -> dict[str, Any]:
    meta = {"name": name, "query": QUERIES.get(name), "needs": needs}
    return {"severity": FailureSeverity.CRITICAL, "description": says, "meta": meta}


def _warning(name: str, says: str, needs: str | None = None) -> dict[str, Any]:
    return {**_critical(name, says, needs), "severity": FailureSeverity.WARNING}
