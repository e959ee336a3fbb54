"""How good a model was on one day, once the labels have come; and from where on a day is worse than chance makes it.

The metrics are the trainer's own functions. Mean and deviation of each are known of the days before a model was made that it has
not learnt from. A day that lies further off than one in a thousand such days would is a breach: a prediction interval for one more
value, by Student's t.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn.metrics import brier_score_loss

from training.health.drift import FALSE_ALARM
from training.health.estimate import Z
from training.health.reference import Spread
from training.metrics import at_threshold, measure

LEAST_DAYS = 7
"""Days with frauds from which on their deviation is known well enough to judge another one by."""
LESS_IS_WORSE = ("average_precision", "card_precision", "precision", "recall")
MORE_IS_WORSE = ("brier", "calibration_error")


def of_day(rows: pd.DataFrame, scores: np.ndarray, review: float | None, bins: np.ndarray | None) -> dict[str, float]:
    """Returns the metrics of a day's rows as the trainer has them; none where no fraud is known, or all is fraud.

    Those of `training.metrics.Metrics`; those of `at_threshold` where something is reviewed; and `brier` and `calibration_error`
    where the score is a probability: `bins` are then the edges of its bins.
    """
    truth = rows["is_fraud"].to_numpy()
    if not truth.any() or truth.all():
        return {}
    found = measure(rows, scores)._asdict()
    if review is not None:
        found |= at_threshold(rows, scores, review)
    if bins is not None:
        found |= {"brier": float(brier_score_loss(truth, scores)), "calibration_error": error(reliability(scores, truth, bins))}
    return found


def spread(days: Sequence[dict[str, float]]) -> dict[str, Spread]:
    """Returns mean and standard deviation of each metric over days."""
    found = pd.DataFrame([one for one in days if one])
    return {
        name: Spread(mean=float(values.mean()), deviation=float(values.std(ddof=1)) if len(values) > 1 else 0.0, days=len(values))
        for name, values in found.items()
    }


def limit(metric: str, usual: Spread | None) -> float | None:
    """Returns the value that a day must not be worse than; None where nothing is judged by the metric, or too little known."""
    if usual is None or usual.days < LEAST_DAYS or metric not in LESS_IS_WORSE + MORE_IS_WORSE:
        return None
    off = float(t.ppf(1 - FALSE_ALARM, usual.days - 1)) * usual.deviation * float(np.sqrt(1 + 1 / usual.days))
    return usual.mean + off if metric in MORE_IS_WORSE else max(0.0, usual.mean - off)


def is_worse(metric: str, value: float, than: float | None) -> bool:
    """Returns whether a value is beyond its limit."""
    return than is not None and (value > than if metric in MORE_IS_WORSE else value < than)


def reliability(scores: np.ndarray, truth: np.ndarray, bins: np.ndarray) -> pd.DataFrame:
    """Returns by bin of the score `rows`, `score` and `frauds`, both as sums: tables of several days can be added up."""
    places = np.searchsorted(bins, scores)
    counted = {"rows": None, "score": scores, "frauds": truth.astype(float)}
    return pd.DataFrame({name: np.bincount(places, weights, len(bins) + 1) for name, weights in counted.items()})


def error(table: pd.DataFrame) -> float:
    """Returns the expected calibration error: how far mean score and share of fraud lie apart, the mean of all rows by bins."""
    return float((table["score"] - table["frauds"]).abs().sum() / table["rows"].sum())


def wilson(hits: float, rows: float) -> tuple[float, float]:
    """Returns the 95 % interval of a share, of which `hits` of `rows` were seen (E. B. Wilson, 1927)."""
    hits, rows = float(hits), float(rows)
    if not rows:
        return 0.0, 1.0
    share, z2 = hits / rows, Z * Z / rows
    middle = (share + z2 / 2) / (1 + z2)
    wide = Z / (1 + z2) * float(np.sqrt(share * (1 - share) / rows + z2 / (4 * rows)))
    return max(0.0, middle - wide), min(1.0, middle + wide)
