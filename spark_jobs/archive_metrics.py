"""Prometheus metrics of an archiver, by sink, fed by the progress of each sink's query. docs/reference/metrics.md explains each."""

import time
from collections.abc import Collection, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from spark_jobs.archive_settings import NAME
from spark_jobs.health import Health
from spark_jobs.metrics import records_behind


class ArchiveMetrics(StreamingQueryListener):
    """Counts what each sink takes. Methods in Spark's own style are called by Spark, on a thread of its own, some time after."""

    def __init__(self, registry: CollectorRegistry, sinks: Collection[str]) -> None:
        self._last = dict.fromkeys(sinks, time.monotonic())
        self._sinks: dict[str, str] = {}
        """Of each run of a query, by Spark's id for it, the sink."""
        self._rows = Counter("fraud_archive_rows", "Records that a sink has taken", ["sink"], registry=registry)
        self._behind = Gauge(
            "fraud_archive_lag_rows",
            "Records in Kafka that a sink had not taken when its last batch ended",
            ["sink"],
            registry=registry,
        )
        self._duration = Gauge(
            "fraud_archive_batch_seconds", "Time that the last batch of a sink took", ["sink"], registry=registry
        )
        self._retrying = Gauge(
            "fraud_archive_retrying",
            "1 from a failure of a sink until it takes what is copied, else 0; it is tried again meanwhile, or given up",
            ["sink"],
            registry=registry,
        )
        self._failures = Counter("fraud_archive_failures", "Attempts of a sink that have failed", ["sink"], registry=registry)
        self._lost = Counter(
            "fraud_archive_lost_records",
            "Records that Kafka had deleted before a sink took them, by topic",
            ["sink", "topic"],
            registry=registry,
        )
        since = Gauge(
            "fraud_archive_seconds_since_progress",
            "Time since a sink took a batch, or had nothing to take; before that since the start",
            ["sink"],
            registry=registry,
        )
        for sink in sinks:
            since.labels(sink).set_function(partial(self._silent_s, sink))
            for metric in (self._rows, self._behind, self._duration, self._retrying, self._failures):
                metric.labels(sink)
        self.health = Health(lambda: 0.0)  # a store that is away is waited for: no restart mends it

    def failed(self, sink: str) -> None:
        """Says that an attempt has failed."""
        self._failures.labels(sink).inc()
        self._retrying.labels(sink).set(1)

    def lost(self, sink: str, records: Mapping[str, int]) -> None:
        """Counts records that were deleted before a sink took them, by topic."""
        for topic, number in records.items():
            self._lost.labels(sink, topic).inc(number)

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802 Spark's name
        """Remembers whose query it is: `name_of` has named it."""
        for sink in self._last:
            if event.name == name_of(sink):
                self._sinks[str(event.runId)] = sink

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """Nothing to read is progress too."""
        if sink := self._sinks.get(str(event.runId)):
            self._moved(sink)
            self._behind.labels(sink).set(0)

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """Forgets whose query it was."""
        self._sinks.pop(str(event.runId), None)

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        """Adds one batch."""
        progress = event.progress
        if sink := self._sinks.get(str(progress.runId)):
            self._moved(sink)
            self._rows.labels(sink).inc(progress.numInputRows)
            self._duration.labels(sink).set(progress.batchDuration / 1000)
            self._behind.labels(sink).set(sum(records_behind(source) for source in progress.sources))

    def _silent_s(self, sink: str) -> float:
        return time.monotonic() - self._last[sink]

    def _moved(self, sink: str) -> None:
        self._last[sink] = time.monotonic()
        self._retrying.labels(sink).set(0)


def name_of(sink: str) -> str:
    """Returns the name of a sink's query."""
    return f"{NAME}_{sink}"
