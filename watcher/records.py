"""What the watcher reads of a record. msgspec decodes these fields alone, and passes over the others without making them."""

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Message
from msgspec import Struct
from msgspec.json import Decoder

from contract import RECEIPT


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


def position(message: Message) -> tuple[Place, int] | None:
    """Returns partition and offset that a message is about; None where it is about neither."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    return None if topic is None or partition is None or offset is None else (Place(topic, partition), offset)


class PaymentPart(Struct):
    """Of contract.Transaction."""

    channel: str


class ScoredPart(Struct):
    """Of contract.Scored."""

    transaction: PaymentPart
    features: dict[str, float]
    decision: str
    rules: list[str]
    ruleset_version: str
    fraud_score: float | None = None
    model_version: str | None = None


class AlertPart(Struct):
    """Of contract.Alert: enough to know it by."""

    alert_id: str
    decision: str


class RejectedPart(Struct):
    """Of contract.Rejected."""

    topic: str
    partition: int
    offset: int
    reasons: list[str]


scored = Decoder(ScoredPart).decode
alert = Decoder(AlertPart).decode
rejected = Decoder(RejectedPart).decode


class Origin(NamedTuple):
    """The input record that a record came of, as its headers say (spark_jobs/transforms/egress.py)."""

    place: Place
    offset: int
    timestamp: int
    """Kafka's, in milliseconds since 1970."""


_HEADERS = ("input-topic", "input-partition", "input-offset", "input-timestamp")


def origin(headers: Sequence[tuple[str, bytes | None]] | None) -> Origin | None:
    """Returns where a record came from; None where its headers do not say so."""
    found = dict(headers or ())
    try:
        topic, partition, offset, timestamp = (found[name] or b"" for name in _HEADERS)
        return Origin(Place(topic.decode(), int(partition)), int(offset), int(timestamp))
    except (KeyError, ValueError):
        return None


def is_receipt(value: bytes | None, headers: Sequence[tuple[str, bytes | None]] | None) -> bool:
    """Returns whether a record among the dead letters is none, but says that one was replayed (docs/adr/0029)."""
    return value is None and RECEIPT in dict(headers or ())
