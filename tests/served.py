"""A lake of scored payments and their labels, without a detector: what `fraud models health` reads."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from harness import scored
from spark_jobs.features import MODEL_INPUTS
from spark_jobs.settings import S3
from tests.labelled import BEGIN, payments
from training.bundle import MODEL, REFERENCE, Calibration, Description, Manifest, Thresholds, TrainedOn, describe
from training.calibration import calibrated, probability
from training.health import quality, unseen
from training.health.reference import Reference
from training.splits import DAY, WEEK, Span
from training.store import ModelStore

REFERENCE_DAYS, JUDGED_DAYS, A_DAY = 28, 60, 600
ATTACK = BEGIN + (REFERENCE_DAYS + 40) * DAY
"""From when on a fifth of all payments are many small ones with stolen cards, of which the model knows nothing."""
UNSEEN = Span(BEGIN, BEGIN + REFERENCE_DAYS * DAY)


def world() -> pd.DataFrame:
    """Returns the payments of the reference's days and of those that are judged, with two decimals and one currency."""
    rows = payments(REFERENCE_DAYS + JUDGED_DAYS, A_DAY, seed=7)
    rows["amount"] = rows["amount"].round(2)
    # Each card pays a few times in these days: who is robbed is replaced, or after a month nobody would be left.
    rows["card_id"] = np.random.default_rng(7).integers(0, 20_000, len(rows)).astype(str)
    return rows


def attacked(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the world with an attack."""
    draws = np.random.default_rng(8)
    theirs = (rows["event_time"] >= ATTACK) & (draws.random(len(rows)) < 0.2)
    small = pd.Series(draws.uniform(1, 3, len(rows)).round(2), index=rows.index)
    changed = rows.assign(amount=rows["amount"].where(~theirs, small), is_fraud=rows["is_fraud"] | theirs)
    return changed.assign(card_count_1h=rows["card_count_1h"].where(~theirs, 5.0))


def suspicion(rows: pd.DataFrame) -> np.ndarray:
    """Returns what a simple model puts out: of large amounts and of many payments an hour more."""
    margin = rows["amount"].to_numpy() / 25 + rows["card_count_1h"].to_numpy() / 25 - 7
    return np.asarray(1 / (1 + np.exp(-margin)))


def model(rows: pd.DataFrame) -> tuple[Manifest, Reference, Calibration]:
    """Returns a model of the world, calibrated on the reference's days; a hundredth of its payments is reviewed."""
    before = UNSEEN.of(rows)
    calibration = probability(suspicion(before), before["is_fraud"].to_numpy())

    def score(some: pd.DataFrame) -> np.ndarray:
        return calibrated(calibration, suspicion(some))

    review = float(np.quantile(score(before), 0.95))
    reference = unseen.reference(rows, UNSEEN, score, unseen.Judge(review, True, WEEK))
    found = quality.of_day(before, score(before), review, reference.scores.bins)
    known = Description(
        features=MODEL_INPUTS,
        calibration=calibration,
        thresholds=Thresholds(review=review),
        metrics=found,
        trained_on=TrainedOn(begin=BEGIN - WEEK, end=BEGIN, rows=1_000, frauds=10, label_delay_days=7),
    )
    return describe("xgboost", known, {MODEL: b"", REFERENCE: reference.to_json()}, UNSEEN.end), reference, calibration


def keep_model(store: Path, manifest: Manifest, reference: Reference | None) -> None:
    """Makes the model champion of a store."""
    files = {MODEL: b""} | ({} if reference is None else {REFERENCE: reference.to_json()})
    models = ModelStore(str(store), S3())
    models.add(manifest, files)
    models.point("champion", manifest.version, "a test")


def lake(folder: Path, rows: pd.DataFrame, manifest: Manifest, calibration: Calibration, delta: bool = False) -> Path:
    """Returns the folder with the rows as a detector has scored them, and with their labels."""
    return scored.lake(folder, rows, calibrated(calibration, suspicion(rows)), manifest, delta)


def day(number: int) -> datetime:
    """Returns the begin of a day that is judged, the first being 0."""
    return UNSEEN.end + number * DAY
