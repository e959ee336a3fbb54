"""The simulated world of the Fraud Detection Handbook (chapter 3): in 183 days 1,754,155 payments, 14,681 frauds.

The rows are the book's; those of one second may stand in another order, as the book's own sort leaves ties as they fall.

Written from the Handbook's prose. Two kinds of generator are needed to the letter, NumPy's legacy `RandomState` and Python's own
`random.Random`, because each customer of the book draws from both. The seeds are the book's; no setting changes them.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CUSTOMERS = 5_000
TERMINALS = 10_000
DAYS = 183
START = datetime(2018, 4, 1, tzinfo=UTC)
RADIUS = 5.0
"""How far from home a customer pays, on the 100 x 100 grid."""
DAY_SECONDS = 86_400
LIMIT_CENTS = 22_000
"""Scenario 1: whatever is above 220 is fraud."""
FRAUD_RATE = 14_681 / 1_754_155
"""Share of fraud in the 183 days, 0.8369 %."""

TERMINALS_A_DAY, TERMINAL_DAYS = 2, 28  # scenario 2
CARDS_A_DAY, CARD_DAYS, CARD_SHARE, CARD_FACTOR = 3, 14, 3, 5  # scenario 3

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Geography:
    """Where customers and terminals are, and what customers are like; arrays by Handbook id."""

    homes: Floats
    """x and y of each customer, on the 100 x 100 grid."""
    mean_amounts: Floats
    payments_a_day: Floats
    places: Floats
    """x and y of each terminal."""
    reachable: tuple[list[int], ...]
    """Terminals within RADIUS of each customer, in order of id."""


@dataclass(slots=True)
class Day:
    """The payments of one day in order of time; equal times are in order of customer, then of drawing."""

    number: int
    """0 is the first day."""
    first_id: int
    """The Handbook's TRANSACTION_ID of the first row; the rest follow."""
    seconds: Integers
    """Second of the day, 1 to 86,399."""
    customers: Integers
    terminals: Integers
    cents: Integers
    scenarios: Integers
    """0 is genuine, 1 to 3 are the Handbook's scenarios of fraud."""


class Thinning:
    """Which compromises take place, so that fraud gets rarer than in the book.

    `share` of all compromised terminals, compromised cards and amounts above the limit are kept. A compromise is kept or not as a
    whole. Terminals and cards are taken by systematic sampling (every 1/share-th, from a random start), so that their number is as
    near to the share as can be; what is not kept stays a genuine payment.
    """

    def __init__(self, share: float = 1.0, seed: int = 0) -> None:
        self.share = share
        self._seed = seed
        self._starts = np.random.default_rng((seed, 1)).random(2)

    def terminals(self, day: int, chosen: Integers) -> Integers:
        """Returns which of the terminals that the book compromises on a day are."""
        return self._kept(chosen, day * TERMINALS_A_DAY, float(self._starts[0]))

    def cards(self, day: int, chosen: Integers) -> Integers:
        """Returns which of the customers whose card the book compromises on a day are."""
        return self._kept(chosen, day * CARDS_A_DAY, float(self._starts[1]))

    def lower(self, day: Day, mean_amounts: Floats) -> None:
        """Redraws the amounts above the limit that are not kept: U(0, 2 x mean), as the book redraws negative ones, at most 200."""
        generator = np.random.default_rng((self._seed, 2, day.number))
        draws = generator.random((2, len(day.cents)))
        redrawn = (day.cents > LIMIT_CENTS) & (draws[0] >= self.share)
        amounts = 2 * mean_amounts[day.customers] * draws[1]
        day.cents[redrawn] = np.rint(100 * amounts[redrawn]).astype(np.int64)

    def _kept(self, chosen: Integers, first: int, start: float) -> Integers:
        ranks = first + start + np.arange(len(chosen) + 1)
        kept: Integers = chosen[np.diff(np.floor(ranks * self.share)) > 0]
        return kept


EXACT = Thinning()
"""Every compromise of the book takes place."""


def geography() -> Geography:
    """Returns the book's 5,000 customers (seed 0) and 10,000 terminals (seed 1)."""
    customers = np.random.RandomState(0).random_sample((CUSTOMERS, 4)) * (100, 100, 95, 4) + (0, 0, 5, 0)
    places = np.random.RandomState(1).random_sample((TERMINALS, 2)) * 100
    homes = customers[:, :2]
    east, north = places.T.copy()
    reachable = tuple(np.flatnonzero((east - x) ** 2 + (north - y) ** 2 < RADIUS**2).tolist() for x, y in homes)
    return Geography(homes, customers[:, 2], customers[:, 3], places, reachable)


def world(days: int | None = DAYS, thinning: Thinning = EXACT, place: Geography | None = None) -> Iterator[Day]:
    """Returns the payments of `days` days, day by day; None never ends. Memory is flat: at most 14 days are held.

    A shorter or longer world has the same payments; only compromises near its end differ: as in the book none begins on the last
    day, and those of the last 13 days know of no later payments.
    """
    place = place or geography()
    drawn = _drawn_days(place)
    last_start = None if days is None else days - 2
    window: deque[Day] = deque()  # the day to be yielded next and up to 13 days after it
    terminal_starts: deque[Integers] = deque(maxlen=TERMINAL_DAYS)
    number = 0
    while days is None or number < days:
        while len(window) < CARD_DAYS and (days is None or number + len(window) < days):
            day = next(drawn)
            if thinning.share < 1:
                thinning.lower(day, place.mean_amounts)
            starts = _sample(TERMINALS, TERMINALS_A_DAY, day.number)
            begins = last_start is None or day.number <= last_start
            terminal_starts.append(thinning.terminals(day.number, starts) if begins else starts[:0])
            day.scenarios[day.cents > LIMIT_CENTS] = 1
            day.scenarios[np.isin(day.terminals, np.concatenate(terminal_starts))] = 2
            window.append(day)
        if last_start is None or number <= last_start:
            _leak_cards(window, thinning)
        yield window.popleft()
        number += 1


def _leak_cards(window: deque[Day], thinning: Thinning) -> None:
    """Scenario 3, for the cards that leak on the window's first day: a third of their payments of 14 days, times five."""
    start = window[0].number
    leaked = thinning.cards(start, _sample(CUSTOMERS, CARDS_A_DAY, start))
    chosen = _sample(CUSTOMERS, CARDS_A_DAY, start)
    # The book draws from the payments of all three cards; those of a card that is not kept are drawn too, and left alone.
    pool = [(day, int(row)) for day in window for row in np.flatnonzero(np.isin(day.customers, chosen))]
    for day, row in random.Random(start).sample(pool, len(pool) // CARD_SHARE):  # noqa: S311 the book's generator
        if day.customers[row] in leaked:
            day.cents[row] *= CARD_FACTOR
            day.scenarios[row] = 3


def _sample(size: int, count: int, seed: int) -> Integers:
    """Returns what `pandas.Series(range(size)).sample(count, random_state=seed)` draws."""
    return np.random.RandomState(seed).permutation(size)[:count].astype(np.int64)


class _Customer(NamedTuple):
    """One customer's own generators, bound to its own numbers; drawn from day after day."""

    poisson: Callable[[float], int]
    gauss: Callable[[], float]
    uniform: Callable[[float, float], float]
    choice: Callable[[list[int]], int]
    payments_a_day: float
    mean: float
    reachable: list[int]


def _drawn_days(place: Geography) -> Iterator[Day]:
    """Returns the days without any fraud, for ever."""
    people = []
    for number in range(CUSTOMERS):
        state = np.random.RandomState(number)
        choice = random.Random(number).choice  # noqa: S311 the book's generator
        mean, frequency = float(place.mean_amounts[number]), float(place.payments_a_day[number])
        people.append(
            _Customer(state.poisson, state.standard_normal, state.uniform, choice, frequency, mean, place.reachable[number])
        )
    number, first_id = 0, 0
    while True:
        day = _draw_day(people, number, first_id)
        yield day
        number, first_id = number + 1, first_id + len(day.seconds)


def _draw_day(people: list[_Customer], number: int, first_id: int) -> Day:
    seconds, customers, terminals, amounts = [], [], [], []
    for customer, (poisson, gauss, uniform, choice, payments_a_day, mean, reachable) in enumerate(people):
        for _ in range(poisson(payments_a_day)):
            second = int(43_200 + 20_000 * gauss())
            if not 0 < second < DAY_SECONDS:
                continue  # paid on another day: lost, and nothing further is drawn
            amount = mean + mean / 2 * gauss()
            if amount < 0:
                amount = uniform(0, 2 * mean)
            seconds.append(second)
            customers.append(customer)
            terminals.append(choice(reachable))
            amounts.append(amount)
    order = np.argsort(np.array(seconds, np.int64), kind="stable")
    return Day(
        number,
        first_id,
        np.array(seconds, np.int64)[order],
        np.array(customers, np.int64)[order],
        np.array(terminals, np.int64)[order],
        np.rint(np.array(amounts)[order] * 100).astype(np.int64),
        np.zeros(len(seconds), np.int64),
    )
