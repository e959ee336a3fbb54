"""What Kafka says of topics: how many partitions they have, and where these end."""

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import structlog
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from configuration import KafkaConnection
from watcher.partitions import NO_TOPIC, Topic
from watcher.records import Place

TIMEOUT_S = 3.0
"""A broker that answers at all does so within milliseconds."""
log = structlog.get_logger()

Asked = TypeVar("Asked", str, Place)
Answer = TypeVar("Answer")


class Cluster:
    """Asks Kafka, and says in the log what Kafka refuses."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._admin = AdminClient({**connection.librdkafka(), "log_level": 0})
        self._refused: dict[str, str] = {}
        self.reachable = False
        """Whether a broker has answered the last question."""

    def topics(self, names: Collection[str]) -> dict[str, Topic]:
        """Returns the topics of which Kafka tells; one that does not exist has no partitions."""
        asked = self._admin.describe_topics(TopicCollection(list(names)), request_timeout=TIMEOUT_S)
        found, refused = self._answers(asked)
        missing = {name for name, error in refused.items() if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART}
        described = {name: Topic(len(one.partitions), str(one.topic_id)) for name, one in found.items()}
        return described | dict.fromkeys(missing, NO_TOPIC)

    def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """Returns where partitions end, open transactions left out; without those of which Kafka does not tell."""
        if not places:
            return {}
        asked = self._admin.list_offsets(
            {TopicPartition(*place): OffsetSpec.latest() for place in places},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=TIMEOUT_S,
        )
        found: dict[Place, Any]  # the types of the package leave out that a result has an offset
        found, _ = self._answers({Place(one.topic, one.partition): answer for one, answer in asked.items()})
        known = {place: one.offset for place, one in found.items() if one.offset >= 0}  # -1 where a broker was cut off
        self.reachable = self.reachable and (bool(known) or not found)
        return known

    def _answers(self, asked: Mapping[Asked, "Future[Answer]"]) -> tuple[dict[Asked, Answer], dict[Asked, KafkaError]]:
        """Returns what a broker tells, and what it refuses; neither has what nobody answered."""
        found: dict[Asked, Answer] = {}
        refused: dict[Asked, KafkaError] = {}
        for one, answer in asked.items():
            try:
                found[one] = answer.result()
            except KafkaException as error:
                cause = error.args[0]
                if isinstance(cause, KafkaError) and cause.code() > 0:  # below 0 are those of the client alone
                    refused[one] = cause
        self.reachable = bool(found or refused)
        self._tell({_topic(one): error.name() for one, error in refused.items()}, {_topic(one) for one in found})
        return found, refused

    def _tell(self, refused: Mapping[str, str], answered: Collection[str]) -> None:
        for topic, why in refused.items():
            if self._refused.get(topic) != why:
                log.warning("Kafka tells nothing of a topic", topic=topic, why=why)
        self._refused = {topic: why for topic, why in self._refused.items() if topic not in answered} | dict(refused)


def _topic(one: str | Place) -> str:
    return one.topic if isinstance(one, Place) else one
