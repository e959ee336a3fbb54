"""Pictures of how good a model is, as PNG."""

from collections.abc import Callable, Mapping
from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve

from training.bundle import Thresholds

BINS = 50
SIZE = (7.0, 4.5)


def plots(
    test: pd.DataFrame, scores: np.ndarray, raw: np.ndarray, scenarios: pd.DataFrame, points: pd.DataFrame, thresholds: Thresholds
) -> Mapping[str, bytes]:
    """Returns the pictures by file name. `points` are the operating points of validation, all else is of the test."""
    truth = test["is_fraud"].to_numpy()
    found = {"scores.png": png(lambda axes: _scores(axes, truth, scores, thresholds))}
    found["thresholds.png"] = png(lambda axes: _thresholds(axes, points, thresholds))
    if truth.any():
        found["precision-recall.png"] = png(lambda axes: _precision_recall(axes, truth, scores))
        found["scenarios.png"] = png(lambda axes: _scenarios(axes, scenarios))
        if raw.min() >= 0:
            found["calibration.png"] = png(lambda axes: _calibration(axes, truth, scores, raw))
    return found


def png(draw: Callable[[Axes], None]) -> bytes:
    """Returns one picture."""
    figure = Figure(figsize=SIZE, layout="constrained")
    draw(figure.add_subplot())
    content = BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return content.getvalue()


def _precision_recall(axes: Axes, truth: np.ndarray, scores: np.ndarray) -> None:
    precision, recall, _ = precision_recall_curve(truth, scores)
    axes.plot(recall, precision)
    axes.set(title="Precision and recall, test", xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))


def _calibration(axes: Axes, truth: np.ndarray, scores: np.ndarray, raw: np.ndarray) -> None:
    for name, values in (("fraud_score", scores), ("before calibration", raw)):
        share, mean = calibration_curve(truth, values, n_bins=10)
        axes.plot(mean, share, marker="o", label=name)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    axes.set(title="Calibration, test", xlabel="score", ylabel="share of fraud")
    axes.legend()


def _scores(axes: Axes, truth: np.ndarray, scores: np.ndarray, thresholds: Thresholds) -> None:
    for name, values in (("genuine", scores[~truth]), ("fraud", scores[truth])):
        axes.hist(values, bins=BINS, range=(0, 1), alpha=0.6, label=name, log=True)
    for name, at in thresholds.model_dump().items():
        if at is not None:
            axes.axvline(at, color="black", linestyle="--" if name == "review" else "-", label=f"{name} from {at:.3g} on")
    axes.set(title="Scores, test", xlabel="fraud_score", ylabel="transactions")
    axes.legend()


def _scenarios(axes: Axes, scenarios: pd.DataFrame) -> None:
    ranked = scenarios.sort_values("recall")
    bars = axes.barh(ranked.index, ranked["recall"])
    axes.bar_label(bars, labels=[f"{count:,} frauds" for count in ranked["frauds"]], padding=3, fontsize=8)
    axes.set(title="Frauds found, 100 cards a day looked at, test", xlabel="recall", xlim=(0, 1.2))


def _thresholds(axes: Axes, points: pd.DataFrame, thresholds: Thresholds) -> None:
    axes.plot(points["threshold"], points["cards"], label="cards a day")
    axes.set(title="What a review threshold costs, validation", xlabel="review from", ylabel="cards a day", yscale="log")
    cost = axes.twinx()
    cost.plot(points["threshold"], points["cost"], color="tab:red", label="cost")
    cost.set_ylabel("missed amount and reviews")
    if thresholds.review is not None:
        axes.axvline(thresholds.review, color="black", linestyle="--")
    axes.figure.legend(loc="outside lower center", ncols=2)
