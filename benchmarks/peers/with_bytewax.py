"""The job on bytewax: batch by batch, from its Kafka source to its Kafka sink, with recovery on.

    python -m benchmarks.peers.with_bytewax ADDRESS SOURCE TARGET MODEL FOLDER

The engine hands over lists of up to 1,000 records; this default was faster than 3,000 and 10,000. Parsing, scoring and writing take
a list at a time, and the model scores it in one call.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from benchmarks.peers.job import CardWindows, Model, Payment, Row, payment_of, row_of
from benchmarks.peers.record import PRODUCER, scored

SNAPSHOT_EVERY = timedelta(seconds=10)
"""The engine's own default."""
Snapshot = tuple[tuple[int, int], ...]
"""A card's payments of the last day."""


class Read(NamedTuple):
    """A record on its way through the dataflow."""

    message: KafkaSourceMessage[bytes, bytes]
    transaction: dict[str, Any]
    payment: Payment


class Card(StatefulBatchLogic[Read, tuple[Read, Row], Snapshot]):  # type: ignore[misc]  # mypy does not see the library
    """The windows of one card; the engine keeps one of these a key, and takes snapshots of those that changed."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self._windows = CardWindows(snapshot or ())

    def on_batch(self, values: list[Read]) -> tuple[list[tuple[Read, Row]], bool]:
        """Returns each record with its row."""
        add = self._windows.add
        rows = [(read, row_of(read.transaction, read.payment, add(read.payment.time, read.payment.cents))) for read in values]
        return rows, StatefulBatchLogic.RETAIN

    def snapshot(self) -> Snapshot:
        """Returns what a restart makes the windows from."""
        return self._windows.payments()


def parse(messages: list[KafkaSourceMessage[bytes, bytes]]) -> list[tuple[str, Read]]:
    """Returns the records by card."""
    found = []
    for message in messages:
        transaction = orjson.loads(message.value)
        found.append((transaction["card_id"], Read(message, transaction, payment_of(transaction))))
    return found


def flow(address: str, source: str, target: str, model: Model) -> Dataflow:
    """Returns the dataflow."""

    def score(batch: list[tuple[str, tuple[Read, Row]]]) -> list[KafkaSinkMessage[bytes, bytes]]:
        scores = model.scores([row for _, (_, row) in batch])
        return [
            KafkaSinkMessage(read.message.key, scored(read.message.value, row, one))
            for (_, (read, row)), one in zip(batch, scores, strict=True)
        ]

    job = Dataflow("peer")
    read = op.input("read", job, KafkaSource([address], [source]))
    by_card = op.flat_map_batch("parse", read, parse)
    rows = op.stateful_batch("windows", by_card, Card)
    op.output("write", op.flat_map_batch("score", rows, score), KafkaSink([address], target, add_config=PRODUCER))
    return job


if __name__ == "__main__":
    address, source, target, model, folder = sys.argv[1:]
    recovery = Path(folder) / "recovery"
    if not recovery.exists():
        recovery.mkdir()
        init_db_dir(recovery, 1)
    cli_main(flow(address, source, target, Model(model)), epoch_interval=SNAPSHOT_EVERY, recovery_config=RecoveryConfig(recovery))
