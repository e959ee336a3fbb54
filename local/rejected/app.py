"""`fraud rejected`: the dead letters that wait, one of them, and their replay."""

import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from local.errors import NoLetter
from local.rejected.letters import Found, Letter, Wanted, read
from local.rejected.masked import masked, visible
from local.state import broker
from spark_jobs.settings import DetectorSettings

app = typer.Typer(no_args_is_help=True, help="Dead letters: count them, show one, send them again.")
out = Console(highlight=False, soft_wrap=True, markup=False)
tables = Console(highlight=False, markup=False)

PROGRAM = "fraud rejected"
_TIME = "a time with a zone, such as 2026-11-24T10:00:00Z"

Config = Annotated[
    Path | None, typer.Option(help="The detector's settings; without them the laptop's broker and the usual topics.", exists=True)
]
Reason = Annotated[str | None, typer.Option(help="Only letters with this code, or code and field: invalid:amount.")]
Topic = Annotated[str | None, typer.Option(help="Only letters of records of this topic.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help=f"Only letters written then or later: {_TIME}.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command("list")
def list_letters(
    config: Config = None, reason: Reason = None, topic: Topic = None, since: Since = None, as_json: Json = False
) -> None:
    """Count the letters that wait, by reason and by topic."""
    settings = _settings(config)
    found = counted(read(settings.kafka, settings.topics.rejected, Wanted(reason, topic, _time(since))))
    if as_json:
        out.print_json(data=found)
        return
    out.print(
        f"{found['waiting']:,} letters wait in {settings.topics.rejected}, {found['replayed_and_rejected_again']:,} of them of "
        f"replays; {found['replayed']:,} were replayed."
        + (f" {found['strange']:,} records are no letters." if found["strange"] else "")
    )
    for name in ("reasons", "topics"):
        if found[name]:
            columns = list(found[name][0])
            table = Table(*(column.replace("_", " ") for column in columns))
            for row in found[name]:
                table.add_row(*("-" if row[column] is None else str(row[column]) for column in columns))
            tables.print(table)


@app.command()
def show(
    topic: Annotated[str, typer.Argument(help="Topic of the record that could not be read.")],
    partition: Annotated[int, typer.Argument(help="Its partition.")],
    offset: Annotated[int, typer.Argument(help="Its offset.")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show the letters of one record. Digits of values are 9 and letters a: they may be a card number or a name."""
    settings = _settings(config)
    found = read(settings.kafka, settings.topics.rejected, Wanted(topic=topic))
    place = (topic, partition, offset)
    chosen = [
        {**masked(one), "replayed": was_replayed}
        for was_replayed, letters in ((False, found.waiting), (True, found.replayed))
        for one in letters
        if (one.rejected.topic, one.rejected.partition, one.rejected.offset) == place
    ]
    if not chosen:
        raise NoLetter(
            f"{settings.topics.rejected} has no letter of {topic}/{partition}/{offset}",
            "`fraud rejected list` names an example of each reason; letters are deleted after the topic's retention.ms.",
        )
    if as_json:
        out.print_json(data=chosen)
        return
    for one in chosen:
        _print(one)


@app.command()
def replay(
    config: Config = None,
    reason: Reason = None,
    topic: Topic = None,
    since: Since = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send what passes; without it this is a dry run, which writes nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell what the detector of now would do with the letters that wait; with --send, send those again that pass.

    The exit code is 4 if some do not pass: docs/how-to/replay-dead-letters.md.
    """
    _know_broker(config)
    asked = {"config": config, "reason": reason, "topic": topic, "since": since, "output": "json" if as_json else "table"}
    arguments = [f"--{name}={value}" for name, value in asked.items() if value is not None]
    command = [sys.executable, "-m", "local.rejected", *arguments, *(["--send"] if send else [])]
    os.execv(sys.executable, command)  # noqa: S606 no shell is wanted; signals reach the program itself


def counted(found: Found) -> dict[str, Any]:
    """Returns how many letters wait, as `--json` prints it; a letter with two reasons counts in both."""
    by_reason: defaultdict[str, list[Letter]] = defaultdict(list)
    by_topic: defaultdict[str, list[Letter]] = defaultdict(list)
    for one in found.waiting:
        by_topic[one.rejected.topic].append(one)
        for reason in dict.fromkeys(one.rejected.reasons):
            by_reason[reason].append(one)
    parts = ((reason.partition(":"), letters) for reason, letters in by_reason.items())
    reasons = [
        {"reason": visible(code), "field": visible(field) or None, **_summary(letters)} for (code, _, field), letters in parts
    ]
    topics = [{"topic": visible(topic), **_summary(letters)} for topic, letters in by_topic.items()]
    return {
        "waiting": len(found.waiting),
        "replayed_and_rejected_again": sum(one.replayed_from is not None for one in found.waiting),
        "replayed": len(found.replayed),
        "strange": found.strange,
        "reasons": sorted(reasons, key=lambda row: -row["letters"]),
        "topics": sorted(topics, key=lambda row: -row["letters"]),
    }


def _summary(letters: Sequence[Letter]) -> dict[str, Any]:
    newest = max(letters, key=lambda one: one.at)
    return {"letters": len(letters), "newest": newest.at.isoformat(timespec="seconds"), "example": visible(newest.place)}


def _print(one: dict[str, Any]) -> None:
    told = "replayed since" if one["replayed"] else "waits"
    out.print(f"{one['place']}, of {one['timestamp']}, rejected at {one['rejected_at']}; {told}")
    if one["replayed_from"]:
        out.print(f"It is a replay of {one['replayed_from']}.")
    if one["loaded_from"]:
        out.print(f"It was loaded from {one['loaded_from']}.")
    for reason in one["reasons"]:
        out.print(f"  {reason['reason']}: {reason['meaning'] or 'a code of another version'}")
    if one["truncated"]:
        out.print("The letter has not all of the record: the whole is in its topic, as long as Kafka keeps it.")
    out.print(f"Key {one['key'] or '-'}; value of {one['bytes'] or 0:,} bytes" + (f": {one['begins']}" if one["begins"] else ""))
    for header in one["headers"]:
        out.print(f"Header {header['name']}: {header['looks_like']}")
    if one["fields"]:
        table = Table("field", "looks like")
        for field in one["fields"]:
            table.add_row(field["field"], field["looks_like"])
        tables.print(table)


def _settings(config: Path | None) -> DetectorSettings:
    _know_broker(config)
    return DetectorSettings.load([f"--config={config}"] if config else [], PROGRAM)


def _know_broker(config: Path | None) -> None:
    """Makes the laptop's broker the default; a settings file wins."""
    if config is None and "FRAUD_CONFIG" not in os.environ and broker().running:
        os.environ.setdefault("FRAUD_KAFKA__BOOTSTRAP_SERVERS", broker().address)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
    raise typer.BadParameter(f"--since is {_TIME}")
