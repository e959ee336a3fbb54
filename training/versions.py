"""A version out of a candidate: its name, its files, and how the same run finds it again (docs/adr/0034)."""

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import numpy
import onnxmltools
import pandas
import pyspark
import skl2onnx
import sklearn
import structlog
import xgboost
from pyspark.find_spark_home import _find_spark_home

import contract
import spark_jobs
import training
from configuration import FraudDetectionError
from spark_jobs.errors import UnusableModel
from spark_jobs.settings import on_s3
from training.bundle import REFERENCE, Manifest, Run, describe, model_file
from training.candidates import Candidate
from training.card import card
from training.dataset import Reach
from training.files import FolderExists
from training.signing import private_key
from training.splits import periods
from training.store import REPORT, ModelStore, VersionExists
from training.train_settings import KAFKA, TrainSettings

CARD = "card.md"
MAKE_A_MODEL = {"family", "label_delay", "folds", "thresholds", "cards_per_day", "review_cost", "decline_precision"}
"""Settings that change a version: the model, its thresholds or its report."""
READ_TOPICS = {"topics", "input", "limits"}
PROGRAM: tuple[ModuleType, ...] = (contract, spark_jobs, training)
"""Packages of ours that make features and models of records."""
LIBRARIES: tuple[ModuleType, ...] = (numpy, onnxmltools, pandas, pyspark, skl2onnx, sklearn, xgboost)
KERNEL = "fraud-kernel-*.jar"

log = structlog.get_logger()


class NoNewLabels(FraudDetectionError):
    """A model would be made of what one has been made of already."""


def recipe(settings: TrainSettings) -> str:
    """Returns the SHA-256 of what makes a version besides the records: where they are, MAKE_A_MODEL, and the program."""
    here = settings.data == KAFKA or on_s3(settings.data)
    place: Any = settings.data.rstrip("/") if here else str(Path(settings.data).absolute())
    if settings.data == KAFKA:
        place = [settings.kafka.bootstrap_servers, settings.model_dump(mode="json", include=READ_TOPICS)]
    made_by = [place, settings.model_dump(mode="json", include=MAKE_A_MODEL), code()]
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()


@cache
def code() -> str:
    """Returns the SHA-256 of the installed program: the sources of PROGRAM, the kernel's classes, and which LIBRARIES it uses."""
    found = hashlib.sha256()
    for package in PROGRAM:
        folder = Path(package.__path__[0])
        for file in sorted(folder.rglob("*.py")):
            found.update(f"{package.__name__}/{file.relative_to(folder)}\n".encode() + file.read_bytes())
    for jar in sorted((Path(_find_spark_home()) / "jars").glob(KERNEL)):
        with ZipFile(jar) as classes:  # the jar itself has the times at which it was built
            found.update(json.dumps(sorted((one.filename, one.CRC) for one in classes.infolist())).encode())
    found.update(json.dumps([f"{one.__name__} {one.__version__}" for one in LIBRARIES]).encode())
    return found.hexdigest()


def made_before(store: ModelStore, settings: TrainSettings) -> Manifest | None:
    """Returns the version that this very run has made already, if it has: the same `until` and recipe.

    Raises:
        UnusableModel: a version in the store cannot be read.
    """
    if settings.until is None:
        return None
    runs = _runs(store, settings)
    return next((one for one, run in runs if run.until == settings.until), None)


def before(store: ModelStore, settings: TrainSettings) -> Manifest | None:
    """Returns the newest version of the same recipe that was made as of an earlier time; none where `until` is not given.

    Raises:
        UnusableModel: a version in the store cannot be read.
    """
    if settings.until is None:
        return None
    runs = [(run.until, one) for one, run in _runs(store, settings) if run.until < settings.until]
    return max(runs, key=lambda one: one[0])[1] if runs else None


def run_of(settings: TrainSettings, reach: Reach) -> Run | None:
    """Returns the run that makes a version of data that reach so far; none where `until` is not given."""
    if settings.until is None:
        return None
    return Run(until=settings.until, judged_to=periods(*reach, settings.label_delay).test.end, recipe=recipe(settings))


def require_new(labels: int, former: Manifest, judged_to: datetime) -> None:
    """Checks that so many labels have come of payments that the version before was not judged on.

    Raises:
        NoNewLabels: there are none.
    """
    if not labels and former.run:
        raise NoNewLabels(
            f"No label has matured since {former.version} was made: of payments from {former.run.judged_to:%Y-%m-%d} to "
            f"{judged_to:%Y-%m-%d} none has come",
            "If labels should have come, look at where they are sent from.",
        )


def _runs(store: ModelStore, settings: TrainSettings) -> list[tuple[Manifest, Run]]:
    asked = recipe(settings)
    return [(one, one.run) for one in store.versions() if one.run and one.run.recipe == asked]


def kept_report(store: ModelStore, version: str) -> dict[str, Any]:
    """Returns the report of a version in the store.

    Raises:
        UnusableModel: it is not there.
    """
    content = store.report(version)
    if content is None:
        raise UnusableModel(f"report/{REPORT} of {version} is missing", "Remove the version's folder, and train it again.")
    found: dict[str, Any] = json.loads(content)
    return found


def save(settings: TrainSettings, candidate: Candidate, run: Run | None = None) -> dict[str, Any]:
    """Returns the report, with the version's name. The version is in the store, or, where this is cut off, nothing of it.

    Of two that save the same run at once one does, and both have its report.
    """
    files = {model_file(settings.family): candidate.content, REFERENCE: candidate.reference.to_json()}
    manifest = describe(settings.family, candidate.known, files, run.until if run else datetime.now(UTC), run)
    found = {"version": manifest.version, **candidate.report}
    told = {REPORT: json.dumps(found, indent=2).encode() + b"\n", CARD: card(manifest, found).encode(), **candidate.pictures}
    store = ModelStore(settings.store, settings.s3)
    key = private_key(settings.signing_key_file) if settings.signing_key_file else None
    try:
        store.add(manifest, files, told, key)
    except (VersionExists, FolderExists):
        if run is None:
            raise
        log.info("another has saved the same version meanwhile", store=settings.store, version=manifest.version)
        return kept_report(store, manifest.version)
    log.info("model saved", store=settings.store, version=manifest.version)
    return found
