"""How fast a day of a model is judged, and how soon it is seen that an attacker has changed: a section of docs/benchmarks.md.

Two worlds of the producer, alike until the adaptive attacker changes from large to small amounts in one of them. A model is trained
before on what was known by then, and its health is told at the end of each of the sixty days that follow.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd

from benchmarks.history import session_of_two
from benchmarks.page import table
from harness import scored
from producer import campaigns
from producer import dataset as traffic
from producer.settings import DatasetSettings
from spark_jobs import sources
from spark_jobs.features import MODEL_INPUTS
from spark_jobs.settings import S3
from training import dataset
from training.bundle import MODEL, REFERENCE, Description, Manifest, Thresholds, describe
from training.calibration import calibrated
from training.candidates import Candidate, train
from training.dataset import Reach, inputs
from training.export import onnx_scores
from training.health import quality, unseen
from training.health.day import ALERTS, INPUTS, SCORES, Day, Health, Result
from training.health.reference import Reference
from training.health.served import Served
from training.lake import Lake
from training.splits import DAY, WEEK, Span
from training.train_settings import TrainSettings

BEGIN = datetime(2018, 4, 1, tzinfo=UTC)
LEARNT, WATCHED, ADAPTS = 98, 60, 40
"""Days of history that the model is made of, whose labels are known; days that are watched, and the one of them that changes."""
NEVER = 10_000
ROWS = 1_000_000
DRIFT = (INPUTS, ALERTS, SCORES)
BLIND = "blind-sample"


class Watched(NamedTuple):
    """The sixty days of one world."""

    days: list[Day]
    health: Health

    @property
    def breached(self) -> list[Result]:
        """What was beyond its limit."""
        return [one for day in self.days for one in day.results if one.breached]


def section(folder: Path) -> str:
    """Returns the text of the section."""
    seconds = day_of_a_million(folder / "million")
    events = [_events(folder / name, adapts) for name, adapts in (("quiet", NEVER), ("changed", LEARNT + ADAPTS))]
    model = learnt(events[0])
    quiet, changed = (watch(one, model, one.parent / "lake") for one in events)
    return f"""\
A day of {ROWS:,} payments with {len(MODEL_INPUTS)} inputs is judged in {seconds:.1f} s of one core, with the results of as large
a day a week before, and with reading both from Parquet. (Goal: 20 s.)

Two worlds of `producer dataset --traffic all --campaigns '{{"adaptive": 1}}'`: the Handbook's payments with half of its frauds, and
as many frauds of the adaptive attacker. XGBoost learns from what was known after {LEARNT} days, and is watched for {WATCHED} days.

{table(("", "attacker stays", f"attacker changes on {_date(ADAPTS)}"), list(_compared(quiet, changed)))}

(Goals: at most one false alarm of drift; the change seen by drift within a day, and by results within a day of their maturity; the
estimate right on 90 % of days; calibration error .005.)"""


def day_of_a_million(folder: Path) -> float:
    """Returns the CPU seconds for judging a day of ROWS payments, and the results of one."""
    draws = np.random.default_rng(0)
    manifest, reference = _toy(_random(draws, 8, 5_000))
    today = _random(draws, 1, ROWS)
    before = today.assign(**{name: today[name] - WEEK for name in ("event_time", "labelled_at")})
    rows = pd.concat([before, today], ignore_index=True)
    where = scored.lake(folder, rows, _suspicion(rows), manifest)
    health = Health(manifest, reference, Served(Lake(str(where), S3()), manifest), BLIND)
    began = time.process_time()
    health.of(BEGIN.date())
    return time.process_time() - began


def learnt(events: Path) -> Candidate:
    """Returns a model of what was known of a world after LEARNT days."""
    settings = TrainSettings(data=str(events), label_delay=WEEK)
    return train(settings, events, Reach(BEGIN, BEGIN + LEARNT * DAY - timedelta(microseconds=1)))


def watch(events: Path, candidate: Candidate, folder: Path) -> Watched:
    """Returns the watched days of a world, by the model; its lake is written into the folder."""
    files = {MODEL: candidate.content, REFERENCE: candidate.reference.to_json()}
    manifest = describe("xgboost", candidate.known, files, BEGIN + LEARNT * DAY)
    assert manifest.calibration is not None
    end = BEGIN + (LEARNT + WATCHED) * DAY
    # With the two weeks before, whose labels tell which cards are known.
    rows = dataset.read(events, Span(BEGIN + (LEARNT - 14) * DAY, end), end)
    scores = calibrated(manifest.calibration, onnx_scores(candidate.content, inputs(rows)))
    lake = Lake(str(scored.lake(folder, rows, scores, manifest)), S3())
    health = Health(manifest, candidate.reference, Served(lake, manifest), BLIND)
    return Watched([health.of(_date(number)) for number in range(WATCHED)], health)


def _events(folder: Path, adapts: int) -> Path:
    """Returns the folder with what `dataset.keep` writes of a new world."""
    with patch.object(campaigns, "ADAPTS_ON_DAY", adapts):
        asked: dict[str, Any] = {
            "out": folder / "data",
            "traffic": "all",
            "campaigns": {"adaptive": 1.0},
            "days": LEARNT + WATCHED,
            "start": BEGIN,
        }
        traffic.write(DatasetSettings(**asked))
    spark = session_of_two(folder)
    try:
        dataset.keep(sources.read_history(spark, str(folder / "data"), S3()), folder / "events")
    finally:
        spark.stop()
    return folder / "events"


def _compared(quiet: Watched, changed: Watched) -> Iterator[tuple[Any, ...]]:
    """Yields the rows of the table."""
    change = _date(ADAPTS)
    for name, metrics in (("drift", DRIFT), ("results", (*quality.LESS_IS_WORSE, *quality.MORE_IS_WORSE))):
        alarms, of_changed = (_alarms(world, metrics) for world in (quiet, changed))
        yield f"days with a false alarm of {name}", len(alarms), sum(day < change for day in of_changed)
        seen = next((day for day in of_changed if day >= change), None)
        yield f"{name}: first day of payments with an alarm after the change", "-", f"{seen}: {_first(changed, metrics, seen)}"
        if name == "results":
            yield "known at the end of", "-", "-" if seen is None else seen + changed.health.delay
    yield "days on which precision was as estimated", *(f"{_inside(world, change):.0%}" for world in (quiet, changed))
    yield "calibration error, median day", *(f"{_calibration_error(world):.5f}" for world in (quiet, changed))


def _alarms(world: Watched, metrics: Sequence[str]) -> list[date]:
    return sorted({one.day for one in world.breached if one.metric in metrics})


def _calibration_error(world: Watched) -> float:
    return float(np.median([one.value for day in world.days for one in day.results if one.metric == "calibration_error"]))


def _first(world: Watched, metrics: Sequence[str], day: date | None) -> str:
    found = [one for one in world.breached if one.metric in metrics and one.day == day]
    return ", ".join(f"{one.metric} {one.feature}".strip() for one in found[:4]) + (" and others" if len(found) > 4 else "")


def _inside(world: Watched, before: date) -> float:
    """Returns on which share of the days before the change precision came out within the interval that was estimated."""
    found = {(one.day, one.metric): one for day in world.days for one in day.results if one.day < before}
    pairs = [(one, found.get((day, "precision"))) for (day, metric), one in found.items() if metric == "estimated_precision"]
    return float(np.mean([(told.low or 0) <= came.value <= (told.high or 1) for told, came in pairs if came is not None]))


def _date(number: int) -> date:
    return (BEGIN + (LEARNT + number) * DAY).date()


def _random(draws: np.random.Generator, days: int, a_day: int) -> pd.DataFrame:
    """Returns payments of `days` days up to the first, whose values say nothing."""
    rows = days * a_day
    frame = pd.DataFrame(draws.gamma(2.0, 10.0, (rows, len(MODEL_INPUTS))), columns=list(MODEL_INPUTS))
    seconds = np.sort(draws.integers(0, days * 86_400, rows)) - (days - 1) * 86_400
    at = pd.Series(pd.to_datetime(BEGIN) + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us, UTC]")
    return frame.assign(
        transaction_id=[f"t{number}" for number in range(rows)],
        card_id=draws.integers(0, rows // 5, rows).astype(str),
        event_time=at,
        labelled_at=at + WEEK,
        is_fraud=draws.random(rows) < 0.01,
    )


def _suspicion(rows: pd.DataFrame) -> np.ndarray:
    return np.asarray(1 - np.exp(-rows["amount"].to_numpy() / 2_000))


def _toy(rows: pd.DataFrame) -> tuple[Manifest, Reference]:
    """Returns a model whose score is the amount, and its reference."""
    review = float(np.quantile(_suspicion(rows), 0.99))
    span = Span(BEGIN - 7 * DAY, BEGIN + DAY)
    reference = unseen.reference(rows, span, _suspicion, unseen.Judge(review, True, WEEK))
    known = Description(features=MODEL_INPUTS, thresholds=Thresholds(review=review), metrics={"brier": 0.01})
    files = {MODEL: b"", REFERENCE: reference.to_json()}
    return describe("onnx", known, files, BEGIN), reference
