"""How long an alert takes from Kafka to a webhook and to a mail server, and how fast the notifier works off a backlog."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from benchmarks.page import table
from configuration import KafkaConnection, TopicNames
from contract import Alert, decode
from harness.kafka import read_all
from harness.notifier import EVERY_ALERT, NotifierProcess, webhook
from harness.receiving import mail_server, receiver
from local.process import HOST
from local.screen import percentile
from producer.topics import create_topics

ALERTS, PAUSE_S = 300, 0.1
BACKLOG = 2_000


def measure(kafka: KafkaConnection, folder: Path) -> dict[str, Any]:
    """Returns `webhook` and `mail`, milliseconds from Kafka's timestamp of each alert to its arrival, sorted; `backlog_s`.

    ALERTS come one every PAUSE_S, each of a card of its own, and each goes to both. Then BACKLOG wait for a notifier that starts:
    `backlog_s` is from the first webhook to the last.
    """
    topics = TopicNames()
    create_topics(kafka, topics.specs(1))
    with receiver() as hook, mail_server() as post:
        arrived: dict[str, float] = {}

        def take(mail: EmailMessage) -> str:
            arrived[mail["Message-ID"][1:].partition(".")[0]] = time.time()
            return "250 OK"

        post.answers = take
        mail = {"type": "email", "host": HOST, "port": post.port, "security": "none", "sender": "fraud@example.com"}
        channels = {"cases": webhook(folder, hook), "desk": {**mail, "recipients": ["desk@example.com"], **EVERY_ALERT}}
        notifier = NotifierProcess(kafka, topics, folder, channels)
        notifier.begin_at_the_beginning()
        notifier.start()
        try:
            for number in range(ALERTS):
                notifier.alert([_alert(number)])
                time.sleep(PAUSE_S)
            hook.inbox.until(lambda found: len(found) == ALERTS)
            post.inbox.until(lambda found: len(found) == ALERTS)
            appended = {
                decode(Alert, one.value).alert_id: one.timestamp for one in read_all(kafka.bootstrap_servers, topics.alerts)
            }
            took = {
                "webhook": sorted(got.at * 1000 - appended[got.id] for got in hook.inbox.all),
                "mail": sorted(at * 1000 - appended[name] for name, at in arrived.items()),
            }
            notifier.stop()
            notifier.settings |= {"channels": {"cases": channels["cases"]}, "routes": [{"channels": ["cases"]}]}
            notifier.alert([_alert(ALERTS + number) for number in range(BACKLOG)])
            notifier.start()
            hook.inbox.until(lambda found: len(found) == ALERTS + BACKLOG)
        finally:
            notifier.kill()
    backlog = [got.at for got in hook.inbox.all[ALERTS:]]
    return {**took, "backlog_s": max(backlog) - min(backlog)}


def section(found: dict[str, Any]) -> str:
    """Returns what a page says."""
    rows = [(name, *(round(percentile(found[name], share)) for share in (50, 95, 100))) for name in ("webhook", "mail")]
    return f"""\
{ALERTS} alerts, one every {PAUSE_S * 1000:.0f} ms, each of a card of its own, by one notifier to a webhook and to a mail server
on the same machine; the outbox is a SQLite file. Milliseconds from Kafka's append of the alert to its arrival.
(Goals: a webhook within 1,000 at p95, a mail within 5,000.)

{table(("to", "p50", "p95", "max"), rows)}

{BACKLOG:,} alerts that waited for the notifier's start, each a webhook of its own: {BACKLOG / found["backlog_s"]:.0f} a second."""


def _alert(number: int) -> Alert:
    return Alert(
        alert_id=f"a{number:05}",
        transaction_id=f"t{number:05}",
        user_id="C00001",
        timestamp=datetime(2026, 7, 10, tzinfo=UTC),
        decision="review",
        reasons=("Over 10",),
        rules=("over",),
        card_id=f"card-{number}",
        amount=Decimal("12.50"),
        currency="EUR",
        merchant="M00001",
        ruleset_version="v",
    )
