"""`fraud lake`: kept small, compared with Kafka and the database, asked in SQL."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from configuration.durations import parse, text
from local import launch
from local.errors import NoSink

if TYPE_CHECKING:  # what reads a lake takes a second to import
    from spark_jobs.archive_settings import ArchiveSettings, PostgresSettings

app = typer.Typer(no_args_is_help=True, help="The archiver's lake: keep it small, compare it with Kafka and the database, ask it.")
out = Console(highlight=False, soft_wrap=True, markup=False)
tables = Console(highlight=False, markup=False)
progress = Console(stderr=True)

PROGRAM = "fraud lake"
MISSING = 1
DATE = ["%Y-%m-%d"]

Place = Annotated[str, typer.Argument(metavar="LAKE", help="The `path` of one of the archiver's sinks: a folder or s3a:// URL.")]
Config = Annotated[
    Path | None, typer.Option(help="The archiver's settings: how S3, Kafka and the database are reached.", exists=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def _duration(given: str) -> timedelta:
    try:
        return parse(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def compact(
    lake: Place,
    day: Annotated[datetime | None, typer.Option(formats=DATE, metavar="DATE", help="Only this day.")] = None,
    before: Annotated[datetime | None, typer.Option(formats=DATE, metavar="DATE", help="Only days before this one.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make few large files of many small ones, day by day, in Delta tables; the archiver and readers may go on.

    The small files stay for those that read them, until `fraud lake vacuum`.
    """
    if day and before:
        raise typer.BadParameter("--day and --before do not go together")
    from spark_jobs import upkeep
    from training.lake import Lake

    def wanted(one: date) -> bool:
        return (day is None or one == day.date()) and (before is None or one < before.date())

    there = Lake(lake, settings_of(config).s3)
    found = there.tables("be compacted")
    days: list[tuple[str, date]] = []
    done: list[dict[str, Any]] = []
    for name, table in found.items():
        with there.reached():
            if crowded := upkeep.crowded(table, wanted):
                upkeep.claim(table)
        days += [(name, one) for one in crowded]
    for name, one in track(days, "days", console=progress, transient=True, disable=not progress.is_terminal):
        with there.reached():
            old, new = upkeep.compact(found[name], one)
        if old:
            done.append({"table": name, "day": one.isoformat(), "files_before": old, "files_after": new})
    with there.reached():
        for table in found.values():
            table.create_checkpoint()  # what opens the table now need not read the commits before
    if as_json:
        out.print_json(data=done)
        return
    many, few = sum(one["files_before"] for one in done), sum(one["files_after"] for one in done)
    out.print(f"{len(done):,} days compacted: {many:,} files are {few:,} now." if done else "No day has small files.")


@app.command()
def vacuum(
    lake: Place,
    keep: Annotated[
        timedelta, typer.Option(parser=_duration, metavar="DURATION", help="How long files stay that are not needed; 1d at least.")
    ] = "7d",  # type: ignore[assignment]  # it is parsed
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count them, and remove nothing.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Remove files that compaction has replaced, and those that no commit names, in Delta tables.

    Versions of a table that are older than that can no longer be read.
    """
    from spark_jobs import upkeep
    from training.lake import Lake

    if keep < upkeep.LEAST_KEEP:
        raise typer.BadParameter(f"--keep is {text(upkeep.LEAST_KEEP)} at least: who reads older files needs them")
    there = Lake(lake, settings_of(config).s3)
    found, gone = there.tables("be vacuumed"), {}
    for name in track(list(found), "tables", console=progress, transient=True, disable=not progress.is_terminal):
        with there.reached():
            gone[name] = upkeep.vacuum(found[name], there.folder(name), keep, dry_run=dry_run)
    if as_json:
        out.print_json(data={"is_dry_run": dry_run, "files": gone})
        return
    what = "would be removed" if dry_run else "are removed"
    out.print(f"{sum(gone.values()):,} files {what}, which no version of the last {text(keep)} needs.")


@app.command("sql")
def ask(
    lake: Place,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="In DuckDB's SQL.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Ask the lake: `fraud lake sql lake "FROM alerts_by_rule"`. It has the database's views; `SHOW TABLES` lists them."""
    from local.lake.views import answer, connect

    rows = answer(connect(lake, settings_of(config).s3), query)
    if rows is None:
        return
    found = rows.to_pylist()
    if as_json:
        out.print_json(data=found, default=_plain)
        return
    table = Table(*rows.column_names)
    for row in found:
        table.add_row(*("-" if value is None else str(_plain(value)) for value in row.values()))
    tables.print(table)


@app.command()
def verify(
    lake: Place,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Compare with what the topics still have that the archiver reads.")
    ] = False,
    database: Annotated[
        str | None, typer.Option(metavar="SINK", help="Compare with this sink of the archiver's settings, of type postgres.")
    ] = None,
    lag: Annotated[
        timedelta,
        typer.Option(parser=_duration, metavar="DURATION", help="What came within that time may be on its way, and is not missed."),
    ] = "10m",  # type: ignore[assignment]
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Tell by day whether each record is in the lake, and once. The exit code is 1 if one is missing or twice."""
    from local.lake.stores import Stores
    from local.lake.verify import Asked, compared
    from spark_jobs.sinks.postgres.connection import address_of
    from training.lake import Lake

    settings = settings_of(config, kafka=kafka)
    sink = None if database is None else _postgres(settings, database)
    now, there = datetime.now(UTC), Lake(lake, settings.s3)
    kept_from = {} if sink is None else {name: now.date() - age for name, age in sink.retention}
    both_from = there.begun
    with Stores() as stores, Progress(console=progress, transient=True, disable=not progress.is_terminal) as bar:
        step = bar.add_task("lake", total=None)
        stores.add_lake(there)
        of_kafka: Collection[str] = ()
        if kafka:
            bar.update(step, description="Kafka")
            of_kafka = stores.add_kafka(settings, now - lag, lambda some, total: bar.track(some, total, task_id=step))
        if sink is not None:
            bar.update(step, description="database", total=None)
            both_from = max(both_from, stores.add_database(address_of(sink), kept_from))
        days = compared(stores, Asked(of_kafka, kept_from, both_from, now - lag))
    wrong = [one for one in days if one["missing_in_lake"] or one["missing_in_database"] or one["twice"]]
    if as_json:
        out.print_json(data={"ok": not wrong, "days": days}, default=_plain)
    else:
        _show(days, wrong)
    if wrong:
        raise typer.Exit(MISSING)


def _show(days: list[dict[str, Any]], wrong: list[dict[str, Any]]) -> None:
    rows = sum(one["lake"] for one in days)
    if not wrong:
        out.print(f"Nothing is missing and nothing is there twice: {rows:,} rows, {len({one['day'] for one in days}):,} days.")
        return
    out.print(f"{len(wrong):,} of {len(days):,} datasets' days are not as they should be:")
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    told = [name for name in wrong[0] if any(one[name] for one in wrong)]
    for name in told:
        is_number = name not in ("dataset", "day", "example")
        table.add_column(
            _HEADERS.get(name, name), justify="right" if is_number else "left", no_wrap=name != "example", overflow="fold"
        )
    for one in wrong:
        values = (one[name] for name in told)
        table.add_row(*("-" if value is None else f"{value:,}" if isinstance(value, int) else str(value) for value in values))
    tables.print(table)


_HEADERS = {"missing_in_lake": "not in\nlake", "missing_in_database": "not in\ndatabase", "example": "such as"}


def _postgres(settings: "ArchiveSettings", name: str) -> "PostgresSettings":
    from spark_jobs.archive_settings import PostgresSettings

    sink = settings.sinks.get(name)
    if not isinstance(sink, PostgresSettings):
        there = sorted(one for one, sink in settings.sinks.items() if isinstance(sink, PostgresSettings))
        raise NoSink(
            f"The settings have no sink {name} of type postgres",
            f"Known are {', '.join(there)}."
            if there
            else "Give the archiver's settings with --config, or start one: fraud up --with.",
        )
    return sink


def settings_of(config: Path | None, *, kafka: bool = False) -> "ArchiveSettings":
    """Returns the archiver's settings; what the laptop runs is their default."""
    from spark_jobs.archive_settings import ArchiveSettings

    arguments = [f"--config={config}"] if config else []
    launch.know_s3()
    launch.know_postgres(arguments)
    if kafka:
        launch.know_broker(arguments)
    return ArchiveSettings.load(arguments, PROGRAM)


def _plain(value: Any) -> Any:
    """Returns what JSON has no form of as text."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:  # DuckDB's sum of whole numbers
        return int(value)
    return value.hex() if isinstance(value, bytes) else str(value)
