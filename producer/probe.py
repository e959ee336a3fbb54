"""Whether a detector is alive, asked from outside: one marked transaction is sent, its alert is waited for."""

import json
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from pydantic import Field

from configuration import Duration, KafkaConnection, Settings, TopicNames, require_topics
from contract import Transaction
from producer.errors import NoAlert
from producer.publisher import Publisher

PREFIX = "probe-"
"""How the transaction_id, card_id, terminal_id of a probe begin. A detector needs a rule for it: transaction_id LIKE 'probe-%'."""
GROUP = "fraud-probe"
POLL_S = 0.2
TIMEOUT_S = 10.0


class ProbeSettings(Settings):
    """Sends one marked transaction and waits for its alert."""

    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics")
    timeout: Duration = Field(timedelta(minutes=1), description="How long the alert may take")


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back: the seconds from the transaction's arrival in Kafka to that of its alert here, and who scored it."""

    seconds: float
    fraud_score: float | None
    model_version: str | None

    def __str__(self) -> str:
        scored = "" if self.model_version is None else f", fraud_score {self.fraud_score:.4f} by {self.model_version}"
        return f"alert after {self.seconds * 1000:.0f} ms{scored}"


def probe(settings: ProbeSettings) -> Heard:
    """Returns what came back; without a model the alert has no score.

    Raises:
        BrokerUnreachable: no broker answers.
        MissingTopic: transactions or alerts have none.
        NotDelivered: Kafka refuses the transaction.
        NoAlert: none came in time.
    """
    partitions = require_topics(settings.kafka, (settings.topics.transactions, settings.topics.alerts))[settings.topics.alerts]
    with closing(_at_the_end(settings, partitions)) as alerts:
        sent = marked_transaction()
        with Publisher(settings.kafka) as publisher:
            publisher.send(settings.topics.transactions, sent.card_id, sent)
        began = time.monotonic()
        while time.monotonic() - began < settings.timeout.total_seconds():
            message = alerts.poll(POLL_S)
            if message is not None and (alert := _about(message, sent)):
                return Heard(time.monotonic() - began, alert.get("fraud_score"), alert.get("model_version"))
    raise NoAlert(
        f"{sent.transaction_id} was sent to {settings.topics.transactions}, and after {settings.timeout.total_seconds():g} s "
        f"{settings.topics.alerts} has no alert for it",
        "See that the detector runs (its log says why not), that it is not far behind, and that one of its rules asks for "
        f"transaction_id LIKE '{PREFIX}%'.",
    )


def marked_transaction() -> Transaction:
    """Returns a payment of a card, at a terminal, that nobody else has: it changes no real history."""
    mark = f"{PREFIX}{uuid.uuid4()}"
    return Transaction(
        transaction_id=mark,
        event_time=datetime.now(UTC),
        card_id=mark,
        customer_id=mark,
        terminal_id=mark,
        merchant_id=mark,
        merchant_category="0000",
        amount=Decimal("0.01"),
        currency="EUR",
        channel="pos",
        country="ZZ",
        response_code="approved",
    )


def _at_the_end(settings: ProbeSettings, partitions: int) -> Consumer:
    """Returns a consumer of the alerts that come from now on; it keeps no place in Kafka."""
    consumer = Consumer({**settings.kafka.librdkafka(), "group.id": GROUP, "enable.auto.commit": False, "log_level": 0})
    deadline = time.monotonic() + settings.timeout.total_seconds()
    places = [TopicPartition(settings.topics.alerts, number) for number in range(partitions)]
    consumer.assign([TopicPartition(place.topic, place.partition, _end(consumer, place, deadline)) for place in places])
    return consumer


def _end(consumer: Consumer, place: TopicPartition, deadline: float) -> int:
    """Returns a partition's end. A topic that was made a moment ago, and one whose broker restarts, have no leader for a while."""
    while True:
        try:
            return consumer.get_watermark_offsets(place, timeout=TIMEOUT_S, cached=False)[1]
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise NoAlert(f"{place.topic} cannot be read ({error})", "See that its brokers run.") from None
            consumer.poll(POLL_S)


def _about(message: Message, sent: Transaction) -> dict[str, Any] | None:
    """Returns the alert, if it is the transaction's."""
    if message.error() or message.key() != sent.card_id.encode():
        return None
    found: dict[str, Any] = json.loads(message.value() or b"{}")
    return found if found.get("transaction_id") == sent.transaction_id else None
