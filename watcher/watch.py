"""The loop: what has come is counted at once; every second Kafka is asked how far the topics go."""

import threading
import time

import structlog
from confluent_kafka import KafkaError, KafkaException

from watcher.cluster import Cluster
from watcher.counting import Counting
from watcher.errors import NoClient
from watcher.gaps import Gaps
from watcher.inputs import Inputs
from watcher.metrics import WatchMetrics
from watcher.outputs import Outputs
from watcher.partitions import Partitions
from watcher.records import Place
from watcher.settings import WatcherSettings

LOOK_EVERY_S = 1.0
PARTITIONS_EVERY_S = 15.0
HUNG_AFTER_S = 30.0
"""Several times what one round of the loop takes where no broker answers."""
log = structlog.get_logger()


class Watcher:
    """Watches the topics until it is stopped. Brokers, topics and partitions may come and go meanwhile.

    Raises:
        NoClient: no Kafka client can be made of the settings.
    """

    def __init__(self, settings: WatcherSettings, metrics: WatchMetrics) -> None:
        self._metrics = metrics
        self._payments = {*settings.complete_inputs, *settings.filtered_inputs}
        self._topics = (*self._payments, *settings.topics.outputs())
        self._partitions, self._inputs = Partitions(), Inputs(settings.filtered_inputs)
        self._counting = Counting(settings.topics, self._inputs, metrics)
        try:
            self._cluster, self._gaps = Cluster(settings.kafka), Gaps(settings.kafka)
            self._outputs = Outputs(settings.kafka, self._hear)
        except OSError as error:
            raise NoClient(f"{error.filename} cannot be read: {error.strerror}", "Check the files under `kafka`.") from None
        except KafkaException as error:
            cause = error.args[0]
            said = cause.str() if isinstance(cause, KafkaError) else cause
            raise NoClient(f"No Kafka client can be made ({said})", "Check the settings and files under `kafka`.") from None
        self._round = time.monotonic()
        self._looked = self._counted = float("-inf")
        self._ends: dict[Place, int] = {}
        """Of the detector's topics, at the last look."""
        self._reachable = self._up_to_date = False
        self._waits_since: float | None = None
        self._heard = ""
        self._add_gauges()

    def run(self, stop: threading.Event) -> None:
        """Returns once it is asked to stop."""
        try:
            while not stop.is_set():
                self._counting.take(self._outputs.read())
                self._round = time.monotonic()
                if self._round - self._looked >= LOOK_EVERY_S:
                    self._looked = self._round
                    self._look()
                self._waits_since = self._inputs.waits_since()
        finally:
            self._outputs.close()
            self._gaps.close()

    def works(self) -> bool:
        """Returns whether the loop goes round."""
        return time.monotonic() - self._round < HUNG_AFTER_S

    def _look(self) -> None:
        if self._looked - self._counted >= PARTITIONS_EVERY_S:
            topics = self._cluster.topics(self._topics)
            self._outputs.forget(self._partitions.seen(topics))
            if topics.keys() >= set(self._topics):
                self._counted = self._looked
        ends = self._cluster.ends(self._partitions.all)
        self._say_whether_reachable()
        written = {place: end for place, end in ends.items() if place.topic not in self._payments}
        self._up_to_date = self._reachable and bool(self._ends) and self._outputs.have_read(self._ends)
        self._outputs.begin(written, self._partitions.new)
        self._ends = written
        came = self._inputs.ended({place: ends[place] for place in ends.keys() - written.keys()}, self._partitions.new)
        for topic, records in came.items():
            self._metrics.came(topic, records)
        gaps = self._inputs.gaps()
        if gaps:
            for place, first in self._gaps.first(gaps).items():
                self._inputs.looked(place, first)

    def _say_whether_reachable(self) -> None:
        before, self._reachable = self._reachable, self._cluster.reachable
        if self._reachable and not before:
            log.info("Kafka answers")
        elif before and not self._reachable:
            log.warning("Kafka does not answer", why=self._heard)

    def _hear(self, error: KafkaError) -> None:
        if not self._reachable and error.str() != self._heard:
            log.warning("Kafka does not answer", why=error.str())
        self._heard = error.str()

    def _oldest_unscored(self) -> float:
        since = self._waits_since
        return 0.0 if since is None else time.monotonic() - since

    def _add_gauges(self) -> None:
        gauge = self._metrics.gauge
        gauge(
            "newest_scored_age_seconds",
            "Time since Kafka's timestamp of the newest scored record; where there is none, since the watcher's start",
            self._counting.newest_scored_age,
        )
        gauge(
            "oldest_unscored_seconds",
            "0 where each payment has a result; else for how long payments have waited without any result",
            self._oldest_unscored,
        )
        gauge("broker_reachable", "1 where Kafka has answered the last question, else 0", lambda: self._reachable)
        gauge(
            "up_to_date",
            "1 where the watcher has read what the detector had written a second ago, else 0",
            lambda: self._up_to_date,
        )
