"""A model as it is kept: its manifest, which pins its files, and the pointer that pins the manifest. Nothing in it is code."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version as installed
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, ValidationError, field_validator, model_validator

from spark_jobs.features import FEATURE_SET
from spark_jobs.parts import Part

TrainedFamily = Literal[
    "logistic_regression", "decision_tree", "random_forest", "xgboost", "isolation_forest", "mllib_random_forest", "mllib_gbt"
]
"""What `fraud train` makes."""
Family = Literal[TrainedFamily, "onnx"]
Role = Literal["champion", "challenger"]

MODEL = "model.onnx"
TREES = "trees.json"
"""The file that is the model: trees of Spark MLlib are JSON, all else is ONNX."""
REFERENCE = "reference.json"
"""What payments and scores were like when the model was made (`training.health.reference`)."""
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
"""The 64 bytes of the Ed25519 signature of the manifest's bytes, if it is signed."""
VERSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
"""No folder, none above, nothing hidden: a manifest cannot name a file that is not in its bundle."""

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=f"^{VERSION.pattern}$")]
Instant = Annotated[AwareDatetime, AfterValidator(lambda value: value.astimezone(UTC))]
"""In UTC, whatever its zone was; JSON has it with a Z."""
Probability = Annotated[float, Field(ge=0, le=1)]


def in_words(metric: str, value: float, sign: str = "") -> str:
    """Returns a metric's value, or with the sign "+" a difference, for people: three decimals.

    A number of cards has one, of payments none. A Brier score has five: where one payment in two hundred is fraud, guessing has
    .005. So has a calibration error.
    """
    decimals = {"alerted_cards": 1, "declined": 0, "brier": 5, "brier_uncalibrated": 5, "calibration_error": 5}.get(metric, 3)
    return f"{value:{sign},.{decimals}f}"


class Closed(Part):
    """A piece of JSON that another program, in another language, reads as the same: no NaN, no unknown name, nothing converted."""

    model_config = ConfigDict(allow_inf_nan=False, validate_by_name=True)

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Returns what the JSON says.

        Raises:
            ValueError: it is none, or something else; in one line, with every mistake.
        """
        try:
            return cls.model_validate_json(content, strict=True, by_alias=True, by_name=False)
        except ValidationError as error:
            said = (
                f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}".removeprefix(": ")
                for one in error.errors(include_input=False)
            )
            raise ValueError("; ".join(said)) from None

    def to_json(self) -> bytes:
        """Returns the JSON, for people too."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"


class Calibration(Closed):
    """A map from what the model puts out to fraud_score: linear between the points, constant outside the ends."""

    raw: tuple[float, ...] = Field(min_length=1, description="Outputs of the model, strictly increasing")
    score: tuple[Probability, ...] = Field(description="The fraud_score of each; never decreasing")

    @model_validator(mode="after")
    def _monotone(self) -> Self:
        if len(self.raw) != len(self.score):
            raise ValueError(f"raw has {len(self.raw)} points and score {len(self.score)}")
        if any(left >= right for left, right in pairwise(self.raw)):
            raise ValueError("raw must be strictly increasing")
        if any(left > right for left, right in pairwise(self.score)):
            raise ValueError("score must not decrease")
        return self


class Thresholds(Closed):
    """From which fraud_score on a transaction is reviewed or declined; null: never."""

    review: Probability | None = None
    decline: Probability | None = None


class TrainedOn(Closed):
    """The transactions that a model has learnt from."""

    begin: Instant = Field(alias="from", description="Event time of the first")
    end: Instant = Field(alias="to", description="Event time of the last")
    rows: int = Field(ge=1)
    frauds: int = Field(ge=0)
    label_delay_days: float = Field(ge=0, description="How long a label was waited for")


class Run(Closed):
    """Of what a version was made where the time to make it from was given: the same again would be the same version."""

    until: Instant = Field(description="Nothing that became known later was used")
    judged_to: Instant = Field(description="Younger payments had no labels by then, and were not used")
    recipe: Sha256 = Field(description="SHA-256 of the settings that change a model, and of the program that has made it")


class Description(Closed):
    """What the maker of a model knows of it."""

    features: tuple[str, ...] = Field(min_length=1, description="Names of the model's inputs, in order")
    usual: tuple[float | None, ...] | None = Field(None, description="The usual value of each feature; null where it is absent")
    calibration: Calibration | None = Field(None, description="Null: what the model puts out is the fraud_score")
    thresholds: Thresholds
    metrics: dict[str, float] = Field({}, description="How good it is on transactions that it has not seen")
    trained_on: TrainedOn | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(set(self.features)) != len(self.features):
            raise ValueError("features: a name comes twice")
        if self.usual is not None and len(self.usual) != len(self.features):
            raise ValueError(f"usual has {len(self.usual)} values for {len(self.features)} features")
        return self


class Manifest(Description):
    """What is known of one version of a model. It never changes, and neither do the files whose SHA-256 it has."""

    format: Literal[1, 2] = Field(description="2: a reference is among the files. Detectors from before it refuse such a model")
    version: Version = Field(description="Its last part is the first eight digits of the SHA-256 of the model's file")
    family: Family
    feature_set: str = Field(min_length=1, description="The FEATURE_SET of the program that made the features")
    usual: tuple[float | None, ...]
    created_at: Instant = Field(description="Of a version with a run its `until`: a manifest that is written twice is the same")
    code_version: str
    files: dict[str, Sha256] = Field(description="Every file that a program reads")
    run: Run | None = Field(None, exclude_if=lambda run: run is None)

    @field_validator("files")
    @classmethod
    def _plain(cls, value: dict[str, str]) -> dict[str, str]:
        if any(name == MANIFEST or not FILE_NAME.fullmatch(name) for name in value):
            raise ValueError("a name is not that of a file in the bundle")
        return value

    @model_validator(mode="after")
    def _is_named_for_its_model(self) -> Self:
        model = model_file(self.family)
        if model not in self.files:
            raise ValueError(f"files: {model} is not among them")
        if (self.format == 2) != (REFERENCE in self.files):
            raise ValueError(f"format: 2 is that of a bundle with {REFERENCE}, and 1 that of one without")
        if not self.version.endswith(f"-{self.files[model][:8]}"):
            raise ValueError(f"version must end with the first eight digits of the SHA-256 of {model}")
        return self


class Pointer(Closed):
    """The content of champion.json or challenger.json: which version has the role, since when and why."""

    version: Version
    manifest_sha256: Sha256
    promoted_at: Instant
    reason: str
    previous: Version | None = Field(description="Where `fraud models rollback` goes")


def model_file(family: Family) -> str:
    """Returns the name of the file that is the model."""
    return TREES if family.startswith("mllib_") else MODEL


def describe(
    family: Family, known: Description, files: Mapping[str, bytes], created_at: datetime, run: Run | None = None
) -> Manifest:
    """Returns the manifest of a new version: `known`, and what follows from its files, this program and the time.

    Of a run, `created_at` is its `until`: all of the manifest follows from what it was made of.
    """
    pinned = {name: sha256(content) for name, content in files.items()}
    made_by = f"-{run.recipe[:8]}" if run else ""
    return Manifest(
        **{**dict(known), "usual": known.usual or (None,) * len(known.features)},
        format=2 if REFERENCE in pinned else 1,
        version=f"{family}-{created_at.astimezone(UTC):%Y%m%d-%H%M%S}{made_by}-{pinned[model_file(family)][:8]}",
        family=family,
        feature_set=FEATURE_SET,
        created_at=created_at.replace(microsecond=0),
        code_version=installed("fraud-detection"),
        files=pinned,
        run=run,
    )


def sha256(content: bytes) -> str:
    """Returns the SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
