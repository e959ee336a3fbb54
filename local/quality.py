"""`fraud quality`: whether a closed day of the lake is what it should be."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from local.errors import DayNotClosed, UnwritableReport
from local.lake.app import DATE, Config, Json, settings_of

if TYPE_CHECKING:  # Great Expectations takes seconds to import
    from quality.checking import Outcome
    from spark_jobs.archive_settings import ArchiveSettings
    from spark_jobs.settings import S3
    from training.lake import Lake

app = typer.Typer(no_args_is_help=True, help="Data quality: whether a closed day of the lake is what it should be.")
out = Console(highlight=False, soft_wrap=True, markup=False)
tables = Console(highlight=False, markup=False)
progress = Console(stderr=True)

DATASET = "quality"
LAG = timedelta(minutes=10)
"""What Kafka has had for less may be on its way to the lake; as `fraud lake verify` has it."""
FAILED = 1


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
    data: Annotated[str, typer.Option(metavar="LAKE", help="The `path` of one of the archiver's sinks: a folder or s3a:// URL.")],
    day: Annotated[datetime, typer.Option(formats=DATE, metavar="DATE", help="The day, UTC. It has to be over.")],
    store: Annotated[
        str | None,
        typer.Option(metavar="MODELS", help="Model store, whose champion tells how often features are absent in training."),
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Also look whether the lake has all of the day that Kafka still has.")
    ] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the report as a page.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Check a day; the exit code is 1 if a critical expectation fails. What came of it is kept in LAKE/quality.

    A warning is shown, and does not change the exit code.
    """
    from quality.checking import Beside, failed, table
    from quality.checking import check as checked
    from quality.days import Days
    from training.lake import Lake

    settings, asked, now = settings_of(config, kafka=kafka), day.date(), datetime.now(UTC)
    if asked >= now.date():
        raise DayNotClosed(f"{asked} is not over yet, in UTC", f"Name a day before {now.date()}: what is to come is not missing.")
    there = Lake(data, settings.s3)
    trained = training(store, settings.s3)
    with Progress(console=progress, transient=True, disable=not progress.is_terminal) as bar:
        step = bar.add_task("Kafka", total=None)
        missing = missing_in_lake(there, settings, asked, now - LAG) if kafka else None
        bar.update(step, description=str(asked))
        with there.reached():
            outcomes = checked(Days(there.rows), asked, Beside(trained.label_delay, trained.null_shares, missing))
    _show(outcomes, asked, data, html, as_json=as_json)
    there.put(DATASET, table(outcomes, asked), asked)
    if failed(outcomes, "critical"):
        raise typer.Exit(FAILED)


def training(store: str | None, s3: "S3") -> Training:
    """Returns what the champion of a store was trained on; the laptop's store where none is named.

    Raises:
        UnusableStore, UnusableModel: there is a champion that cannot be read.
    """
    from local.state import models_folder
    from spark_jobs.features import MATURITY
    from training.bundle import REFERENCE
    from training.store import ModelStore

    models = ModelStore(store or str(models_folder()), s3)
    champion = models.pointed("champion")
    if champion is None or champion.trained_on is None:
        return Training(MATURITY / timedelta(days=1), None)
    reference = models.files(champion.version).get(REFERENCE)  # counts by bin, and at the end how many were absent
    inputs = None if reference is None else json.loads(reference)["payments"]
    shares = inputs and {name: one["counts"][-1] / max(sum(one["counts"]), 1) for name, one in inputs.items()}
    return Training(champion.trained_on.label_delay_days, shares)


def missing_in_lake(lake: "Lake", settings: "ArchiveSettings", day: date, until: datetime) -> int:
    """Returns how many of the day's records Kafka has had since `until`, and the lake has not.

    Raises:
        BrokerUnreachable, MissingTopic, NoRecords: Kafka cannot be read.
    """
    from local.lake.stores import Stores
    from local.lake.verify import Asked, compared

    with Stores() as stores:
        stores.add_lake(lake)
        known = stores.add_kafka(settings, until, lambda some, _: some)
        days = compared(stores, Asked(kafka=known, kept_from={}, both_from=date.min, until=until))
    return sum(one["missing_in_lake"] for one in days if one["day"] == day)


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
