"""How far values have moved from a reference: the population stability index, and from where on that is no chance.

PSI is the sum over bins of (p - q) ln(p / q), p being the share of one sample in a bin and q that of the other. Where nothing has
changed, the PSI of n independent values beside m is about (1/n + 1/m) times a chi-squared variable with one degree of freedom less
than there are bins (B. Yurdakul: Statistical Properties of Population Stability Index, 2018). So a fixed limit of 0.1 is passed by
chance where rows are few. And rows are not independent: payments of a card are alike, and Sundays are not like Mondays. How many
times as much the days of the reference differ from each other as independent rows would is the dispersion, by which the limit is
multiplied (J. N. K. Rao, A. J. Scott: The Analysis of Categorical Data from Complex Sample Surveys, 1981, first-order correction).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

BINS = 10
DECILES = tuple(share / BINS for share in range(1, BINS))
FALSE_ALARM = 0.001
"""Probability that a day without any drift raises an alarm, of all that is looked at on it together: once in three years."""
RELEVANT = 0.1
"""PSI below which a change of an input is of no interest, however certain it is; the usual rule of credit scoring."""
LEAST_IN_A_BIN = 5
"""Values that a bin has to have on average, or chi-squared is too far from the truth (W. G. Cochran, 1954)."""


class Moved(NamedTuple):
    """How far values of a day have moved."""

    psi: float
    limit: float | None
    """From where on it is an alarm; None: there are too few rows to tell."""


def edges_of(values: np.ndarray, shares: Sequence[float] = DECILES) -> np.ndarray:
    """Returns where bins end, the value itself included, at so large shares of the values. The last bin has no end.

    Each edge is one of the values. So equal values stand in one bin, and a feature that is 0 or 1 has two.
    """
    present = values[~np.isnan(values)]
    distinct = np.unique(present)
    if len(distinct) <= BINS:
        return np.asarray(distinct[:-1])
    found = np.unique(np.quantile(present, shares, method="lower"))
    return np.asarray(found[found < distinct[-1]])


def counts_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Returns how many values lie in each bin, and at the end how many are absent (NaN)."""
    places = np.searchsorted(edges, values)
    places[np.isnan(values)] = len(edges) + 1
    return np.bincount(places, minlength=len(edges) + 2)


def moved(now: np.ndarray, reference: np.ndarray, dispersion: float, looks: int, relevant: float) -> Moved:
    """Returns how far the counts of a day have moved from those of a reference, as one of so many `looks` at that day."""
    used = (now + reference) > 0
    rows, bins = int(now.sum()), int(used.sum())
    if rows < LEAST_IN_A_BIN * bins:
        return Moved(psi(now, reference), None)
    by_chance = chi2.ppf(1 - FALSE_ALARM / looks, max(1, bins - 1)) * _variance(now, reference)
    return Moved(psi(now, reference), max(relevant, float(dispersion * by_chance)))


def psi(now: np.ndarray, reference: np.ndarray) -> float:
    """Returns the population stability index of two samples' counts; half a value is added to each bin that either has used."""
    used = (now + reference) > 0
    if not used.any():
        return 0.0
    p, q = (_shares(counts[used]) for counts in (now, reference))
    return float(np.sum((p - q) * np.log(p / q)))


def dispersion(by_day: np.ndarray) -> float:
    """Returns how many times as much days differ as samples of independent rows would, at least 1; a row of counts each."""
    total = by_day.sum(axis=0)
    bins = int((total > 0).sum())
    days = [day for day in by_day if 0 < day.sum() < total.sum()]
    if bins < 2 or not days:
        return 1.0
    ratios = [psi(day, total - day) / (_variance(day, total - day) * (bins - 1)) for day in days]
    return max(1.0, float(np.mean(ratios)))


def _shares(counts: np.ndarray) -> np.ndarray:
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))


def _variance(one: np.ndarray, other: np.ndarray) -> float:
    return float(1 / one.sum() + 1 / other.sum())
