"""Which rows a model learns from and is judged on, as in the Fraud Detection Handbook, chapters 3 and 5.

Between what is learnt and what is judged lies the time in which labels become known.
"""

import math
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from configuration import FraudDetectionError

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
LEARNT = timedelta(days=77)
"""At most so much is learnt from, the eleven weeks of table C in docs/reference/handbook.md: fraud changes."""
LEAST_DAYS = 4
"""Two to learn from, one to calibrate on, one to be judged on."""


class TooLittleHistory(FraudDetectionError):
    """Days or frauds do not suffice to learn from some and be judged on others."""


class Span(NamedTuple):
    """Whole days, UTC: from midnight to midnight, the end not included."""

    begin: datetime
    end: datetime

    def of(self, transactions: pd.DataFrame) -> pd.DataFrame:
        """Returns the transactions of these days."""
        at = transactions["event_time"]
        return transactions[(at >= self.begin) & (at < self.end)]


class Periods(NamedTuple):
    """What a model learns from, is calibrated on, and is judged on: a label's delay lies between each and the next."""

    train: Span
    validation: Span
    test: Span


def without_known_cards(transactions: pd.DataFrame, span: Span, known_at: pd.Series) -> pd.DataFrame:
    """Returns the rows of the span without those whose card's fraud is known when their day begins (the Handbook's get_test_set).

    Nobody would let them pass. What was known more than a week before the span does not count: the card has been replaced since.
    """
    frauds = transactions["is_fraud"] & (known_at >= span.begin - WEEK)
    days = []
    for number in range((span.end - span.begin) // DAY):
        day = span.begin + number * DAY
        known = transactions.loc[frauds & (known_at < day), "card_id"]
        today = Span(day, day + DAY).of(transactions)
        days.append(today[~today["card_id"].isin(set(known))])
    return pd.concat(days)


def periods(first: datetime, last: datetime, delay: timedelta) -> Periods:
    """Returns the newest periods of data with events from `first` to `last`, of which the newest `delay` has no labels yet.

    Calibrated and judged on a week each, in short data on a quarter of what there is.

    Raises:
        TooLittleHistory: there are too few days.
    """
    begin, end, wait = _midnight(first), _midnight(last - delay), DAY * math.ceil(delay / DAY)
    days = (end - begin - 2 * wait) // DAY
    if days < LEAST_DAYS:
        raise TooLittleHistory(
            f"The data have {(last - first) / DAY:.1f} days, and at least {LEAST_DAYS + 3 * wait // DAY} whole ones are needed: "
            f"labels take {delay / DAY:g} days, between what is learnt, calibrated and judged on, and at the end",
            "Give more history, or set the label delay to what it is.",
        )
    width = min(WEEK, DAY * (days // LEAST_DAYS))
    test = Span(end - width, end)
    validation = Span(test.begin - wait - width, test.begin - wait)
    learnt_to = validation.begin - wait
    return Periods(Span(max(begin, learnt_to - LEARNT), learnt_to), validation, test)


def folds(found: Periods, first: datetime, number: int) -> list[tuple[Span, Span]]:
    """Returns what is learnt and what is judged in each of `number` folds, newest first: the test period and those before it.

    Each is learnt from all that was known when its test begins, the newest LEARNT of it (prequential, the Handbook's chapter 5).

    Raises:
        TooLittleHistory: there are too few days.
    """
    begin, width, wait = _midnight(first), found.test.end - found.test.begin, found.validation.begin - found.train.end
    spans = []
    for one in range(number):
        test = Span(found.test.begin - one * width, found.test.end - one * width)
        learnt_to = test.begin - wait
        spans.append((Span(max(begin, learnt_to - LEARNT), learnt_to), test))
    if spans and spans[-1][0].end - spans[-1][0].begin < 2 * width:
        raise TooLittleHistory(
            f"The data have too few days for {number} folds: the oldest has {(spans[-1][0].end - begin) / DAY:.0f} to learn from",
            f"Ask for fewer; each is of {width / DAY:g} days.",
        )
    return spans


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
