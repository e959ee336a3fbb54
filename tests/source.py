"""A topic of payments, and what can happen to it."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic

from configuration import KafkaConnection, TopicNames, reach
from contract import Rejected, Scored, decode, encode
from harness.kafka import read_all, send_until_taken
from local.broker import Broker
from tests.records import AT, transaction

SENT_AT = int(AT.timestamp() * 1000)
ODD_TIMES = {"nanoseconds": SENT_AT * 10**6, "microseconds": SENT_AT * 10**3, "the largest": 2**63 - 1, "negative": -5}
"""Timestamps of Kafka that no calendar has."""


class Source:
    """The topic of payments, with one partition: what is sent to it and done to it."""

    def __init__(self, kafka: KafkaConnection, topics: TopicNames) -> None:
        self._kafka, self.topics = kafka, topics
        self.topic = topics.transactions
        self.count = 0
        """How many payments were sent."""

    def pay(self, count: int, *, timestamp: int = SENT_AT, **changes: Any) -> None:
        """Sends payments of one card, each a batch of its own."""
        for _ in range(count):
            self.count += 1
            name, at = f"paid-{self.count}", AT + timedelta(seconds=self.count)
            value = encode(replace(transaction(), transaction_id=name, event_time=at, **changes))
            send_until_taken(self._kafka.bootstrap_servers, self.topic, b"card", value, timestamp=timestamp)

    def take_back(self) -> None:
        """Sends a payment in a transaction that is given up: Kafka's mark of that is the topic's last record."""
        producer = Producer({**self._kafka.librdkafka(), "transactional.id": self.topic})
        producer.init_transactions()
        producer.begin_transaction()
        producer.produce(self.topic, encode(transaction()), b"card")
        producer.flush()
        producer.abort_transaction()

    def delete_before(self, offset: int) -> None:
        admin, _ = reach(self._kafka)
        for deleted in admin.delete_records([TopicPartition(self.topic, 0, offset)]).values():
            deleted.result()

    def make_anew(self) -> None:
        admin, _ = reach(self._kafka)
        admin.delete_topics([self.topic])[self.topic].result()
        while self.topic in admin.list_topics(timeout=10).topics:
            pass
        admin.create_topics([NewTopic(self.topic, 1, 1, config={"retention.ms": "-1"})])[self.topic].result()

    def configure(self, topic: str, name: str, value: int) -> None:
        admin, _ = reach(self._kafka)
        entry = ConfigEntry(name, str(value), incremental_operation=AlterConfigOpType.SET)
        asked = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        for changed in admin.incremental_alter_configs([asked]).values():
            changed.result()

    def damage(self, broker: Broker, number: int) -> None:
        """Changes one byte of a payment in the broker's own file."""
        name = b"paid-%d" % number
        files = (broker.home / "data" / f"{self.topic}-0").glob("*.log")
        (file,) = (one for one in files if name in one.read_bytes())
        with file.open("r+b") as log:
            log.seek(file.read_bytes().index(name))
            log.write(b"P")

    def scored(self) -> list[Scored]:
        return [decode(Scored, one.value) for one in read_all(self._kafka.bootstrap_servers, self.topics.scored)]

    def numbers(self) -> Counter[int]:
        """Returns which payments have a result, and how many."""
        return Counter(int(one.transaction.transaction_id.removeprefix("paid-")) for one in self.scored())

    def letters(self) -> list[Rejected]:
        """Returns the dead letters, in the order of the records."""
        found = [decode(Rejected, one.value) for one in read_all(self._kafka.bootstrap_servers, self.topics.rejected)]
        return sorted(found, key=lambda one: one.offset)
