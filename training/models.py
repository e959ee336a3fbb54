"""`fraud models`: which trained models there are, and which of them scores."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.table import Column, Table

from configuration import FraudDetectionError, report
from training import roles, signing
from training.bundle import MODEL, Description, Manifest, Role, Thresholds, TrainedOn, describe, in_words
from training.judging import judged
from training.options import Json, Place, Version, out, store_of, tables
from training.store import ModelStore
from training.trial import NotAModel, require_scores
from training.watching import watch

app = typer.Typer(no_args_is_help=True, help="Trained models: which there are, and which one scores.")
METRICS = {"average_precision": "AP", "auc_roc": "AUC", "card_precision": "CP@100"}
ROLES: tuple[Role, Role] = ("champion", "challenger")
MARKED = "rolled back"


@app.command("list")
def list_models(store: Place = None, as_json: Json = False) -> None:
    """List all versions, newest first. One may be champion, one challenger."""
    models = store_of(store)
    held = _roles(models)
    found = models.versions()
    if as_json:
        out.print_json(data=[{"role": held.get(one.version), **one.model_dump(mode="json", by_alias=True)} for one in found])
    elif not found:
        out.print(f"No models in {models.place}. `fraud train` makes one, `fraud models add` takes one of your own.")
    else:
        whole = (Column(name, no_wrap=True) for name in ("version", "role", *METRICS.values()))
        table = Table(*whole, Column("learnt from"))
        marked = dict.fromkeys(models.audit.marks(), MARKED)
        for one in found:
            metrics = (_number(name, one.metrics.get(name)) for name in METRICS)
            table.add_row(one.version, (marked | held).get(one.version, ""), *metrics, _period(one.trained_on))
        tables.print(table)


@app.command()
def show(version: Version, store: Place = None, as_json: Json = False) -> None:
    """Show one version: metrics, thresholds, features. Its files are verified."""
    models = store_of(store)
    one = models.manifest(version)
    models.files(version)
    if as_json:
        out.print_json(data=one.model_dump(mode="json", by_alias=True))
        return
    table = Table(show_header=False, box=None, padding=(0, 3, 0, 0))
    for name, text in _described(models, one).items():
        table.add_row(name, text)
    tables.print(table)


for command in (roles.promote, roles.rollback, roles.challenge, roles.audit):
    app.command()(command)
app.command("judge")(judged)
app.command("watch")(watch)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A")],
    second: Annotated[str, typer.Argument(metavar="B")],
    store: Place = None,
    as_json: Json = False,
) -> None:
    """Put the metrics of two versions side by side."""
    models = store_of(store)
    one, other = models.manifest(first), models.manifest(second)
    rows = [_compared(name, one, other) for name in dict.fromkeys((*one.metrics, *other.metrics))]
    if as_json:
        out.print_json(data={"a": first, "b": second, "metrics": rows})
        return
    table = Table("metric", Column(first, overflow="fold"), Column(second, overflow="fold"), "difference")
    for row in rows:
        name = row["metric"]
        table.add_row(name, _number(name, row["a"]), _number(name, row["b"]), _number(name, row["difference"], "+"))
    tables.print(table)


@app.command()
def add(
    file: Annotated[
        Path, typer.Argument(help="ONNX file: one input [N, features], float or double, NaN where a feature is absent.")
    ],
    manifest: Annotated[
        Path, typer.Option(help="JSON file: features and thresholds; optional usual, calibration, metrics, trained_on.")
    ],
    store: Place = None,
    as_json: Json = False,
) -> None:
    """Add a model of your own; one that gives no score for a payment that can be is refused.

    docs/how-to/promote-a-model.md has an example of its manifest.
    """
    model = _read(file)
    try:
        known = Description.from_json(_read(manifest))
    except ValueError as error:
        raise NotAModel(f"{manifest} is wrong: {error}", "docs/how-to/promote-a-model.md has an example.") from None
    require_scores(str(file), model, known)
    models = store_of(store)
    added = describe("onnx", known, {MODEL: model}, datetime.now(UTC))
    models.add(added, {MODEL: model})
    if as_json:
        out.print_json(data={"version": added.version})
    else:
        out.print(f"{added.version} is in {models.place}. It scores once it is champion: `fraud models promote {added.version}`.")


@app.command()
def sign(
    version: Version,
    key: Annotated[Path, typer.Option(metavar="FILE", help="Ed25519 private key, PEM, without a password.")],
    store: Place = None,
) -> None:
    """Sign a version, for detectors whose `models.public_key_file` takes none but signed models. Its files are verified."""
    models = store_of(store)
    models.sign(version, signing.private_key(key))
    out.print(f"{version} is signed.")


def _roles(models: ModelStore) -> dict[str, Role]:
    return {pointer.version: role for role in ROLES if (pointer := models.pointer(role))}


def _described(models: ModelStore, one: Manifest) -> dict[str, str]:
    held = [
        f"{role} since {pointer.promoted_at:%Y-%m-%d %H:%M:%S}Z: {pointer.reason}"
        for role in ROLES
        if (pointer := models.pointer(role)) and pointer.version == one.version
    ]
    learnt = one.trained_on
    return {
        "version": one.version,
        "role": "; ".join([*held, *_mark(models, one)]) or "none",
        "family": one.family,
        "made": f"{one.created_at:%Y-%m-%d %H:%M:%S}Z by {one.code_version}, feature set {one.feature_set}",
        "learnt from": f"{_period(learnt)}, {learnt.rows:,} transactions, {learnt.frauds:,} frauds" if learnt else "unknown",
        "decides": _thresholds(one.thresholds),
        "calibrated": f"{len(one.calibration.raw)} points" if one.calibration else "no",
        **{METRICS.get(name, name): in_words(name, value) for name, value in one.metrics.items()},
        "features": ", ".join(one.features),
    }


def _mark(models: ModelStore, one: Manifest) -> Iterator[str]:
    if (mark := models.audit.marked(one.version)) is not None:
        yield f"{MARKED} {mark.at:%Y-%m-%d %H:%M:%S}Z: {mark.reason}"


def _thresholds(thresholds: Thresholds) -> str:
    said = [f"{name} from {value:.4f}" for name, value in thresholds if value is not None]
    return ", ".join(said) or "nothing"


def _period(learnt: TrainedOn | None) -> str:
    return f"{learnt.begin:%Y-%m-%d} to {learnt.end:%Y-%m-%d}" if learnt else "-"


def _compared(name: str, one: Manifest, other: Manifest) -> dict[str, Any]:
    a, b = one.metrics.get(name), other.metrics.get(name)
    return {"metric": name, "a": a, "b": b, "difference": None if a is None or b is None else round(b - a, 9)}


def _number(metric: str, value: float | None, sign: str = "") -> str:
    return "-" if value is None else in_words(metric, value, sign)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotAModel(f"{file} cannot be read: {error.strerror}", "Check its name.") from None


def main() -> None:
    """Entry point of `python -m training.models`; an error is one paragraph and exit code 1."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app()
    except FraudDetectionError as error:
        sys.exit(report(error))


if __name__ == "__main__":
    main()
