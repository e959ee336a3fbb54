"""Makes a model's reference of the days that it has not learnt from."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from spark_jobs.features import MODEL_INPUTS
from training.dataset import as_known
from training.fitting import judged
from training.health import estimate, quality
from training.health.drift import DECILES, counts_of, dispersion, edges_of
from training.health.estimate import Estimate
from training.health.reference import Histogram, Reference
from training.splits import DAY, Span

SCORE_SHARES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
"""Bins of the score are finest where alerts come from: of ten thousand payments a day a hundred are looked at."""


class Judge(NamedTuple):
    """How a model decides, as far as its health is concerned."""

    review: float | None
    """From which score on a payment is reviewed; None: never."""
    is_probability: bool
    """Whether a score says how probable fraud is."""
    label_delay: timedelta


def reference(rows: pd.DataFrame, span: Span, score: Callable[[pd.DataFrame], np.ndarray], judge: Judge) -> Reference:
    """Returns the reference of a span of whole days; `score` returns a score for each of its rows.

    `rows` are those of `dataset.read`: by event_time, their index from 0 on. They include days before the span, as a card whose
    fraud is known is not judged.
    """
    of_span = span.of(rows)
    of_scores = score(of_span)
    scores = np.full(len(rows), np.nan)
    scores[of_span.index] = of_scores
    days = ((of_span["event_time"] - span.begin) // DAY).to_numpy()
    alerted = np.full(len(of_span), False) if judge.review is None else of_scores >= judge.review
    of_score = _histogram(of_scores, days, SCORE_SHARES)
    results = list(_results(rows, scores, span, judge, of_score.bins))
    return Reference(
        begin=span.begin,
        end=span.end,
        payments={name: _histogram(of_span[name].to_numpy(float), days) for name in MODEL_INPUTS},
        alerts={name: _histogram(of_span[name].to_numpy(float)[alerted], days[alerted]) for name in MODEL_INPUTS}
        if alerted.any()
        else {},
        scores=of_score,
        quality=quality.spread([metrics for metrics, _ in results]),
        estimates=_off(results) if judge.is_probability else {},
    )


def _histogram(values: np.ndarray, days: np.ndarray, shares: tuple[float, ...] = DECILES) -> Histogram:
    edges = edges_of(values, shares)
    ends = np.searchsorted(days, np.unique(days), side="right")[:-1]
    by_day = np.stack([counts_of(of_day, edges) for of_day in np.split(values, ends)])
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(by_day.sum(axis=0).tolist()), dispersion=dispersion(by_day))


Result = tuple[dict[str, float], dict[str, Estimate]]


def _results(rows: pd.DataFrame, scores: np.ndarray, span: Span, judge: Judge, bins: np.ndarray) -> Iterator[Result]:
    """Yields metrics and estimates of each day, by the labels that had come when a label's time was over."""
    for number in range((span.end - span.begin) // DAY):
        today = Span(span.begin + number * DAY, span.begin + (number + 1) * DAY)
        known = as_known(judged(rows, today), today.end + judge.label_delay)
        if known.empty:
            continue
        of_day = scores[known.index]
        metrics = quality.of_day(known, of_day, judge.review, bins if judge.is_probability else None)
        yield metrics, {} if judge.review is None else dict(estimate.estimates(of_day, judge.review))


def _off(results: list[Result]) -> dict[str, float]:
    names = ("precision", "recall")
    pairs = {name: [(told[name], known[name]) for known, told in results if name in known and name in told] for name in names}
    return {name: estimate.dispersion(of_name) for name, of_name in pairs.items() if of_name}
