"""From what a model puts out to fraud_score: a probability where it has learnt from labels, else a rank."""

import numpy as np
from sklearn.isotonic import IsotonicRegression

from training.bundle import Calibration

POINTS = 100
GAP = 1e-6
"""Raw outputs that lie closer are one: models are scored in float by one library and in another order by the next."""
TAIL = 1e-5
"""Of the ranks the finest: one in a hundred thousand, ten times what a hundred cards a day are of all payments."""


def probability(raw: np.ndarray, truth: np.ndarray) -> Calibration:
    """Returns the map that makes the raw outputs, each from 0 to 1, agree with the shares of fraud among them.

    Isotonic regression, whose steps are joined at their middles: no two rows change their order.
    """
    steps = IsotonicRegression(y_min=0, y_max=1).fit(raw, truth).predict(raw)
    shares, step = np.unique(steps, return_inverse=True)
    middles = np.bincount(step, weights=raw) / np.bincount(step)
    inner = (middles > GAP) & (middles < 1 - GAP)
    middles, shares = middles[inner], shares[inner]
    chosen = np.unique(np.linspace(0, len(middles) - 1, min(len(middles), POINTS - 2)).round().astype(int))
    return _apart(np.r_[0.0, middles[chosen], 1.0], np.r_[0.0, shares[chosen], 1.0])


def rank(raw: np.ndarray) -> Calibration:
    """Returns the map from raw outputs to the share of these that are less suspicious; finest where few are more."""
    shares = 1 - np.geomspace(1, TAIL, POINTS - 1)
    return _apart(np.r_[np.quantile(raw, shares), raw.max()], np.r_[shares, 1.0])


def calibrated(calibration: Calibration, raw: np.ndarray) -> np.ndarray:
    """Returns the fraud_score of each raw output, as the detector computes it."""
    return np.asarray(np.interp(raw, calibration.raw, calibration.score))


def _apart(raw: np.ndarray, score: np.ndarray) -> Calibration:
    kept = [0]
    for place in range(1, len(raw)):
        if raw[place] - raw[kept[-1]] > GAP:
            kept.append(place)
    return Calibration(raw=tuple(raw[kept].tolist()), score=tuple(score[kept].tolist()))
