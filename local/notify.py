"""`fraud notify`: what the notifier's outbox holds, messages that were given up, and a test of a channel."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from configuration.settings import CONFIG_VARIABLE
from local.errors import NoChannel
from local.state import mail
from notifier.outbox import Outbox
from notifier.settings import NotifierSettings

app = typer.Typer(
    no_args_is_help=True, help="The notifier's messages: list those that were given up, send them again, test a channel."
)
out = Console(highlight=False, soft_wrap=True, markup=False)
tables = Console(highlight=False, markup=False)

PROGRAM = "fraud notify"
ASK_EVERY_S = 0.1
NOT_DELIVERED = 4

Config = Annotated[
    Path | None, typer.Option(help="The notifier's settings; without them those of `fraud up --with mail`.", exists=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command("list")
def list_messages(config: Config = None, as_json: Json = False) -> None:
    """Count what waits, and list the messages that were given up. The exit code is 4 if there are any."""
    settings = _settings(config)
    outbox = _outbox(settings)
    now = time.time()
    channels = [
        {
            "channel": name,
            "in_settings": name in settings.channels,
            "waiting": found.waiting,
            "dead": found.dead,
            "oldest_s": None if found.oldest is None else round(now - found.oldest),
            "gone": found.gone,
        }
        for name in sorted({*settings.channels, *outbox.channels()})
        for found in [outbox.count(name)]
    ]
    dead = [{**one, "since": _text(one["since"])} for one in outbox.dead_messages()]
    if as_json:
        out.print_json(data={"channels": channels, "dead": dead})
    else:
        _show(channels, dead)
    if dead:
        raise typer.Exit(NOT_DELIVERED)


@app.command()
def retry(
    channel: Annotated[str | None, typer.Option(help="Only messages of this channel.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Send messages again that were given up; a channel whose receiver was gone takes messages again."""
    settings = _settings(config)
    if channel is not None:
        _require(settings, channel)
    count = _outbox(settings).retry(channel, time.time())
    if as_json:
        out.print_json(data={"messages": count})
    else:
        out.print(f"{count:,} messages are due now; the notifier sends them.")


@app.command("test")
def try_channel(
    channel: Annotated[str, typer.Argument(help="Name of the channel.")],
    timeout: Annotated[float, typer.Option(min=1, help="How many seconds to wait for the notifier that runs.")] = 30.0,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Let the notifier that runs send a message that is about no alert. The exit code is 4 if it was not delivered in time."""
    settings = _settings(config)
    _require(settings, channel)
    outbox = _outbox(settings)
    message_id = outbox.add_test(channel, time.time())
    deadline = time.monotonic() + timeout
    state, why = outbox.state(channel, message_id)
    while (state, why) == ("waiting", None) and time.monotonic() < deadline:
        time.sleep(ASK_EVERY_S)
        state, why = outbox.state(channel, message_id)
    if as_json:
        out.print_json(data={"channel": channel, "message_id": message_id, "state": state, "why": why})
    elif state == "delivered":
        out.print(f"Delivered as {message_id}.")
    elif why is None:
        out.print(f"Nobody has tried to send {message_id} within {timeout:.0f} s. See that the notifier runs with this outbox.")
    else:
        out.print(f"{message_id} is not delivered: {why}." + (" It is tried again." if state == "waiting" else ""))
    if state != "delivered":
        raise typer.Exit(NOT_DELIVERED)


def _show(channels: list[dict[str, Any]], dead: list[dict[str, Any]]) -> None:
    table = Table("channel", "waiting", "given up", "oldest waits", "state")
    for one in channels:
        state = f"gone: {one['gone']}" if one["gone"] else "works" if one["in_settings"] else "not in the settings"
        oldest = "-" if one["oldest_s"] is None else f"{one['oldest_s']:,} s"
        table.add_row(one["channel"], f"{one['waiting']:,}", f"{one['dead']:,}", oldest, state)
    tables.print(table)
    if dead:
        table = Table("channel", "message", "kind", "alerts", "since", "tries", "why")
        for one in dead:
            table.add_row(*(str(one[name]) for name in ("channel", "message_id", "kind", "alerts", "since", "tries", "why")))
        tables.print(table)
        out.print("`fraud notify retry` sends them again.")


def _settings(config: Path | None) -> NotifierSettings:
    if config is None and CONFIG_VARIABLE not in os.environ and mail().file.exists():
        config = mail().file
    return NotifierSettings.load([] if config is None else [f"--config={config}"], PROGRAM)


def _outbox(settings: NotifierSettings) -> Outbox:
    found = Outbox(settings.outbox)
    found.make()
    return found


def _require(settings: NotifierSettings, channel: str) -> None:
    if channel not in settings.channels:
        raise NoChannel(f"There is no channel {channel}", f"The settings have {', '.join(sorted(settings.channels))}.")


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
