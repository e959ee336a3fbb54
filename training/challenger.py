"""A challenger judged on live traffic: both models have scored the same payments, and their labels have come.

Days without labels yet are left out for both. The interval of the difference is a bootstrap over cards: payments of a card are
alike, so a card is drawn with all of its payments (B. Efron, R. Tibshirani: An Introduction to the Bootstrap, 1993, chapter 8).
"""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from spark_jobs.features import MATURITY
from training.bundle import Manifest
from training.gate import Reason
from training.health.served import Served, day_of, judged, known_before, with_truth
from training.lake import Lake
from training.splits import DAY
from training.store import ModelStore, RoleRefused

DRAWS = 500
SEED = 7
"""Asked twice, the interval is the same."""
LEVEL = 0.95


class Beside(NamedTuple):
    """A challenger beside the champion."""

    champion: str
    challenger: str
    asked_days: int
    min_frauds: int
    days: list[str]
    """Those whose labels have come and on which both have scored, of those that were asked for."""
    payments: int
    frauds: int
    champion_ap: float | None
    challenger_ap: float | None
    low: float | None
    """The 95 % interval of the difference; None where there is no fraud."""
    high: float | None


def judge(lake: Lake, store: ModelStore, challenger: str, days: int, min_frauds: int) -> Beside:
    """Returns how a challenger compares with the champion on the last `days` whose labels have come by the lake's last whole day.

    Raises:
        RoleRefused: there is no champion, or it is the challenger itself.
        NoSuchModel, UnusableModel: one of the two.
        NoLake, UnusableStorage: the lake.
    """
    champion = store.pointed("champion")
    store.manifest(challenger)
    if champion is None or champion.version == challenger:
        raise RoleRefused(f"{challenger} has no champion beside it", "Name a version that has challenged one.")
    rows = _rows(Served(lake, champion, challenger), champion, days)
    truth, cards = rows["is_fraud"].to_numpy(bool), rows["card_id"].to_numpy()
    told = Beside(champion.version, challenger, days, min_frauds, _named(rows), len(rows), int(truth.sum()), None, None, None, None)
    if not truth.any():
        return told
    theirs, ours = (_Ranked(rows[name].to_numpy(float), truth) for name in ("challenger_score", "fraud_score"))
    low, high = _interval(theirs, ours, cards)
    every = np.ones(len(rows))
    return told._replace(champion_ap=ours.precision(every), challenger_ap=theirs.precision(every), low=low, high=high)


def reasons(found: Beside) -> Iterator[Reason]:
    """Yields what speaks against the challenger: too little that has matured, or that it is worse for sure."""
    if len(found.days) < found.asked_days:
        some = f"{len(found.days)} days on which both have scored and whose labels have come"
        yield Reason("few_days", f"There are {some}, and {found.asked_days} are asked for")
    if found.frauds < found.min_frauds:
        yield Reason(
            "few_frauds_live", f"There are {found.frauds:,} frauds among them, and at least {found.min_frauds:,} are asked for"
        )
    elif found.high is not None and found.high < 0:
        yield Reason("worse_live", sentence(found))


def sentence(found: Beside) -> str:
    """Returns the comparison for people."""
    on = f"On {len(found.days)} days of live traffic, {found.payments:,} payments, {found.frauds:,} frauds"
    if found.challenger_ap is None or found.champion_ap is None:
        return f"{on}: nothing to compare"
    return (
        f"{on}: average precision {found.challenger_ap:.4f}, that of the champion {found.champion} {found.champion_ap:.4f}, "
        f"difference {found.low:+.4f} to {found.high:+.4f} (95 %)"
    )


class _Ranked:
    """Payments by a score, the highest first; those of equal score count together."""

    def __init__(self, scores: np.ndarray, truth: np.ndarray) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._truth = truth[self._order]
        self._ends = np.r_[np.flatnonzero(np.diff(ranked)), len(ranked) - 1]

    def precision(self, weights: np.ndarray) -> float:
        """Returns the average precision where a payment counts so many times; NaN where no fraud counts."""
        of = weights[self._order]
        hits, rows = np.cumsum(of * self._truth)[self._ends], np.cumsum(of)[self._ends]
        gained = np.diff(hits, prepend=0.0)
        return float(np.sum(gained * hits / np.maximum(rows, 1)) / hits[-1]) if hits[-1] else math.nan


def _interval(theirs: _Ranked, ours: _Ranked, cards: np.ndarray) -> tuple[float, float]:
    draws = np.random.default_rng(SEED)
    numbers, known = pd.factorize(cards)
    differences = []
    for _ in range(DRAWS):
        drawn = np.bincount(draws.integers(0, len(known), len(known)), minlength=len(known)).astype(float)[numbers]
        differences.append(theirs.precision(drawn) - ours.precision(drawn))
    low, high = np.nanquantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _rows(served: Served, champion: Manifest, days: int) -> pd.DataFrame:
    """Returns the payments that both have scored, with their truth, of the days whose labels have come."""
    there = served.days()
    # The newest day may not be over; what is known is what was known at the end of the one before.
    last = there[-2] if len(there) > 1 else None
    if last is None:
        return _judged(served, date.min, date.min)
    learnt = champion.trained_on
    delay = MATURITY if learnt is None else timedelta(days=learnt.label_delay_days)
    newest = last - timedelta(days=math.ceil(delay / DAY))
    asked = (newest - timedelta(days=back) for back in reversed(range(days)))
    return pd.concat([_judged(served, day, last) for day in asked], ignore_index=True)


def _judged(served: Served, day: date, last: date) -> pd.DataFrame:
    rows = served.payments(day, inputs=False)
    if rows.empty:
        return rows.assign(is_fraud=False)
    labels = served.labels(known_before(day), day_of(last).end)
    return judged(with_truth(rows, labels), labels, day)


def _named(rows: pd.DataFrame) -> list[str]:
    return [str(one) for one in sorted(rows["event_time"].dt.date.unique())] if len(rows) else []
