"""From which fraud_score on somebody looks at a transaction, or it is declined: by what analysts can do, or by what it costs."""

import sys

import numpy as np
import pandas as pd
from scipy.stats import beta

CONFIDENCE = 0.95
"""So sure it must be that what is declined is fraud as often as it is said to be."""


def operating_points(rows: pd.DataFrame, scores: np.ndarray, review_cost: float) -> pd.DataFrame:
    """Returns what would come of each threshold, from the highest down.

    `threshold` lies half way between two scores. At or above it are `transactions`, on `cards` a day (a card is looked at once a
    day), `frauds` of them, a share `precision`; `caught` is their amount, `cost` the amount of the frauds missed and `review_cost`
    for each card looked at, both of the whole period. `rows` has event_time, card_id, is_fraud and amount.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, score = rows.iloc[order], scores[order]
    day = ranked["event_time"].dt.floor("D")
    looked_at = (~pd.DataFrame({"day": day, "card": ranked["card_id"]}).duplicated()).cumsum().to_numpy()
    fraud = ranked["is_fraud"].to_numpy()
    amount = np.where(fraud, ranked["amount"].to_numpy(float), 0.0)
    points = pd.DataFrame(
        {
            "score": score,
            "transactions": np.arange(1, len(score) + 1),
            "cards": looked_at / day.nunique(),
            "frauds": fraud.cumsum(),
            "caught": amount.cumsum(),
            "cost": amount.sum() - amount.cumsum() + review_cost * looked_at,
        }
    ).drop_duplicates("score", keep="last", ignore_index=True)
    below = np.r_[points["score"].to_numpy()[1:], 0.0]
    points["threshold"] = (points["score"] + below) / 2
    points["precision"] = points["frauds"] / points["transactions"]
    return points


def by_capacity(points: pd.DataFrame, cards_per_day: float) -> float | None:
    """Returns the lowest threshold at which at most so many cards a day are looked at; None: there is none."""
    return _lowest(points[points["cards"] <= cards_per_day])


def by_cost(points: pd.DataFrame) -> float | None:
    """Returns the threshold of the lowest cost; None: looking at nothing costs less."""
    best = points.loc[points["cost"].idxmin()]
    looking_at_nothing = points["caught"].iloc[-1]
    return float(best["threshold"]) if best["cost"] < looking_at_nothing else None


def to_decline(points: pd.DataFrame, precision: float, review: float | None) -> float | None:
    """Returns the lowest threshold, not below `review`, above which at least so many are fraud; None: there is none.

    With CONFIDENCE: on `precision` of all that will be declined, not of those that happen to be in `points`. Each threshold is a
    hypothesis, and holds where the one-sided lower bound of its precision does (Clopper and Pearson 1934). They are looked at from
    the highest down, until the first that does not hold. The order is fixed before, so that each has all of the error (fixed
    sequence: Maurer, Hothorn and Lehmacher 1995; as Learn then Test, Angelopoulos et al. 2021): the lowest of many is no luck.
    Payments count as independent, which those of one attack are not.
    """
    asked = points[points["transactions"] >= least_declined(precision)]
    holds = lower_bound(asked["frauds"].to_numpy(), asked["transactions"].to_numpy()) >= precision
    found = _lowest(asked[np.logical_and.accumulate(holds)])
    return None if found is None else max(found, review or 0.0)


def lower_bound(frauds: np.ndarray, transactions: np.ndarray) -> np.ndarray:
    """Returns which precision is not undercut, with CONFIDENCE, where so many of so many transactions are fraud."""
    return np.where(frauds > 0, beta.ppf(1 - CONFIDENCE, np.maximum(frauds, 1), transactions - frauds + 1), 0.0)


def least_declined(precision: float) -> int:
    """Returns how many transactions the first threshold has: so many that with a single genuine one among them it still holds.

    With fewer the first genuine payment would end the sequence. 46 for a precision of .9; of 1 nothing is ever evidence.
    """
    if precision >= 1:
        return sys.maxsize
    least = 2
    while lower_bound(np.array(least - 1), np.array(least)) < precision:
        least += 1
    return least


def _lowest(points: pd.DataFrame) -> float | None:
    return None if points.empty else float(points["threshold"].iloc[-1])
