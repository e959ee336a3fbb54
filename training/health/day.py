"""One day judged: drift and estimates of its own payments, and the results of the day whose labels have come by its end."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from spark_jobs.features import MATURITY
from training.bundle import Manifest
from training.health import estimate, quality
from training.health.drift import RELEVANT, counts_of, moved
from training.health.reference import Histogram, Reference
from training.health.served import IDENTITY, Served, day_of, judged, known_before, with_truth
from training.splits import DAY

INPUTS, ALERTS, SCORES = "input_drift", "alert_drift", "score_drift"
MISSES = "miss_rate"


@dataclass(frozen=True)
class Result:
    """One figure of a day. `low` and `high` are its 95 % interval; None where there is none."""

    day: date
    """Of the payments, in UTC."""
    model_version: str
    metric: str
    feature: str
    """The model's input that it is about; empty: none."""
    value: float
    low: float | None = None
    high: float | None = None
    limit_value: float | None = None
    """Beyond it the figure is a breach; None: nothing is judged by it."""
    breached: bool = False


class Compared(NamedTuple):
    """Counts of a day beside those of the reference, by bin."""

    reference: Histogram
    now: np.ndarray


class Day(NamedTuple):
    """What is found at the end of a day."""

    day: date
    results: list[Result]
    compared: Mapping[tuple[str, str], Compared]
    """By metric and feature."""
    reliability: pd.DataFrame | None
    """That of `quality.reliability`, of the day whose labels have come; None where there is none, or a score is no probability."""


class Health:
    """A model with its reference, and what it has scored."""

    def __init__(self, manifest: Manifest, reference: Reference | None, served: Served, blind_sample: str) -> None:
        self.manifest, self.reference = manifest, reference
        self._served, self._blind_sample = served, blind_sample
        self._review = manifest.thresholds.review
        self._is_probability = "brier" in manifest.metrics
        """The trainer has judged it as one."""
        learnt = manifest.trained_on
        days = MATURITY / DAY if learnt is None else learnt.label_delay_days
        self.delay = timedelta(days=math.ceil(days))
        """How long after a payment's day its labels have come."""

    @property
    def bins(self) -> np.ndarray | None:
        """The edges of the score's bins, by which calibration is judged; None where a score is no probability."""
        return self.reference.scores.bins if self.reference and self._is_probability else None

    def of(self, day: date) -> Day:
        """Returns what is found at the end of a day. No clock is asked: what came later is not looked at."""
        end, matured = day_of(day).end, day - self.delay
        labels = self._served.labels(min(known_before(day), known_before(matured)), end)
        payments = self._served.payments(day)
        compared = dict(self._compared(payments))
        results = [self._result(day, "payments", float(len(payments)))]
        results += [*self._drift(day, compared), *self._estimates(day, judged(with_truth(payments, labels), labels, day))]
        old = self._served.payments(matured, inputs=False)
        found, table = self._matured(matured, old, labels) if len(old) else ([], None)
        return Day(day, results + found, compared, table)

    def _compared(self, payments: pd.DataFrame) -> Iterator[tuple[tuple[str, str], Compared]]:
        if self.reference is None or payments.empty:
            return
        scores = payments["fraud_score"].to_numpy(float)
        yield (SCORES, ""), Compared(self.reference.scores, counts_of(scores, self.reference.scores.bins))
        alerted = np.full(len(scores), False) if self._review is None else scores >= self._review
        for name in self.manifest.features:
            values = payments[name].to_numpy(float)
            for metric, of_reference, of_day in (
                (INPUTS, self.reference.payments, values),
                (ALERTS, self.reference.alerts, values[alerted]),
            ):
                if (usual := of_reference.get(name)) is not None and len(of_day):
                    yield (metric, name), Compared(usual, counts_of(of_day, usual.bins))

    def _drift(self, day: date, compared: Mapping[tuple[str, str], Compared]) -> Iterator[Result]:
        enough = self.reference is not None and self.reference.days >= quality.LEAST_DAYS
        for (metric, name), (usual, now) in compared.items():
            # A small part of all payments decides on alerts: a change of the score matters however small it is.
            relevant = 0.0 if metric == SCORES else RELEVANT
            found = moved(now, np.array(usual.counts), usual.dispersion, len(compared), relevant)
            limit = found.limit if enough else None
            yield self._result(day, metric, found.psi, feature=name, limit=limit, breached=limit is not None and found.psi > limit)

    def _estimates(self, day: date, rows: pd.DataFrame) -> Iterator[Result]:
        if not self._is_probability or self._review is None or rows.empty:
            return
        off = self.reference.estimates if self.reference else {}
        for name, one in estimate.estimates(rows["fraud_score"].to_numpy(float), self._review).items():
            yield self._result(day, f"estimated_{name}", one.value, interval=one.interval(off.get(name, 1.0)))

    def _matured(self, day: date, payments: pd.DataFrame, labels: pd.DataFrame) -> tuple[list[Result], pd.DataFrame | None]:
        """Returns the results of a day whose labels have come, and the table of its reliability."""
        rows = judged(with_truth(payments, labels), labels, day)
        scores, truth = rows["fraud_score"].to_numpy(float), rows["is_fraud"].to_numpy(bool)
        usual = self.reference.quality if self.reference else {}
        results = [self._result(day, "frauds", float(truth.sum()))]
        for name, value in quality.of_day(rows, scores, self._review, self.bins).items():
            limit = quality.limit(name, usual.get(name))
            interval, worse = self._interval(name, scores, truth), quality.is_worse(name, value, limit)
            results.append(self._result(day, name, value, interval=interval, limit=limit, breached=worse))
        table = None if self.bins is None else quality.reliability(scores, truth, self.bins)
        return [*results, *self._misses(day, rows, labels)], table

    def _interval(self, metric: str, scores: np.ndarray, truth: np.ndarray) -> tuple[float, float] | None:
        if self._review is None or metric not in ("precision", "recall"):
            return None
        alerted = scores >= self._review
        return quality.wilson((alerted & truth).sum(), (alerted if metric == "precision" else truth).sum())

    def _misses(self, day: date, rows: pd.DataFrame, labels: pd.DataFrame) -> Iterator[Result]:
        """Yields how many of the approved payments were fraud, by those that were looked at without any suspicion."""
        sampled = labels.loc[labels["labelled_by"] == self._blind_sample, IDENTITY].drop_duplicates()
        seen = rows[rows["decision"] == "approve"].merge(sampled, on=IDENTITY)
        if len(seen):
            frauds = int(seen["is_fraud"].sum())
            yield self._result(day, MISSES, frauds / len(seen), interval=quality.wilson(frauds, len(seen)))

    def _result(
        self,
        day: date,
        metric: str,
        value: float,
        feature: str = "",
        interval: tuple[float, float] | None = None,
        limit: float | None = None,
        breached: bool = False,
    ) -> Result:
        low, high = interval or (None, None)
        return Result(day, self.manifest.version, metric, feature, value, low, high, limit, breached)
