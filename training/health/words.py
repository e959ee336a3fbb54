"""Figures of a model's health for people."""

from training.bundle import in_words
from training.health.day import ALERTS, INPUTS, MISSES, SCORES, Result
from training.summary import WORDS

DRIFT = {INPUTS: "payments", ALERTS: "alerts", SCORES: "scores"}
NAMES = {
    **WORDS,
    **{metric: f"drift of {what}" for metric, what in DRIFT.items()},
    "estimated_precision": "share of alerts that are fraud, estimated",
    "estimated_recall": "share of frauds with an alert, estimated",
    "calibration_error": "calibration error",
    MISSES: "frauds among approved payments, blind sample",
}
COUNTS = ("payments", "frauds")


def name_of(metric: str) -> str:
    """Returns what a metric is called."""
    return NAMES.get(metric, metric)


def figure(metric: str, value: float) -> str:
    """Returns its value."""
    return f"{value:,.0f}" if metric in COUNTS else in_words(metric, value)


def interval(one: Result) -> str:
    """Returns its interval; empty where it has none."""
    return "" if one.low is None or one.high is None else f"{figure(one.metric, one.low)} to {figure(one.metric, one.high)}"


def breach(one: Result) -> str:
    """Returns what is wrong, as a sentence."""
    limit = "" if one.limit_value is None else figure(one.metric, one.limit_value)
    if one.metric in DRIFT:
        what = one.feature or "fraud_score"
        return (
            f"{one.day}: {what} of {DRIFT[one.metric]} is not as it was when the model was made: PSI {one.value:.3f}, limit {limit}"
        )
    return f"{one.day}: {name_of(one.metric)} is {figure(one.metric, one.value)}, and chance explains {limit} at worst"
