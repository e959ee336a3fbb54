"""How good a score is: for an analyst who can look at a hundred cards a day, and for a statistician."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from configuration import FraudDetectionError

CARDS_A_DAY = 100


class Metrics(NamedTuple):
    """AUC ROC, average precision, and card precision at 100 a day; each 0 to 1, more is better."""

    auc_roc: float
    average_precision: float
    card_precision: float


LEAK = Metrics(auc_roc=0.92, average_precision=0.80, card_precision=0.34)
"""What nobody reaches on the Handbook's world with labels that come a week late: only two in three of its frauds at compromised
terminals follow one that is known by then (docs/reference/handbook.md)."""


class LeakSuspected(FraudDetectionError):
    """A model is better than it can be: it has seen what could not have been known."""


def refuse_leak(model: str, found: Metrics) -> None:
    """Checks the metrics of a model of the Handbook's world.

    Raises:
        LeakSuspected: one of them is above LEAK.
    """
    too_good = [name for name, value, limit in zip(Metrics._fields, found, LEAK, strict=True) if value > limit]
    if too_good:
        raise LeakSuspected(
            f"{model}: {', '.join(f'{name} {getattr(found, name):.3f}' for name in too_good)} is better than can be",
            "Look for a feature that knows a label before its time, or rows that are judged and learnt from.",
        )


def measure(transactions: pd.DataFrame, scores: np.ndarray) -> Metrics:
    """Returns the metrics of one score a row of `transactions` (event_time, card_id, is_fraud)."""
    truth = transactions["is_fraud"]
    return Metrics(
        float(roc_auc_score(truth, scores)), float(average_precision_score(truth, scores)), card_precision(transactions, scores)
    )


def card_precision(transactions: pd.DataFrame, scores: np.ndarray, cards: int = CARDS_A_DAY) -> float:
    """Returns the share of cards with a fraud among the `cards` of the highest score of each day, the mean of all days.

    A card is worth its highest score of the day. One whose fraud was found is blocked: it does not come again on later days
    (Fraud Detection Handbook, chapter 4, card precision top-k). Cards of equal score are ranked by pandas' own sort, as there:
    of a model with four different scores the third digit hangs on it.
    """
    rows = transactions.assign(score=scores, day=transactions["event_time"].dt.floor("D"))
    found: set[str] = set()
    precisions = []
    for _, today in rows.groupby("day"):
        left = today[~today["card_id"].isin(found)]
        ranked = left.groupby("card_id")[["score", "is_fraud"]].max().sort_values("score", ascending=False)
        hits = ranked.head(cards).query("is_fraud").index
        precisions.append(len(hits) / cards)
        found.update(hits)
    return float(np.mean(precisions))
