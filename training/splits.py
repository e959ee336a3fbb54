"""Which rows a model learns from and is judged on, as in the Fraud Detection Handbook, chapters 3 and 5.

A week to learn from, a week in which its labels become known, a week to be judged on.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pandas as pd

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
NO_TIME = timedelta(0)
BASELINE = datetime(2018, 7, 25, tzinfo=UTC)
"""First day of training of the Handbook's baseline (chapter 3)."""
TEST_FOLDS = tuple(datetime(2018, month, day, tzinfo=UTC) for month, day in ((8, 15), (8, 8), (8, 1), (7, 25)))
"""First days of training of the four folds of its prequential test (chapter 5)."""


class Split(NamedTuple):
    """Transactions to learn from and to be judged on."""

    train: pd.DataFrame
    test: pd.DataFrame


def split(transactions: pd.DataFrame, begin: datetime, delay: timedelta = WEEK, history: timedelta = NO_TIME) -> Split:
    """Returns the rows of the week from `begin` on, and of the week that begins `delay` after it.

    `history` adds what came before `begin` to what is learnt, and changes nothing of what is judged. `transactions` has event_time
    (UTC), card_id and is_fraud. A row to be judged is left out if its card's fraud is known by then: one in the training week, or
    on any day up to a delay and a day before (the Handbook's get_test_set).
    """
    at = transactions["event_time"]
    end = begin + WEEK
    days = []
    for day in (end + delay + number * DAY for number in range(WEEK // DAY)):
        known = transactions.loc[(at >= begin) & (at < day - delay) & transactions["is_fraud"], "card_id"]
        today = transactions[(at >= day) & (at < day + DAY)]
        days.append(today[~today["card_id"].isin(set(known))])
    return Split(transactions[(at >= begin - history) & (at < end)], pd.concat(days))
