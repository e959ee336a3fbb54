"""One terminal with very many payments in its windows, in real-time mode.

As web shops behind one gateway have it. Most payments are at other terminals; those at the hot one must not wait longer.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.detector import DEFAULT, MANY_ALERTS, TRIGGERS, new_topics, running
from benchmarks.history import session_of_two
from configuration import KafkaConnection, TopicNames
from contract import Alert, Transaction, decode, encode
from harness.kafka import read_all, send
from local.screen import percentile
from spark_jobs.checkpoint import read_pages
from spark_jobs.features import TERMINAL

PAYMENTS = 300_000
"""At the hot terminal before the measurement begins, all within the last five hours."""
RATE, WARM_UP_S, MEASURED_S = 500, 60, 120
ONE_IN = 10
"""Every tenth payment is at the hot terminal."""
HOT = "gateway"
CARDS, TERMINALS = 5_000, 10_000


class Found(NamedTuple):
    """Latencies at the hot terminal and elsewhere (`where`, `alerts`, `p50`, `p99`, `max` in ms), and bytes of the hot one."""

    latencies: list[dict[str, Any]]
    state_bytes: int


def measure(kafka: KafkaConnection, folder: Path) -> Found:
    """Returns what the payments waited, and how many bytes the checkpoint holds of the hot terminal with PAYMENTS."""
    topics = new_topics(kafka, "hot")
    begin = datetime.now(UTC) - timedelta(hours=5)
    before = (_paid("before", number, begin + timedelta(milliseconds=50 * number), hot=True) for number in range(PAYMENTS))
    send(kafka.bootstrap_servers, topics.transactions, ((one.card_id, encode(one)) for one in before))
    with running(kafka, topics, folder, TRIGGERS[DEFAULT], MANY_ALERTS) as detector:
        detector.until_scored(PAYMENTS)
        sent = send(kafka.bootstrap_servers, topics.transactions, _steadily())
        detector.until_scored(PAYMENTS + sent)
    spark = session_of_two(folder)
    try:
        pages = read_pages(spark, detector.settings["checkpoint"], TERMINAL, HOT).pages
    finally:
        spark.stop()
    return Found(_waited(kafka, topics), sum(map(len, pages.values())))


def _waited(kafka: KafkaConnection, topics: TopicNames) -> list[dict[str, Any]]:
    waited: dict[str, list[float]] = {"hot": [], "other": []}
    for record in read_all(kafka.bootstrap_servers, topics.alerts):
        alert = decode(Alert, record.value)
        where, _, number = alert.transaction_id.partition("-")
        if where in waited and int(number) >= RATE * WARM_UP_S:
            waited[where].append(record.timestamp - alert.timestamp.timestamp() * 1000)
    return [
        {
            "where": where,
            "alerts": len(found),
            **{f"p{one}": round(percentile(found, one)) for one in (50, 99)},
            "max": round(max(found)),
        }
        for where, found in waited.items()
    ]


def _steadily() -> Iterator[tuple[str, bytes]]:
    """Yields RATE payments a second, each with the time at which it is sent."""
    began = time.monotonic()
    for number in range(RATE * (WARM_UP_S + MEASURED_S)):
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        hot = number % ONE_IN == 0
        paid = _paid("hot" if hot else "other", number, datetime.now(UTC), hot=hot)
        yield paid.card_id, encode(paid)


def _paid(name: str, number: int, at: datetime, *, hot: bool) -> Transaction:
    """Returns a payment that the rule of MANY_ALERTS reports, if it is not of the time before."""
    return Transaction(
        transaction_id=f"{name}-{number}",
        event_time=at,
        card_id=f"card-{number * 7 % CARDS}",
        customer_id=f"customer-{number * 7 % CARDS}",
        terminal_id=HOT if hot else f"terminal-{number * 11 % TERMINALS}",
        merchant_id="merchant",
        merchant_category="5999",
        amount=Decimal(1 if name == "before" else 200),
        currency="EUR",
        channel="ecom",
        country="FR",
        response_code="approved",
    )
