"""`fraud rules`: what the rules of a version were, years after the alert that names it."""

import os
from typing import Annotated

import typer
from confluent_kafka import Consumer, TopicPartition
from rich.console import Console
from rich.table import Table

from configuration import BrokerUnreachable, FraudDetectionError, KafkaConnection, require_topics
from contract import Ruleset, decode, encode
from local.state import broker
from spark_jobs.settings import DetectorSettings

PROGRAM = "fraud rules"
TIMEOUT_S = 10.0

app = typer.Typer(no_args_is_help=True, help="Rules that were in force: an alert names their version.")
out = Console(highlight=False, soft_wrap=True, markup=False)
tables = Console(highlight=False, markup=False)


class UnknownRuleset(FraudDetectionError):
    """No detector has published rules of this version."""


@app.callback()
def rules() -> None:
    """Rules that were in force: an alert names their version."""
    if "FRAUD_CONFIG" not in os.environ and broker().running:
        os.environ.setdefault("FRAUD_KAFKA__BOOTSTRAP_SERVERS", broker().address)


@app.command()
def show(
    version: Annotated[str, typer.Argument(help="`ruleset_version` of an alert or a scored record.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show the rules of a version. Kafka is that of the detector's settings, or the laptop's."""
    settings = DetectorSettings.load([], PROGRAM)
    known = read(settings.kafka, settings.topics.rulesets)
    if version not in known:
        raise UnknownRuleset(
            f"{settings.topics.rulesets} has no rules of version {version}",
            f"It has: {', '.join(sorted(known)) or 'none'}. A detector publishes its rules when it starts.",
        )
    found = known[version]
    if as_json:
        out.print_json(encode(found).decode())
        return
    table = Table("rule", "when", "action", "reason", title=f"Rules of version {version}")
    for one in found.rules:
        table.add_row(one.name, one.when, one.action, one.reason)
    tables.print(table)


def read(connection: KafkaConnection, topic: str) -> dict[str, Ruleset]:
    """Returns the rules by version.

    Raises:
        BrokerUnreachable, MissingTopic.
    """
    require_topics(connection, [topic])
    consumer = Consumer({**connection.librdkafka(), "group.id": "fraud-rules", "enable.auto.commit": False, "log_level": 0})
    found: dict[str, Ruleset] = {}
    try:
        place = TopicPartition(topic, 0)
        first, end = consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
        consumer.assign([TopicPartition(topic, 0, first)])
        while first < end:
            message = consumer.poll(TIMEOUT_S)
            if message is None or message.error():
                raise BrokerUnreachable(f"Kafka does not hand out {topic}", "Try again; `fraud status` says whether it runs.")
            one = decode(Ruleset, message.value())
            found[one.ruleset_version] = one
            first = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return found
