"""A model on trial: trained on labelled history, and judged on later days than it has learnt from, beside the champion."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from spark_jobs.features import FEATURE_SET, MODEL_INPUTS
from training import dataset, fitting, progress
from training.bundle import Description, Thresholds, TrainedOn
from training.dataset import Reach
from training.families import is_supervised
from training.fitting import Model, Rival, Rows
from training.health import unseen
from training.health.reference import Reference
from training.leaks import leaks
from training.metrics import recall_by_scenario
from training.plots import plots
from training.splits import Periods, Span, TooLittleHistory, folds, periods
from training.thresholds import by_capacity, by_cost, operating_points, to_decline
from training.train_settings import TrainSettings


class Candidate(NamedTuple):
    """A trained model, not saved yet."""

    known: Description
    content: bytes
    """Of its file."""
    reference: Reference
    report: dict[str, Any]
    pictures: Mapping[str, bytes]


def train(settings: TrainSettings, events: Path, reach: Reach, champion: Rival | None = None) -> Candidate:
    """Returns a model trained on what `dataset.keep` has written of events that reach so far; the champion is judged beside it.

    Raises:
        TooLittleHistory, ExportDiffers.
    """
    found = periods(*reach, settings.label_delay)
    spans = folds(found, reach.first, settings.folds)
    with progress.step("history"):
        everything = Span(min([found.train.begin, *(learnt.begin for learnt, _ in spans)]), found.test.end)
        rows = dataset.read(events, everything, reach.last)
        parts = fitting.cut(rows, found)
        _require_payments(parts, found)
    with progress.step("model"):
        model = fitting.fit(settings.family, parts)
    with progress.step("judgement"):
        candidate = _judged(settings, found, rows, parts, model, champion)
    candidate.report["window"] = {"from": reach.first.isoformat(), "until": reach.last.isoformat()}
    if spans:
        candidate.report["prequential"] = fitting.prequential(settings.family, rows, progress.each("folds", spans))
    return candidate


def _judged(
    settings: TrainSettings, found: Periods, rows: pd.DataFrame, parts: Rows, model: Model, champion: Rival | None
) -> Candidate:
    points = operating_points(parts.validation, model.scores(model.raw(parts.validation)), settings.review_cost)
    thresholds = _thresholds(settings, points)
    raw = model.raw(parts.test)
    scores = model.scores(raw)
    scenarios = recall_by_scenario(parts.test, scores)
    known = Description(
        features=MODEL_INPUTS,
        usual=dataset.usual(parts.train),
        calibration=model.calibration,
        thresholds=thresholds,
        metrics=fitting.judge(model, thresholds, parts.test, raw),
        trained_on=_trained_on(parts.train, settings.label_delay),
    )
    told: dict[str, Any] = {"family": settings.family, "feature_set": FEATURE_SET}
    told["periods"] = {name: _days(one) for name, one in found._asdict().items()}
    told |= known.model_dump(mode="json", by_alias=True, include={"metrics", "thresholds", "trained_on"})
    told |= {
        "judged_on": {"rows": len(parts.test), "frauds": int(parts.test["is_fraud"].sum())},
        "scenarios": fitting.records(scenarios),
        "file_difference": model.difference,
        "leaks": [one.json() for one in leaks(rows, parts, found.test)],
        "champion": fitting.judge_rival(champion, parts.test) if champion else None,
    }
    judge = unseen.Judge(thresholds.review, is_supervised(model.pipeline), settings.label_delay)
    reference = unseen.reference(rows, Span(found.train.end, found.test.end), lambda one: model.scores(model.raw(one)), judge)
    return Candidate(known, model.content, reference, told, plots(parts.test, scores, raw, scenarios, points, thresholds))


def _require_payments(parts: Rows, found: Periods) -> None:
    for (name, rows), span in zip(parts._asdict().items(), found, strict=True):
        if rows.empty:
            raise TooLittleHistory(
                f"There are no payments from {span.begin:%Y-%m-%d} to {span.end:%Y-%m-%d}, the days of {name}",
                "Check `data` and `until`.",
            )


def _trained_on(rows: pd.DataFrame, label_delay: timedelta) -> TrainedOn:
    return TrainedOn(
        begin=rows["event_time"].iloc[0].to_pydatetime(),
        end=rows["event_time"].iloc[-1].to_pydatetime(),
        rows=len(rows),
        frauds=int(rows["is_fraud"].sum()),
        label_delay_days=label_delay / timedelta(days=1),
    )


def _days(span: Span) -> list[str]:
    return [span.begin.date().isoformat(), span.end.date().isoformat()]


def _thresholds(settings: TrainSettings, points: pd.DataFrame) -> Thresholds:
    review = by_cost(points) if settings.thresholds == "cost" else by_capacity(points, settings.cards_per_day)
    return Thresholds(review=review, decline=to_decline(points, settings.decline_precision, review))
