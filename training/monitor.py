"""Whether the model still holds, by day, out of the archiver's lake: `python -m training.monitor`; `fraud models health` calls it.

No JVM is started, and no clock is asked: what a day was like at its end is the same whenever it is asked.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import Field
from rich.console import Console
from rich.table import Table

from configuration import FraudDetectionError, Settings, report
from spark_jobs.archive_settings import PostgresSettings
from spark_jobs.errors import UnusableModel
from spark_jobs.parts import Place
from spark_jobs.settings import S3
from training import progress
from training.bundle import REFERENCE, Manifest
from training.health import keep
from training.health.day import Day, Health, Result
from training.health.page import page
from training.health.reference import Reference
from training.health.served import Served
from training.health.words import DRIFT, breach, figure, interval, name_of
from training.lake import Lake
from training.store import ModelStore, NoSuchModel

PROGRAM = "python -m training.monitor"
BREACHED = 4
"""Exit code where a figure is beyond its limit."""

log = structlog.get_logger()


class NothingScored(FraudDetectionError):
    """The lake has no payment that the model has scored on the days that are asked for."""


class HealthSettings(Settings):
    """Tells by day whether the model still holds: drift of what it is given and gives, and how right it was once labels have come.

    The exit code is 4 if a figure is beyond its limit.
    """

    data: Place = Field(description="The archiver's lake: the `path` of one of its sinks, a folder or s3a:// URL, Parquet or Delta")
    store: Place = Field(".fraud/models", description="Model store, a folder or s3a:// URL")
    model: str | None = Field(None, description="Version in the model store; null: the champion")
    day: date | None = Field(
        None, description="The last day to be judged, such as 2026-11-24; null: the last but one that the lake has"
    )
    days: int = Field(1, ge=1, le=400, description="How many days up to that one are judged")
    blind_sample: str = Field(
        "blind-sample",
        min_length=1,
        description="`labelled_by` of labels of payments that were looked at without any suspicion; they tell what is missed",
    )
    html: Path | None = Field(None, description="File for the report as a page, with pictures; null: none")
    textfile: Path | None = Field(
        None, description="File for gauges, in the folder that Prometheus's node exporter reads, such as health.prom; null: none"
    )
    postgres: PostgresSettings | None = Field(
        None, description="Database of the archiver, whose table model_health gets the figures; null: none"
    )
    json_summary: bool = Field(False, alias="json", description="Print all figures as JSON on standard output")
    s3: S3 = Field(S3(), description="How s3a:// paths are reached")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    try:
        settings = HealthSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        found = run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    results = [one for day in found for one in day.results]
    if settings.json_summary:
        sys.stdout.write(json.dumps([_plain(one) for one in results]) + "\n")
    else:
        _show(found)
    return BREACHED if any(one.breached for one in results) else 0


def run(settings: HealthSettings) -> list[Day]:
    """Returns the judged days in order; what was asked to be kept is kept by then.

    Raises:
        NoSuchModel, UnusableModel, UnusableStore: the model.
        NoLake, NothingScored, UnusableStorage: the lake.
        UnusableDatabase, NewerDatabase, CannotWrite: what is kept cannot be written.
    """
    manifest, reference = _model(settings)
    if reference is None:
        log.warning(f"the model has no {REFERENCE}, so nothing has a limit; one that is trained anew has", model=manifest.version)
    served = Served(Lake(settings.data, settings.s3), manifest)
    health = Health(manifest, reference, served, settings.blind_sample)
    there = served.days()
    found = [health.of(day) for day in progress.each("days", _days(settings, there))]
    results = [one for day in found for one in day.results]
    if not any(one.metric == "payments" and one.value for one in results):
        known = f"those from {there[0]} to {there[-1]}" if there else "none"
        raise NothingScored(
            f"{settings.data} has no whole day that is asked for and that {manifest.version} has scored; its days are {known}",
            "Name a day with --day, or a version with --model.",
        )
    if settings.postgres:
        keep.in_database(settings.postgres, results)
    if settings.textfile:
        keep.in_file(settings.textfile, results)
    if settings.html:
        keep.as_page(settings.html, page(health, found))
    return found


def _model(settings: HealthSettings) -> tuple[Manifest, Reference | None]:
    store = ModelStore(settings.store, settings.s3)
    manifest = store.manifest(settings.model) if settings.model else store.pointed("champion")
    if manifest is None:
        raise NoSuchModel(f"{settings.store} has no champion", "Name a version with --model: `fraud models list`.")
    content = store.files(manifest.version).get(REFERENCE)
    try:
        return manifest, None if content is None else Reference.from_json(content)
    except ValueError as error:
        raise UnusableModel(
            f"{REFERENCE} of {manifest.version} is wrong: {error}", "Train the model anew, or use the program that wrote it."
        ) from None


def _days(settings: HealthSettings, there: Sequence[date]) -> list[date]:
    """Returns the days to be judged: those since the lake began."""
    last = settings.day or (there[-2] if len(there) > 1 else None)
    if last is None or not there:
        return []
    asked = (last - timedelta(days=back) for back in reversed(range(settings.days)))
    return [one for one in asked if one >= there[0]]


def _show(days: Sequence[Day]) -> None:
    out = Console(highlight=False)
    for day in days:
        for line in _drift(day):
            out.print(line, soft_wrap=True, markup=False)
    table = Table("day", "", "", "95 %", "limit")
    for one in (one for day in days for one in day.results if one.metric not in DRIFT):
        limit = "" if one.limit_value is None else figure(one.metric, one.limit_value)
        style = "red" if one.breached else None
        table.add_row(str(one.day), name_of(one.metric), figure(one.metric, one.value), interval(one), limit, style=style)
    out.print(table)
    for one in (one for day in days for one in day.results if one.breached):
        out.print(f"[red]Breach[/] {breach(one)}", soft_wrap=True)


def _drift(day: Day) -> Iterator[str]:
    """Yields a line for each kind of drift: what has moved farthest, by its limit."""
    for metric, what in DRIFT.items():
        of_kind = [one for one in day.results if one.metric == metric]
        told = [one for one in of_kind if one.limit_value]
        if told:
            far = max(told, key=lambda one: one.value / (one.limit_value or 1))
            name = f" {far.feature}" if far.feature else ""
            reach = f"PSI {far.value:.3f}, limit {far.limit_value:.3f}"
            yield f"{day.day}: drift of {what}: farthest{name}, {reach}; {len(of_kind)} judged"


def _plain(one: Result) -> dict[str, Any]:
    return {**asdict(one), "day": one.day.isoformat()}


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
