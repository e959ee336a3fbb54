"""The topic of alerts, from where the last notifier has left it."""

from contextlib import suppress

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from configuration import KafkaConnection, require_topics
from notifier.errors import AnotherNotifier, GroupRefused

SETTINGS = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",  # of a new partition, of a topic that is made anew, and behind what Kafka has deleted
    "group.instance.id": "notifier",  # one that is killed and started again goes on at once
    "session.timeout.ms": 30_000,
    "queued.max.messages.kbytes": 16_384,
    "log_level": 0,
}
MOST_AT_ONCE = 500
READ_S = 0.5
TIMEOUT_S = 30.0
log = structlog.get_logger()


class Alerts:
    """Reads records; `commit` says that what was read need not be read again.

    Raises:
        BrokerUnreachable, AccessRefused, MissingTopic: as `require_topics`.
    """

    def __init__(self, connection: KafkaConnection, topic: str, group: str) -> None:
        self._topic, self._group = topic, group
        self._partitions = require_topics(connection, [topic])[topic]
        self._consumer = Consumer({**connection.librdkafka(), **SETTINGS, "group.id": group, "error_cb": self._hear})
        self._heard, self._has_begun = "", False
        self._consumer.subscribe([topic], on_assign=self._begin)

    def read(self) -> list[Message]:
        """Returns what has come, at once if there is anything, else after half a second.

        Raises:
            AnotherNotifier: Kafka has given the place of this notifier to another one.
            GroupRefused: this user may not use the consumer group, or Kafka does not say where the last notifier was.
        """
        try:
            first = self._consumer.poll(READ_S)
        except KafkaException as error:
            raise _refused(error, self._group) from None
        if first is None:
            return []
        found = [first, *self._consumer.consume(MOST_AT_ONCE - 1, 0)]
        for one in found:
            told = one.error()
            if told is not None and (told.fatal() or told.code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID)):
                raise AnotherNotifier(
                    f"Another notifier works in the consumer group of this one ({told.name()})",
                    "Let one work, or give each a `consumer_group` and an `outbox` of its own.",
                )
        return [one for one in found if one.error() is None]

    def commit(self) -> None:
        """What was read is kept elsewhere. Where Kafka does not take that, it hands out the same records again, after a restart."""
        with suppress(KafkaException):
            self._consumer.commit(asynchronous=False)

    def close(self) -> None:
        """Leaves the topic."""
        self._consumer.close()

    def _begin(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        """Goes on where the last notifier has left. At the very first start all that is there is old: nobody wants it at once."""
        if self._has_begun:
            return
        every = [TopicPartition(self._topic, number) for number in range(self._partitions)]
        if any(one.offset >= 0 for one in consumer.committed(every, timeout=TIMEOUT_S)):
            self._has_begun = True
            log.info("alerts are read on", topic=self._topic)
            return
        ends = [
            TopicPartition(one.topic, one.partition, consumer.get_watermark_offsets(one, timeout=TIMEOUT_S, cached=False)[1])
            for one in assigned
        ]
        consumer.commit(offsets=ends, asynchronous=False)
        consumer.assign(ends)
        self._has_begun = True
        log.info("the first start: alerts are sent that come from now on", topic=self._topic)

    def _hear(self, error: KafkaError) -> None:
        if error.str() != self._heard:
            log.warning("Kafka says", why=error.str())
        self._heard = error.str()


def _refused(error: KafkaException, group: str) -> GroupRefused:
    cause = error.args[0]
    said = cause.str() if isinstance(cause, KafkaError) else str(cause)
    return GroupRefused(
        f"Kafka does not let the consumer group {group} read alerts ({said})",
        "See that this user may read the topic and the group.",
    )
