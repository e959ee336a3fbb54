"""`fraud quality`, in a pod `python -m quality`: whether a closed day of the lake is what it should be."""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import structlog
import typer
from pydantic_settings import SettingsConfigDict
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from configuration import FraudDetectionError, Settings
from configuration import report as reported
from quality.errors import DayNotClosed, KafkaNotRead, UnwritableReport
from spark_jobs.features import MATURITY
from spark_jobs.settings import S3
from training.bundle import REFERENCE
from training.store import ModelStore

if TYPE_CHECKING:  # Great Expectations, and what reads a lake, take seconds to import
    from quality.checking import Outcome
    from training.lake import Lake

app = typer.Typer(no_args_is_help=True, help="Data quality: whether a closed day of the lake is what it should be.")
out = Console(highlight=False, soft_wrap=True, markup=False)
tables = Console(highlight=False, markup=False)
progress = Console(stderr=True)

PROGRAM = "python -m quality"
DATASET = "quality"
LAG = timedelta(minutes=10)
"""What Kafka has had for less may be on its way to the lake; as `fraud lake verify` has it."""
FAILED = 1

Missing = Callable[["Lake", Path | None, date, datetime], int]
"""Returns how many of a day's records Kafka has had since an instant, and the lake has not; the path is that of the settings."""


class CheckSettings(Settings):
    """Of an archiver's or a trainer's settings what this needs. These programs themselves refuse what they do not know."""

    model_config = SettingsConfigDict(extra="ignore")

    s3: S3 = S3()
    store: str | None = None


class Training(NamedTuple):
    """What the champion was trained on."""

    label_delay: float
    """Days."""
    null_shares: Mapping[str, float] | None
    """Share of absent values of each feature; None: the model does not say."""


@app.callback()
def quality() -> None:
    """Data quality: whether a closed day of the lake is what it should be."""


@app.command()
def check(
    context: typer.Context,
    data: Annotated[str, typer.Option(metavar="LAKE", help="The `path` of one of the archiver's sinks: a folder or s3a:// URL.")],
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The day, UTC. It has to be over.")],
    store: Annotated[
        str | None,
        typer.Option(metavar="MODELS", help="Model store, whose champion tells how often features are absent in training."),
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Also look whether the lake has all of the day that Kafka still has.")
    ] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the report as a page.")] = None,
    config: Annotated[Path | None, typer.Option(help="The archiver's settings: how S3 and Kafka are reached.", exists=True)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Check a day; the exit code is 1 if a critical expectation fails. What came of it is kept in LAKE/quality.

    A warning is shown, and does not change the exit code.
    """
    from quality.checking import Beside, failed, table
    from quality.checking import check as checked
    from quality.days import Days
    from training.lake import Lake

    asked, now = day.date(), datetime.now(UTC)
    if asked >= now.date():
        raise DayNotClosed(f"{asked} is not over yet, in UTC", f"Name a day before {now.date()}: what is to come is not missing.")
    missing_in_lake: Missing | None = context.obj
    if kafka and missing_in_lake is None:
        raise KafkaNotRead(f"`{PROGRAM}` does not read Kafka", "`fraud quality check --kafka` does.")
    settings = CheckSettings.load([f"--config={config}"] if config else [], PROGRAM)
    there, trained = Lake(data, settings.s3), training(store or settings.store, settings.s3)
    with Progress(console=progress, transient=True, disable=not progress.is_terminal) as bar:
        step = bar.add_task("Kafka", total=None)
        missing = missing_in_lake(there, config, asked, now - LAG) if kafka and missing_in_lake else None
        bar.update(step, description=str(asked))
        with there.reached():
            outcomes = checked(Days(there.rows), asked, Beside(trained.label_delay, trained.null_shares, missing))
    _show(outcomes, asked, data, html, as_json=as_json)
    there.put(DATASET, table(outcomes, asked), asked)
    if failed(outcomes, "critical"):
        raise typer.Exit(FAILED)


def training(store: str | None, s3: S3) -> Training:
    """Returns what the champion of a store was trained on; the usual delay where no store is named, or none has been champion.

    Raises:
        UnusableStore, UnusableModel: there is a champion that cannot be read.
    """
    models = ModelStore(store, s3) if store else None
    champion = models.pointed("champion") if models else None
    if models is None or champion is None or champion.trained_on is None:
        return Training(MATURITY / timedelta(days=1), None)
    reference = models.files(champion.version).get(REFERENCE)  # counts by bin, and at the end how many were absent
    inputs = None if reference is None else json.loads(reference)["payments"]
    shares = inputs and {name: one["counts"][-1] / max(sum(one["counts"]), 1) for name, one in inputs.items()}
    return Training(champion.trained_on.label_delay_days, shares)


def _show(outcomes: "list[Outcome]", day: date, lake: str, html: Path | None, *, as_json: bool) -> None:
    from quality import report
    from quality.checking import failed

    if html is not None:
        try:
            html.write_text(report.html(outcomes, day), encoding="utf-8")
        except OSError as error:
            raise UnwritableReport(f"{html} cannot be written: {error.strerror}", "Name another file under --html.") from None
    if as_json:
        told = [one._asdict() for one in outcomes]
        out.print_json(data={"day": day.isoformat(), "ok": not failed(outcomes, "critical"), "expectations": told})
        return
    rows = Table("", "severity", "expected", "found")
    for one in outcomes:
        rows.add_row(report.result(one), one.severity, one.says, one.observed)
    tables.print(rows)
    out.print(f"{report.verdict(outcomes, day)}.")
    for one in outcomes:
        if one.query:
            out.print(f'{one.expectation}: fraud lake sql {lake} "{one.query}"')


def main() -> None:
    """Entry point of `python -m quality`; an error is one paragraph and exit code 1."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app()
    except FraudDetectionError as error:
        sys.exit(reported(error))
