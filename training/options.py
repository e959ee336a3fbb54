"""What the commands of `fraud models` share: where the store is, and how they are asked."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
import yaml
from pydantic_settings import SettingsConfigDict
from rich.console import Console

from configuration import FraudDetectionError, KafkaConnection, Settings, TopicNames, durations, yaml_files
from configuration.settings import CONFIG_VARIABLE
from spark_jobs.settings import S3, DetectorSettings
from training.bundle import MODEL
from training.store import ModelStore
from training.trial import require_scores

out = Console(highlight=False, soft_wrap=True, markup=False)
tables = Console(highlight=False, markup=False)

PROGRAM = "fraud models"

Place = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="Model store, a folder or s3a:// URL; by default that of the detector's or the trainer's settings.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Version = Annotated[str, typer.Argument(help="A version, as `fraud models list` names it.")]
Reason = Annotated[str | None, typer.Option(help="Why, for those who come later; it is kept with the role and in the audit.")]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who does it, for the audit; by default the user and the machine.")]
Quality = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Report of `fraud quality check --json`: none critical may have failed.")
]
MinFrauds = Annotated[int, typer.Option(min=0, help="So many frauds must be among the payments that it was judged on.")]
MaxSkew = Annotated[
    float, typer.Option(min=0, max=1, help="In which share of payments a feature may differ from what it was served with.")
]


def duration(text: str) -> timedelta:
    """Returns a duration, as a parser of options."""
    try:
        return durations.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


class TrainerFile(Settings):
    """Of a trainer's settings what this needs. The trainer itself refuses what it does not know."""

    model_config = SettingsConfigDict(extra="ignore")

    store: str
    s3: S3 = S3()
    kafka: KafkaConnection = KafkaConnection()
    topics: TopicNames = TopicNames()


class NoStore(FraudDetectionError):
    """Nobody says where the models are."""


class Reached(NamedTuple):
    """A store, and the Kafka cluster whose payments its champion scores."""

    store: ModelStore
    s3: S3
    kafka: KafkaConnection
    topics: TopicNames


def reached(place: str | None) -> Reached:
    """Returns the store that is named here, or by the settings that FRAUD_CONFIG names: a detector's, or a trainer's.

    Raises:
        NoStore: neither names one.
    """
    if _is_of_trainer():
        trainer = TrainerFile.load([f"--store={place}"] if place else [], PROGRAM)
        return Reached(ModelStore(trainer.store, trainer.s3), trainer.s3, trainer.kafka, trainer.topics)
    settings = DetectorSettings.load([f"--models.store={place}"] if place else [], PROGRAM)
    if settings.models.store is None:
        raise NoStore("No model store is named", "Give --store, or the detector's settings: FRAUD_CONFIG=detector.yaml.")
    return Reached(ModelStore(settings.models.store, settings.s3), settings.s3, settings.kafka, settings.topics)


def store_of(place: str | None) -> ModelStore:
    """Returns the same store alone."""
    return reached(place).store


def tried(models: ModelStore, version: str) -> None:
    """Tries a foreign model again: an older program may have added it. What `fraud train` makes is compared with its library.

    Raises:
        NotAModel: it does not score every payment.
    """
    manifest = models.manifest(version)
    if manifest.family == "onnx":
        require_scores(version, models.files(version)[MODEL], manifest)


def _is_of_trainer() -> bool:
    """Returns whether the file of settings is a trainer's: it says what is learnt from. What is wrong with it is told later."""
    file = Path(os.environ.get(CONFIG_VARIABLE) or "")
    try:
        found = yaml_files.load(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return isinstance(found, dict) and "data" in found
