"""The commands of `fraud models` that change who scores, and the one that tells who has."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from training import promotion
from training.audit import Report, who
from training.bundle import sha256
from training.gate import MAX_SKEW, MIN_FRAUDS, Asked, UnreadableReport, judge, quality_of
from training.options import (
    By,
    Json,
    MaxSkew,
    MinFrauds,
    Place,
    Quality,
    Reason,
    Version,
    duration,
    out,
    reached,
    store_of,
    tables,
    tried,
)

TAKEN_UP = "Detectors that run take it up by themselves."


def promote(
    version: Version,
    force: Annotated[
        bool, typer.Option("--force", help="Promote it whatever the gate says of it; needs --reason, and cannot be watched.")
    ] = False,
    reason: Reason = None,
    by: By = None,
    quality: Quality = None,
    min_frauds: MinFrauds = MIN_FRAUDS,
    max_skew: MaxSkew = MAX_SKEW,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What the decision rests on, for the audit; by default its report.json.")
    ] = None,
    watch: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="1h", help="Then compare for so long what it does, and roll back what does harm."),
    ] = None,
    store: Place = None,
) -> None:
    """Make a version champion, the model that scores, if the gate lets it pass; else the exit code is 6.

    With --watch the exit code is 7 if it was rolled back.
    """
    if force and not reason:
        raise typer.BadParameter("--force needs --reason")
    if force and watch:
        raise typer.BadParameter("--force and --watch exclude each other: what is forced is to stay")
    found = reached(store)
    models, read = found.store, _report(report)
    tried(models, version)
    asked = Asked(quality_of(quality) if quality else None, min_frauds, max_skew)
    if force:
        done = promotion.force(models, version, by or who(), reason or "", read)
    else:
        done = promotion.promote(models, judge(models, version, asked), by or who(), reason, read)
    pointer = done.pointer
    told = "is champion" if done.is_new else "was champion already,"
    out.print(f"{version} {told} since {pointer.promoted_at:%Y-%m-%d %H:%M:%S}Z: {pointer.reason}\n{TAKEN_UP}")
    if watch:
        from training.watching import watched

        out.print(watched(found, version, watch, by or who()))


def rollback(reason: Reason = None, by: By = None, store: Place = None) -> None:
    """Make the champion's predecessor champion again. A second time is refused: it would bring back what was rolled back."""
    pointer = promotion.roll_back(store_of(store), by or who(), reason)
    out.print(f"{pointer.version} is champion again: {pointer.reason}\n{TAKEN_UP}")


def challenge(
    version: Annotated[str | None, typer.Argument(help="The version that scores beside the champion.")] = None,
    end: Annotated[bool, typer.Option("--end", help="Remove the challenger.")] = False,
    reason: Reason = None,
    by: By = None,
    store: Place = None,
) -> None:
    """Let a version score beside the champion, without deciding anything. --end removes it."""
    if end == (version is not None):
        raise typer.BadParameter("name a version, or --end")
    models = store_of(store)
    if version is not None:
        tried(models, version)
        promotion.challenge(models, version, by or who(), reason or "")
        out.print(f"{version} challenges the champion. {TAKEN_UP}")
    elif left := promotion.end_challenge(models, by or who(), reason or ""):
        out.print(f"{left.version} is challenger no more.")
    else:
        out.print("There was no challenger.")


def audit(store: Place = None, as_json: Json = False) -> None:
    """Tell who has promoted, refused, rolled back or marked what, when, why, and by which report; the oldest first."""
    found = store_of(store).audit.events()
    if as_json:
        out.print_json(data=[one.model_dump(mode="json") for one in found])
        return
    table = Table("when, UTC", "what", Column("version", overflow="fold"), "who", "why", Column("report", overflow="fold"))
    for one in found:
        report = f"{one.report.path} ({one.report.sha256[:12]})" if one.report else ""
        table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.action.replace("_", " "), one.version, one.by, one.reason, report)
    tables.print(table)


def _report(file: Path | None) -> Report | None:
    if file is None:
        return None
    try:
        return Report(path=str(file), sha256=sha256(file.read_bytes()))
    except OSError as error:
        raise UnreadableReport(f"{file} cannot be read: {error.strerror}", "Check --report.") from None
