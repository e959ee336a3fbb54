"""Task slots: real-time mode runs all tasks at once, and a topic that gets another partition needs one more."""

import time
from collections.abc import Mapping

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pyspark.sql import SparkSession

from configuration import require_topics
from spark_jobs import failures
from spark_jobs.metrics import StreamMetrics
from spark_jobs.settings import DetectorSettings

LOOK_S = 30.0
"""A batch in real-time mode takes minutes, and keeps the partitions that it began with: there is time."""
TIMEOUT_S = 1.0
"""A stop waits as long, where Kafka does not answer."""

log = structlog.get_logger()


class Slots:
    """Compares what the topics of now need with what Spark has, in the metrics, and in the log where it is too little."""

    def __init__(self, session: SparkSession, settings: DetectorSettings, metrics: StreamMetrics) -> None:
        self._session, self._settings, self._metrics = session, settings, metrics
        self._admin = AdminClient({**settings.kafka.librdkafka(), "error_cb": lambda _: None, "log_level": 0})
        self._looked_at = -LOOK_S
        self._said = (0, 0)

    def require(self) -> None:
        """Looks for the first time.

        Raises:
            TooFewSlots: real-time mode could not begin.
            BrokerUnreachable, MissingTopic: as `configuration.require_topics`.
        """
        needed, had = self._compare(require_topics(self._settings.kafka, self._settings.input_topics))
        if had < needed:
            raise failures.too_few_slots(needed, had)

    def look(self) -> None:
        """Looks again, twice a minute. Where Kafka does not answer nothing changes."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        try:
            topics = self._admin.list_topics(timeout=TIMEOUT_S).topics
        except KafkaException:
            return
        partitions = {name: len(topics[name].partitions) for name in self._settings.input_topics if name in topics}
        needed, had = self._compare(partitions)
        if had < needed and (needed, had) != self._said:
            log.warning("too few task slots: the next batch cannot begin", needed=needed, slots=had, partitions=partitions)
        self._said = (needed, had)

    def _compare(self, partitions: Mapping[str, int]) -> tuple[int, int]:
        needed, had = self._settings.slots(sum(partitions.values())), self._session.sparkContext.defaultParallelism
        self._metrics.slots(needed, had)
        return needed, had
