"""The Handbook's world is the Handbook's, to the last row."""

import hashlib
from collections import Counter

import numpy as np

from producer.handbook import Day, Thinning, geography, world

CONTENT = "94144577ed7f2cbc76a9d8a90a6d89d536534997ae4a189e48a3f5e6efb029d3"
"""SHA-256 over the columns of all days, frozen once the counts were the book's."""


def digest(days: list[Day]) -> str:
    found = hashlib.sha256()
    for day in days:
        for column in (day.seconds, day.customers, day.terminals, day.cents, day.scenarios):
            found.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
    return found.hexdigest()


def test_183_days_are_the_books() -> None:
    days = list(world())
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


def test_thinning_keeps_about_its_share_of_compromises() -> None:
    place = geography()
    whole = sum(int((day.scenarios == 2).sum()) for day in world(40, place=place))
    half = sum(int((day.scenarios == 2).sum()) for day in world(40, Thinning(0.5), place))
    assert 0.35 < half / whole < 0.65
    none = list(world(30, Thinning(0.0), place))
    assert not any(day.scenarios.any() for day in none)
    assert max(int(day.cents.max()) for day in none) <= 22_000
