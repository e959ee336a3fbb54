"""How good the alerts of a day will turn out to be, told from the scores alone, a week before labels come.

Where a score is the probability that a payment is fraud, the scores of the alerts add up to the frauds that are expected among
them, and those of the other payments to the frauds that are missed (CBPE; J. Kivimäki, J. Białek, W. Kuberski, J. Nurminen:
Performance Estimation in Binary Classification Using Calibrated Confidence, arXiv 2505.05295, 2025). It assumes that what a score
means has not changed. A new kind of fraud that is scored low breaks that: an estimate that labels later contradict is a signal.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

Z = 1.959964
"""Of a normal variable 95 % lie within so many standard deviations."""


class Estimate(NamedTuple):
    """An expected value, and its variance where the payments are independent and the probabilities right."""

    value: float
    variance: float

    def interval(self, dispersion: float) -> tuple[float, float]:
        """Returns where 95 % of the true values lie, if they vary so many times as much."""
        wide = Z * float(np.sqrt(self.variance * dispersion))
        return max(0.0, self.value - wide), min(1.0, self.value + wide)


def estimates(scores: np.ndarray, review: float) -> Mapping[str, Estimate]:
    """Returns `precision` and `recall` of looking at whatever has a score of `review` or more; none that has no denominator."""
    alerted = scores >= review
    caught, missed = float(scores[alerted].sum()), float(scores[~alerted].sum())
    variances = scores * (1 - scores)
    of_caught, of_missed = float(variances[alerted].sum()), float(variances[~alerted].sum())
    found = {}
    if alerts := int(alerted.sum()):
        found["precision"] = Estimate(caught / alerts, of_caught / alerts**2)
    if frauds := caught + missed:
        found["recall"] = Estimate(caught / frauds, (missed**2 * of_caught + caught**2 * of_missed) / frauds**4)
    return found


def dispersion(days: list[tuple[Estimate, float]]) -> float:
    """Returns how many times as much the truth of some days lay off their estimates as it should have; at least 1."""
    ratios = [(truth - one.value) ** 2 / one.variance for one, truth in days if one.variance > 0]
    return max(1.0, float(np.mean(ratios))) if ratios else 1.0
