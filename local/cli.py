"""The `fraud` command: the whole system on a laptop."""

import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import structlog
import typer
from rich.console import Console
from rich.table import Table

from configuration import FraudDetectionError, KafkaConnection, TopicNames, report, require_known_variables
from local import doctor as doctor_room
from local import ilum, launch, stores
from local.demo import Demo
from local.lake.app import app as lake
from local.listings import describe, list_features
from local.notify import app as notify
from local.quality import on_the_laptop
from local.rejected.app import app as rejected
from local.rules import app as rules
from local.state import broker, home
from producer.topics import create_topics
from producer.traffic import Kind
from quality.command import app as quality
from training import models

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Real-time card-fraud detection on this machine.")
app.add_typer(ilum.app, name="ilum")
app.add_typer(lake, name="lake")
app.add_typer(quality, name="quality", callback=on_the_laptop)
app.add_typer(notify, name="notify")
app.add_typer(rejected, name="rejected")
app.add_typer(rules, name="rules")
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
out = Console()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Partitions = Annotated[int, typer.Option(min=1, help="Partitions of topics that are made; profiles and rejected records have one.")]


@app.command()
def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the broker; 0 takes a free one.")] = 9092,
    partitions: Partitions = 2,
    extra: Annotated[
        str | None,
        typer.Option(
            "--with",
            help="Also start, of a list with commas: s3 and postgres, which `fraud archive` then knows; mail, a notifier; "
            "monitoring, a Prometheus.",
        ),
    ] = None,
) -> None:
    """Start the broker and create the topics. If it runs already, nothing happens."""
    address = broker().start(port or None)
    created = create_topics(KafkaConnection(bootstrap_servers=address), TopicNames().specs(partitions))
    kafka = f"Kafka runs at {address}" + (f", created {', '.join(created)}" if created else "")
    stores.start(extra, KafkaConnection(bootstrap_servers=address))
    out.print(kafka, *stores.told(), sep="\n", highlight=False, soft_wrap=True)


@app.command()
def down(purge: Annotated[bool, typer.Option("--purge", help="Also remove all data: topics, checkpoints, logs.")] = False) -> None:
    """Stop the broker and all that `up --with` has started; their data stays."""
    stores.stop()
    broker().stop()
    if purge:
        shutil.rmtree(home(), ignore_errors=True)
    out.print("Stopped." + (f" {home()} is removed." if purge else f" Data stays in {home()}."), highlight=False, soft_wrap=True)


@app.command()
def status(as_json: Json = False) -> None:
    """Say what runs, and where. The exit code is 3 if the broker does not run."""
    one = broker()
    found = {"running": one.running, "address": one.address if one.running else None, "log": str(one.log), **stores.running()}
    if as_json:
        out.print_json(data=found)
    else:
        kafka = f"Kafka runs at {one.address}" if one.running else "Kafka does not run; `fraud up` starts it."
        out.print(kafka, *stores.told(), sep="\n", highlight=False, soft_wrap=True)
    if not one.running:
        raise typer.Exit(3)


@app.command()
def topics(
    create: Annotated[bool, typer.Option("--create", help="Create those that are missing.")] = False,
    partitions: Partitions = 2,
    as_json: Json = False,
) -> None:
    """List the nine topics: partitions and records."""
    connection = KafkaConnection(bootstrap_servers=launch.address())
    names = TopicNames()
    if create:
        create_topics(connection, names.specs(partitions))
    found = [describe(connection, name) for name in asdict(names).values()]
    if as_json:
        out.print_json(data=found)
        return
    table = Table("topic", "partitions", "records")
    for row in found:
        table.add_row(row["topic"], str(row["partitions"] or "missing"), f"{row['records']:,}")
    out.print(table)


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End this long after the detector went live; else at Ctrl-C.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print lines instead of a live screen.")] = False,
    mode: Annotated[Literal["realTime", "microBatch"], typer.Option(help="Mode in which the detector runs.")] = "realTime",
    rate: Annotated[float, typer.Option(min=0.1, help="Payments a second.")] = 100.0,
    traffic: Annotated[Kind, typer.Option(help="Normal customers, attacks, or both.")] = "all",
    extra: Annotated[
        Literal["mail"] | None, typer.Option("--with", help="Also run a notifier, which sends alerts as mail to a folder.")
    ] = None,
) -> None:
    """Run everything on one live screen: broker, traffic, detector and, the first time, trainer."""
    Demo(home(), broker(), mode, rate, traffic, with_mail=extra == "mail").run(seconds, plain or not out.is_terminal)


@app.command(context_settings=PASS_ON)
def produce(context: typer.Context) -> None:
    """Send traffic to the broker: `fraud produce --rate 100 --backfill 14d`. All options: `fraud produce --help`."""
    launch.know_broker(context.args)
    launch.become("producer", "run", *context.args)


@app.command(context_settings=PASS_ON)
def detect(context: typer.Context) -> None:
    """Run the detector on the broker: `fraud detect --trigger.mode realTime`. All options: `fraud detect --help`."""
    launch.know_s3()
    launch.know_models("FRAUD_MODELS__STORE", context.args)
    launch.know_prometheus("detector", context.args)
    launch.know_broker(context.args)
    launch.become("spark_jobs.detect_fraud", *context.args)


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="File in place of Kafka: .jsonl, .json, .csv or .avro, with transactions.", exists=True)
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="The detector's settings, with the mapping that is to be tried.", exists=True)
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Topic with transactions; by default all that the settings read.")] = None,
    records: Annotated[int, typer.Option("-n", "--records", min=1, help="How many records are read.")] = 1_000,
    as_json: Json = False,
) -> None:
    """Tell what a detector would do with records, and why; writes nothing. The exit code is 4 if some would be rejected.

    Where nothing maps them yet, it proposes settings to start from: docs/how-to/your-own-payments.md.
    """
    options = {"config": config, "topic": topic, "file": file, "records": records, "output": "json" if as_json else "table"}
    arguments = [f"--{name}={value}" for name, value in options.items() if value is not None]
    if file is None:
        launch.know_broker(arguments)
    launch.become("local.check", *arguments)


@app.command(context_settings={name: value for name, value in PASS_ON.items() if name != "help_option_names"})
def skip(
    context: typer.Context,
    topic: Annotated[str, typer.Argument(help="The record's topic.")],
    partition: Annotated[int, typer.Argument(help="Its partition.")],
    offset: Annotated[int, typer.Argument(help="Its offset, as the program's error names it.")],
    archiver: Annotated[bool, typer.Option("--archiver", help="For the sinks of an archiver, and not for a detector.")] = False,
) -> None:
    """Step over a record that cannot be read: `fraud skip transactions 0 150 --config FILE --reason damaged`. History stays.

    The program that reads it must not run. What a detector steps over becomes a dead letter; what an archiver steps over is in
    none of its sinks. Options are those of the detector or the archiver, and --reason.
    """
    launch.know_s3()
    launch.know_broker(context.args)
    place = {"topic": topic, "partition": partition, "offset": offset}
    program = "spark_jobs.skip_copied" if archiver else "spark_jobs.skip_record"
    launch.become(program, *(f"--{name}={value}" for name, value in place.items()), *context.args)


@app.command(context_settings=PASS_ON)
def migrate(context: typer.Context) -> None:
    """Give a new checkpoint the history of an old one: `fraud migrate --config FILE --from OLD --to NEW`. Options: `--help`.

    With `--history archive` OLD is an archiver's lake.
    """
    launch.know_s3()
    launch.know_broker(context.args)
    launch.become("spark_jobs.migrate_checkpoint", *context.args)


@app.command(context_settings=PASS_ON)
def archive(context: typer.Context) -> None:
    """Copy what is in Kafka to the folder `lake`, and to the database where it runs. All options: `fraud archive --help`."""
    launch.know_s3()
    launch.know_postgres(context.args)
    launch.know_prometheus("archiver", context.args)
    launch.know_broker(context.args)
    launch.become("spark_jobs.archive_scored", *context.args)


@app.command(context_settings=PASS_ON)
def train(context: typer.Context) -> None:
    """Train a model on history: `fraud train --data DIR --promote`. All options: `fraud train --help`."""
    launch.know_s3()
    launch.know_models("FRAUD_STORE", context.args)
    if any(one in ("--data=kafka", "kafka") or one.startswith("--watch") for one in context.args):
        launch.know_broker(context.args)
    launch.become("training.train_model", *context.args)


@app.command("import", context_settings=PASS_ON)
def import_history(context: typer.Context) -> None:
    """Make training data of a CSV history: `fraud import FILE... --output DIR`. All options: `fraud import --help`."""
    launch.become("producer", "import", *context.args)


@app.command(context_settings=PASS_ON)
def backtest(context: typer.Context) -> None:
    """Run rules and a model over history: `fraud backtest --from DIR --rules FILE`. All options: `fraud backtest --help`."""
    launch.know_s3()
    launch.know_models("FRAUD_STORE", context.args)
    launch.become("training.backtest", *context.args)


@app.command()
def features(
    explain: Annotated[
        str | None, typer.Option(metavar="KEY", help="Show what a checkpoint holds of this card or terminal.")
    ] = None,
    group: Annotated[Literal["card", "terminal"], typer.Option(help="Whether KEY is a card or a terminal.")] = "card",
    checkpoint: Annotated[str | None, typer.Option(help="The detector's checkpoint, a folder or s3a:// URL.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Instant at which windows end, such as 2026-11-24T10:00:00Z; by default KEY's newest transaction."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List all features. With --explain, show instead what a checkpoint holds of one card or terminal."""
    if explain is None:
        if checkpoint or at:
            raise typer.BadParameter("--checkpoint and --at go with --explain KEY")
        list_features(out, as_json)
        return
    launch.know_s3()
    options = {"key": explain, "group": group, "checkpoint": checkpoint, "at": at, "output": "json" if as_json else "table"}
    launch.become("spark_jobs.explain_history", *(f"--{name}={value}" for name, value in options.items() if value is not None))


@app.command()
def doctor(
    checkpoint: Annotated[
        str | None, typer.Option(help="Look at this checkpoint instead: a folder or s3a:// URL, of a detector or an archiver.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check this machine, or a checkpoint. Each problem comes with what to do; the exit code is 1 if there is one."""
    if checkpoint is not None:
        launch.know_s3()
        launch.become("spark_jobs.examine_checkpoint", f"--checkpoint={checkpoint}", f"--output={'json' if as_json else 'lines'}")
    checks = doctor_room.examine()
    if as_json:
        out.print_json(data=[check._asdict() for check in checks])
    else:
        for check in checks:
            mark = "[green]ok     [/]" if check.ok else "[red]problem[/]"
            out.print(
                f"{mark} {check.name}: {check.found}" + ("" if check.ok else f" - {check.advice}"), highlight=False, soft_wrap=True
            )
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@models.app.command("health", context_settings=PASS_ON)
def model_health(context: typer.Context) -> None:
    """Tell by day whether the model still holds: `fraud models health --data lake --days 7`. All options: `--help`."""
    launch.know_models("FRAUD_STORE", context.args)
    launch.know_postgres(context.args)
    launch.become("training.monitor", *context.args)


def _models() -> None:
    """Trained models: which there are, and which one scores."""
    if not launch.chosen([]):
        launch.know_s3()
    launch.know_models("FRAUD_MODELS__STORE", [])
    if broker().running:  # a watch reads what it holds; all else needs none
        launch.know_broker([])


app.add_typer(models.app, name="models", callback=_models)


def main() -> None:
    """Entry point of `fraud`; an error is one paragraph and exit code 1."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        require_known_variables()
        app()
    except FraudDetectionError as error:
        sys.exit(report(error))
