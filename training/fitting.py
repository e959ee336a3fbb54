"""One model: learnt from one period, calibrated on a later one, and written as a file; and how good it is on a third."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss
from sklearn.pipeline import Pipeline

from spark_jobs.features import FEATURE_SET
from training.bundle import Calibration, Manifest, Thresholds, TrainedFamily, model_file
from training.calibration import calibrated, probability, rank
from training.dataset import as_known, inputs
from training.export import file_scores, require_same, to_file
from training.families import FAMILIES, is_supervised, raw_scores
from training.metrics import at_decline, at_threshold, measure, recall_by_scenario
from training.splits import Periods, Span, TooLittleHistory, without_known_cards

LEAST_LEARNT, LEAST_CALIBRATED, LEAST_JUDGED = 20, 10, 5
"""Frauds below which a model learns single cases, a probability is a guess, and a metric is luck."""


class Rows(NamedTuple):
    """The transactions of each period, with the labels that were known when the next one began."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


@dataclass(frozen=True)
class Model:
    """A trained model. Its score is what the detector makes of its file's output."""

    pipeline: Pipeline
    content: bytes
    """Of its file."""
    difference: float
    """Largest difference between the file's output and the Python library's, on the rows of validation."""
    calibration: Calibration

    def raw(self, rows: pd.DataFrame) -> np.ndarray:
        """Returns what the model puts out for each row."""
        return raw_scores(self.pipeline, inputs(rows))

    def scores(self, raw: np.ndarray) -> np.ndarray:
        """Returns the fraud_score of each of its outputs."""
        return calibrated(self.calibration, raw)


def cut(rows: pd.DataFrame, found: Periods) -> Rows:
    """Returns the rows of the periods. Those that are calibrated and judged on come without cards whose fraud was known."""
    return Rows(
        as_known(found.train.of(rows), found.validation.begin),
        as_known(judged(rows, found.validation), found.test.begin),
        judged(rows, found.test),
    )


def judged(rows: pd.DataFrame, span: Span) -> pd.DataFrame:
    """Returns the span's rows that a model is judged on."""
    return without_known_cards(rows, span, rows["labelled_at"])


def learn(family: TrainedFamily, rows: pd.DataFrame) -> Pipeline:
    """Returns a trained model.

    Raises:
        TooLittleHistory: there are too few frauds among the rows.
    """
    model = FAMILIES[family]()
    if is_supervised(model):
        require_frauds(rows, LEAST_LEARNT, "learn from")
    return model.fit(inputs(rows), rows["is_fraud"].to_numpy())


def fit(family: TrainedFamily, rows: Rows) -> Model:
    """Returns a model, trained, calibrated and exported; an unsupervised one is scored by its place among what it has learnt.

    Raises:
        TooLittleHistory: there are too few frauds.
        ExportDiffers: the file does not score as the model.
    """
    pipeline = learn(family, rows.train)
    seen = inputs(rows.validation)
    if is_supervised(pipeline):
        require_frauds(rows.validation, LEAST_CALIBRATED, "calibrate on")
        calibration = probability(raw_scores(pipeline, seen), rows.validation["is_fraud"].to_numpy())
    else:
        calibration = rank(raw_scores(pipeline, inputs(rows.train)))
    content = to_file(family, pipeline, seen.shape[1])
    return Model(pipeline, content, require_same(family, content, pipeline, seen), calibration)


def judge(model: Model, thresholds: Thresholds, test: pd.DataFrame, raw: np.ndarray) -> dict[str, float]:
    """Returns the metrics on rows that the model has not seen, `raw` being its output; none where their labels tell of no fraud.

    Those of `Metrics`; `brier` and `brier_uncalibrated` where the score is a probability; those of `at_threshold` where something
    is reviewed, and of `at_decline` where something is declined.
    """
    if not test["is_fraud"].any():
        return {}
    truth, scores = test["is_fraud"].to_numpy(), model.scores(raw)
    found = measure(test, scores)._asdict()
    if is_supervised(model.pipeline):
        found |= {"brier": brier_score_loss(truth, scores), "brier_uncalibrated": brier_score_loss(truth, raw)}
    if thresholds.review is not None:
        found |= at_threshold(test, scores, thresholds.review)
    if thresholds.decline is not None:
        found |= at_decline(test, scores, thresholds.decline)
    return {name: float(value) for name, value in found.items()}


class Rival(NamedTuple):
    """A model that another would replace."""

    manifest: Manifest
    files: Mapping[str, bytes]


def judge_rival(rival: Rival, test: pd.DataFrame) -> dict[str, Any] | None:
    """Returns `version` and the `Metrics` of the rival on the rows that another model is judged on.

    None where that would not be fair, as it has learnt from as late a day, where the features are others, or there is no fraud.
    """
    known = rival.manifest
    late = known.trained_on is None or known.trained_on.end >= test["event_time"].iloc[0]
    if late or known.feature_set != FEATURE_SET or not test["is_fraud"].any():
        return None
    raw = file_scores(known.family, rival.files[model_file(known.family)], test[list(known.features)].to_numpy(float))
    scores = calibrated(known.calibration, raw) if known.calibration else raw
    return {"version": known.version, **measure(test, scores)._asdict()}


def prequential(family: TrainedFamily, rows: pd.DataFrame, spans: Iterable[tuple[Span, Span]]) -> dict[str, Any]:
    """Returns mean and standard deviation of the metrics of each fold, by a model of its own, and the scenarios of all together."""
    judged_on, found, scenarios = [], [], []
    for learnt, test in spans:
        model = learn(family, as_known(learnt.of(rows), test.begin))
        unseen = judged(rows, test)
        require_frauds(unseen, LEAST_JUDGED, "be judged on")
        raw = raw_scores(model, inputs(unseen))
        judged_on.append([test.begin.isoformat(), test.end.isoformat()])
        found.append(measure(unseen, raw))
        scenarios.append(recall_by_scenario(unseen, raw))
    together = pd.concat(scenarios)
    together["recall"] *= together["frauds"]
    together = together.groupby(level=0).sum()
    together["recall"] /= together["frauds"]
    names = found[0]._fields
    return {
        "folds": judged_on,
        "mean": dict(zip(names, np.mean(found, axis=0).tolist(), strict=True)),
        "deviation": dict(zip(names, np.std(found, axis=0).tolist(), strict=True)),
        "scenarios": records(together),
    }


def records(scenarios: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the rows of `recall_by_scenario` for JSON."""
    return [{"scenario": name, **row} for name, row in scenarios.to_dict("index").items()]


def require_frauds(rows: pd.DataFrame, least: int, purpose: str) -> None:
    """Checks that so many of the rows are fraud.

    Raises:
        TooLittleHistory: they are fewer.
    """
    number = int(rows["is_fraud"].sum())
    if number < least:
        when = _days(rows["event_time"].min(), rows["event_time"].max()) if len(rows) else "no transaction"
        raise TooLittleHistory(
            f"There are {number} known frauds to {purpose} ({when}), and at least {least} are needed",
            "Give more history, with its labels.",
        )


def _days(begin: datetime, end: datetime) -> str:
    return f"{begin:%Y-%m-%d} to {end:%Y-%m-%d}"
