"""How good a score is: for an analyst who can look at a hundred cards a day, and for a statistician."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

CARDS_A_DAY = 100


class Metrics(NamedTuple):
    """AUC ROC, average precision, and card precision at 100 a day; each 0 to 1, more is better."""

    auc_roc: float
    average_precision: float
    card_precision: float


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
    return float(np.mean([len(day.hits) / cards for day in _days(transactions, scores, cards)]))


def at_threshold(transactions: pd.DataFrame, scores: np.ndarray, review: float) -> dict[str, float]:
    """Returns what comes of looking at whatever has a score of `review` or more; `transactions` has amount too, and a fraud.

    `alerted_cards` a day; `precision`, the share of those transactions that are fraud, 0 where there are none; `recall`, the share
    of frauds among them; `saved`, the share of the frauds' amount.
    """
    truth, alerts = transactions["is_fraud"].to_numpy(), scores >= review
    amount = transactions["amount"].where(transactions["is_fraud"], 0.0)
    day = transactions["event_time"].dt.floor("D")
    cards = transactions.loc[alerts].groupby(day)["card_id"].nunique()
    found = {
        "alerted_cards": cards.sum() / day.nunique(),
        "precision": truth[alerts].mean() if alerts.any() else 0.0,
        "recall": alerts[truth].mean(),
        "saved": amount[alerts].sum() / amount.sum(),
    }
    return {name: float(value) for name, value in found.items()}


def at_decline(transactions: pd.DataFrame, scores: np.ndarray, decline: float) -> dict[str, float]:
    """Returns what comes of declining whatever has a score of `decline` or more.

    `declined`, how many transactions; where there are some `decline_precision`, the share of them that are fraud, and between which
    two it lies with 95 % confidence, `decline_precision_low` and `_high` (Clopper and Pearson 1934).
    """
    declines = transactions["is_fraud"].to_numpy()[scores >= decline]
    found = {"declined": float(len(declines))}
    if len(declines):
        test = binomtest(int(declines.sum()), len(declines))
        low, high = test.proportion_ci(0.95, "exact")
        found |= {
            "decline_precision": float(test.statistic),
            "decline_precision_low": float(low),
            "decline_precision_high": float(high),
        }
    return found


def recall_by_scenario(transactions: pd.DataFrame, scores: np.ndarray, cards: int = CARDS_A_DAY) -> pd.DataFrame:
    """Returns what is found of each scenario where, as in card_precision, the `cards` of the highest score are looked at each day.

    Index scenario; `frauds`, `recall` (share of them whose card was looked at that day, or blocked before), `amount` and `saved`
    (theirs), `attacks` and `attacks_found` (of how many campaigns at least one card was found; 0 where there are none).
    `transactions` has amount, scenario and campaign_id too. What has no scenario stands under "unknown".
    """
    found: set[str] = set()
    at = transactions["event_time"].dt.floor("D")
    stopped = pd.Series(False, index=transactions.index)
    for day in _days(transactions, scores, cards):
        today = at == day.begin
        stopped |= today & transactions["card_id"].isin(found.union(day.looked_at))
        found.update(day.hits)
    frauds = transactions[transactions["is_fraud"]].assign(stopped=stopped)
    frauds["saved"] = frauds["amount"].where(frauds["stopped"], 0.0)
    frauds["campaign_found"] = frauds["campaign_id"].where(frauds["stopped"])
    by_scenario = frauds.groupby(frauds["scenario"].fillna("unknown"))
    return by_scenario.agg(
        frauds=("stopped", "size"),
        recall=("stopped", "mean"),
        amount=("amount", "sum"),
        saved=("saved", "sum"),
        attacks=("campaign_id", "nunique"),
        attacks_found=("campaign_found", "nunique"),
    )


class _Day(NamedTuple):
    begin: pd.Timestamp
    looked_at: pd.Index
    hits: pd.Index


def _days(transactions: pd.DataFrame, scores: np.ndarray, cards: int) -> Iterator[_Day]:
    """Yields the cards that are looked at each day, and those of them that have a fraud."""
    rows = transactions.assign(score=scores, day=transactions["event_time"].dt.floor("D"))
    found: set[str] = set()
    for day, today in rows.groupby("day"):
        left = today[~today["card_id"].isin(found)]
        ranked = left.groupby("card_id")[["score", "is_fraud"]].max().sort_values("score", ascending=False)
        first = ranked.head(cards)
        hits = first.query("is_fraud").index
        yield _Day(day, first.index, hits)
        found.update(hits)
