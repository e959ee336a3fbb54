"""From where on a difference between two models is harm, and no chance.

Two things must hold for a breach. The difference is gross: more than FACTOR times as many alerts, and so on. And chance does not
explain how far it is beyond that: the probability is computed exactly, for the payments that there are, so that a window of sixty
payments is judged as soberly as one of twelve thousand.

- Two shares: given the events of both sides together, those of one are binomial (J. Przyborowski, H. Wilenski: Homogeneity of
  Results in Testing Samples from Poisson Series, 1940), which knows how uncertain the share before is. Minutes differ by more than
  chance, as attacks come in bursts: how many times as much, Pearson's chi-squared over parts of the hour before tells, and events
  count for as much less (J. N. K. Rao, A. J. Scott: A Simple Method for the Analysis of Clustered Binary Data, 1992).
- Latency: the share of payments slower than twice what one in a hundred was before. It needs no idea of how latencies are spread.
- Scores: PSI with a limit that knows the number of payments (`training.health.drift`).

A watch looks many times. The probability that one of a harmless model ends in a rollback by chance is FALSE_ALARM at most, one in a
thousand: each look has its share of it (Bonferroni), whatever the looks have in common.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betainc

from training.health.drift import FALSE_ALARM, counts_of, dispersion, moved
from training.watch.sample import Sample

FACTOR = 2.0
"""Gross are more than twice as many alerts, declines or late payments as before, and less than half as many alerts."""
UNSCORED = 0.01
"""Share of payments without a score that is never harm, as in the alert FraudPaymentsUnscored."""
LATE = 0.01
"""Share of payments that may be late."""
LEAST_LATE_S = 5.0
"""What is faster is not late: a checkpoint of a real-time detector holds payments up for two seconds."""
LATE_WINDOWS = 5
"""So many windows in a row payments have to be late: a detector that is restarted has caught up by then."""
MAJOR = 0.25
"""PSI from which on a shift is major by the usual rule of credit scoring: two good models differ by less in these bins."""
EDGES = np.array([0.01, 0.03, 0.1, 0.3, 0.6, 0.9])
"""Bins of the score, fixed: below the first lie nearly all payments, and how two models rank those is of no interest."""
TESTS = 6
LOOKS_EACH = 2
"""At each window alone, and at all so far together."""


class Finding(NamedTuple):
    """One figure of a window beside that of before."""

    metric: str
    value: float
    before: float
    breached: bool


def sentence(one: Finding) -> str:
    """Returns a breach in words."""
    match one.metric:
        case "score_drift":
            return f"scores are not as before, PSI {one.value:.3f}"
        case "latency":
            return f"one payment in a hundred takes longer than {one.value:.2f} s, before {one.before:.2f} s"
        case _:
            return f"{WORDS[one.metric]} {one.value:.3%} of payments, before {one.before:.3%}"


WORDS = {"alerts": "alerts are", "declines": "declines are", "unscored": "there is no score for"}


class Limits:
    """What was usual before, and how often it will be looked at."""

    def __init__(self, before: Sequence[Sample], windows: int, *, are_probabilities: bool) -> None:
        """`before` are parts of the time before; scores are compared only where those of both models are probabilities."""
        self._parts = [one for one in before if one.rows]
        self.before = Sample.together(self._parts)
        self._looks = TESTS * LOOKS_EACH * windows
        latencies = self.before.latencies
        self._late_s = max(LEAST_LATE_S, FACTOR * _slowest(latencies)) if latencies else None
        by_part = np.array([counts_of(np.array(one.scores), EDGES) for one in self._parts if one.scores])
        self._scores = by_part.sum(axis=0) if len(by_part) and are_probabilities else None
        self._score_dispersion = dispersion(by_part) if self._scores is not None else 1.0

    def judge(self, after: Sample) -> list[Finding]:
        """Returns every figure that both sides have."""
        return list(self._findings(after)) if after.rows and self.before.rows else []

    def _findings(self, after: Sample) -> Iterator[Finding]:
        before = self.before
        yield self._alerts(after)
        # What was reviewed may be declined by the model after: that is a shift, and no harm by itself.
        yield self._more("declines", lambda one: one.declines, after, before.alerts / before.rows)
        yield self._more("unscored", lambda one: one.unscored, after, UNSCORED)
        if self._late_s is not None and after.latencies:
            late = self._late(after, self._late_s)
            yield Finding("latency", _slowest(after.latencies), _slowest(before.latencies), late)
        if self._scores is not None and after.scores:
            counts = counts_of(np.array(after.scores), EDGES)
            found = moved(counts, self._scores, self._score_dispersion, self._looks, MAJOR)
            yield Finding("score_drift", found.psi, 0.0, found.limit is not None and found.psi > found.limit)

    def _alerts(self, after: Sample) -> Finding:
        more = self._more("alerts", lambda one: one.alerts, after, 0.0)
        spread = self._spread(lambda one: one.alerts, lambda one: one.rows)
        less = fewer((after.alerts, after.rows), (self.before.alerts, self.before.rows), spread)
        return more._replace(breached=more.breached or self._is_no_chance(less))

    def _more(self, metric: str, count: Callable[[Sample], int], after: Sample, least: float) -> Finding:
        """Returns whether there is more of something than FACTOR times before, and more than a share that is never harm."""
        before, spread = self.before, self._spread(count, lambda one: one.rows)
        relative = more((count(after), after.rows), (count(before), before.rows), spread)
        absolute = above((count(after), after.rows), least, spread)
        breached = self._is_no_chance(max(relative, absolute))
        return Finding(metric, count(after) / after.rows, count(before) / before.rows, breached)

    def _late(self, after: Sample, limit_s: float) -> bool:
        spread = self._spread(lambda one: one.slower_than(limit_s), lambda one: len(one.latencies))
        return self._is_no_chance(above((after.slower_than(limit_s), len(after.latencies)), LATE, spread))

    def _is_no_chance(self, probability: float) -> bool:
        return probability < FALSE_ALARM / self._looks

    def _spread(self, count: Callable[[Sample], int], of: Callable[[Sample], int]) -> float:
        """Returns how many times as much the parts of the time before differ as chance makes them, at least 1."""
        pairs = [(count(one), of(one)) for one in self._parts if of(one)]
        events, rows = (np.array([pair[side] for pair in pairs], float) for side in (0, 1))
        share = events.sum() / rows.sum() if rows.sum() else 0.0
        if len(pairs) < 2 or not 0 < share < 1:
            return 1.0
        return max(1.0, float(((events - rows * share) ** 2 / (rows * share * (1 - share))).sum() / (len(pairs) - 1)))


def more(after: tuple[int, int], before: tuple[int, int], spread: float) -> float:
    """Returns how probable so many events after, or more, would be if their share were FACTOR times that before."""
    share = FACTOR * after[1] / (FACTOR * after[1] + before[1])
    events, all_of = after[0] / spread, (after[0] + before[0]) / spread
    return float(betainc(events, all_of - events + 1, share)) if events else 1.0


def fewer(after: tuple[int, int], before: tuple[int, int], spread: float) -> float:
    """Returns how probable so few events after, or fewer, would be if their share were that before divided by FACTOR."""
    share = after[1] / (after[1] + FACTOR * before[1])
    events, of_before = after[0] / spread, before[0] / spread
    return float(betainc(of_before, events + 1, 1 - share)) if of_before else 1.0


def above(events: tuple[int, int], share: float, spread: float) -> float:
    """Returns how probable so many events of so many payments, or more, would be if this were their share."""
    some, rows = events[0] / spread, events[1] / spread
    return float(betainc(some, rows - some + 1, share)) if some and share < 1 else 1.0


def _slowest(seconds: Sequence[float]) -> float:
    """Returns what one payment in a hundred takes longer than."""
    return float(np.quantile(seconds, 1 - LATE)) if seconds else 0.0
