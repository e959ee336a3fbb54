"""The Handbook's world is the Handbook's, to the last row."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from itertools import islice

import numpy as np
import pytest

from producer.handbook import FRAUD_RATE, Day, Thinning, geography, world

CONTENT = "94144577ed7f2cbc76a9d8a90a6d89d536534997ae4a189e48a3f5e6efb029d3"
"""SHA-256 over the columns of all days, frozen once the counts were the book's."""


def digest(days: list[Day]) -> str:
    found = hashlib.sha256()
    for day in days:
        for column in (day.seconds, day.customers, day.terminals, day.cents, day.scenarios):
            found.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def days() -> list[Day]:
    return list(world())


def test_183_days_are_the_books(days: list[Day]) -> None:
    scenarios = Counter(np.concatenate([day.scenarios for day in days]).tolist())
    assert sum(scenarios.values()) == 1_754_155
    assert (scenarios[1], scenarios[2], scenarios[3]) == (973, 9_077, 4_631)
    assert sum(scenarios.values()) - scenarios[0] == 14_681
    assert [day.number for day in days] == list(range(183))
    assert days[-1].first_id + len(days[-1].seconds) == 1_754_155
    assert all((np.diff(day.seconds) >= 0).all() for day in days)
    assert digest(days) == CONTENT


def test_a_shorter_world_has_the_same_payments() -> None:
    place = geography()
    for short, long in zip(world(3, place=place), world(20, place=place), strict=False):
        assert (short.seconds == long.seconds).all()
        assert (short.customers == long.customers).all()
        assert (short.terminals == long.terminals).all()


def frauds(days: Iterable[Day]) -> int:
    return sum(int((day.scenarios > 0).sum()) for day in days)


@pytest.mark.parametrize(("percent", "tolerance"), [(0.25, 0.1), (0.1, 0.15), (0.015, 0.6)])
def test_lower_base_rates_are_kept(days: list[Day], percent: float, tolerance: float) -> None:
    # 60 days are enough; the rarer the fraud, the fewer the compromises and the more chance has its say.
    thinned = list(islice(world(74, Thinning(percent / 100 / FRAUD_RATE)), 60))
    assert [len(day.seconds) for day in thinned] == [len(day.seconds) for day in days[:60]]
    assert frauds(thinned) == pytest.approx(frauds(days[:60]) * percent / 100 / FRAUD_RATE, rel=tolerance)


def test_there_can_be_no_fraud_at_all() -> None:
    none = list(world(30, Thinning(0.0)))
    assert frauds(none) == 0
    assert max(int(day.cents.max()) for day in none) <= 22_000
