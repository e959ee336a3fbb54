"""Prometheus metrics of a stream, fed by its progress events. docs/reference/metrics.md explains each."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from spark_jobs.health import Health
from spark_jobs.transforms import mapping
from spark_jobs.transforms.decode import REASON_CODES
from spark_jobs.transforms.observe import DECISIONS, FAILED_RULE, KIND_NAMES, OBSERVATION, OPTIONAL, PAYMENTS, UNSCORED

STEPS = ("card", "terminal")
"""The groups whose history a stateful step keeps, as Spark lists the steps: from the end of the plan on."""
ON_DISK = "rocksdbSstFileSize"


class StreamMetrics(StreamingQueryListener):
    """Counts what a stream does. Its methods are called by Spark, on a thread of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._last = time.monotonic()
        self._rows = Counter("fraud_rows", "Records read, by kind", ["kind"], registry=registry)
        self._decisions = Counter("fraud_decisions", "Transactions decided, by decision", ["decision"], registry=registry)
        self._alerts = Counter("fraud_alerts", "Alerts: decisions that are not approve", registry=registry)
        self._rejected = Counter("fraud_rejected", "Records rejected, by reason code", ["reason"], registry=registry)
        self._unreadable = Counter(
            "fraud_unreadable_fields", "Optional fields that could not be read, by name", ["field"], registry=registry
        )
        self._failed_rules = Counter(
            "fraud_rule_failures", "Transactions on which a rule failed, which is no, by rule", ["rule"], registry=registry
        )
        self._held_back = Counter(
            "fraud_decline_ceiling",
            "Payments that would have been declined, and were reviewed, as their minute had its declines",
            registry=registry,
        )
        self._unscored = Counter(
            "fraud_unscored",
            "Payments to which the model of a role gave no score; without the champion's rules decided alone",
            ["role"],
            registry=registry,
        )
        self._unknown = Counter("fraud_unknown_fields", "Fields that the contract does not know", registry=registry)
        self._passed_over = Counter(
            "fraud_passed_over_records",
            "Records that no input's `where` takes, and values whose array has no element",
            registry=registry,
        )
        self._mixed = Counter(
            "fraud_mixed_currency_payments",
            "Payments of a card whose amounts of the last 30 days are in several currencies, so that its sums add up unlike things",
            registry=registry,
        )
        self._duration = Histogram(
            "fraud_batch_duration_seconds",
            "Time that a batch took",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600),
            registry=registry,
        )
        self._phases = Gauge(
            "fraud_batch_phase_seconds",
            "Time that each phase of the last batch took, by Spark's name for it",
            ["phase"],
            registry=registry,
        )
        self._largest = Gauge(
            "fraud_largest_key_payments",
            "Most payments in one window of one key, of those met in the last batch",
            ["group"],
            registry=registry,
        )
        self._state_rows = Gauge("fraud_state_rows", "Entries in the state of a step, several a key", ["group"], registry=registry)
        self._state_bytes = Gauge(
            "fraud_state_bytes",
            "Size of the state of a step: memory in use, and files on disk, those of the executors",
            ["group", "where"],
            registry=registry,
        )
        self._challenged = Counter(
            "fraud_challenger_payments", "Payments that champion and challenger have both scored", registry=registry
        )
        self._difference = Counter(
            "fraud_challenger_difference",
            "Sum of the differences between the scores of champion and challenger, each without its sign",
            registry=registry,
        )
        self._lag_rows = Gauge("fraud_lag_rows", "Records in Kafka that are not read yet", registry=registry)
        self._lag_seconds = Gauge("fraud_lag_seconds", "Age of the newest record read where others wait, else 0", registry=registry)
        self._lost = Counter(
            "fraud_lost_records", "Records that Kafka had deleted before they were read, by topic", ["topic"], registry=registry
        )
        self._model = Gauge("fraud_model", "1 for each model in force, by role", ["role", "version"], registry=registry)
        self._missing = Gauge(
            "fraud_model_missing",
            "1 where a model store is set and has no champion that can be used, so that rules decide alone, else 0",
            registry=registry,
        )
        self._refused = Gauge(
            "fraud_model_refused",
            "1 where the last look at the model store did not take what it names: a version is refused, the champion's name has "
            "gone, or the store does not answer",
            registry=registry,
        )
        began = Gauge("fraud_start_time_seconds", "When the detector started, in seconds since 1970", registry=registry)
        began.set_to_current_time()
        self._executors = Gauge(
            "fraud_executor_model",
            "1 for each executor and the champion by which it scored in the last batch",
            ["executor", "version"],
            registry=registry,
        )
        self._garbage = Gauge(
            "fraud_gc_seconds",
            "Time that the Java process of an executor has spent on garbage collection since its start",
            ["executor"],
            registry=registry,
        )
        self._slots_needed = Gauge(
            "fraud_slots_needed", "Task slots that the topics of now need in real-time mode, else 0", registry=registry
        )
        self._slots_had = Gauge("fraud_slots_had", "Task slots that Spark has, in real-time mode, else 0", registry=registry)
        since = Gauge("fraud_seconds_since_progress", "Time since Spark last reported progress", registry=registry)
        since.set_function(lambda: time.monotonic() - self._last)
        self.health = Health(lambda: time.monotonic() - self._last)

    def models(self, served: Mapping[str, str | None]) -> None:
        """Says which version plays which role from now on: champion and challenger, None where there is none."""
        self._missing.set(served["champion"] is None)
        self._model.clear()
        for role, version in served.items():
            if version is not None:
                self._model.labels(role, version).set(1)

    def lost(self, records: Mapping[str, int]) -> None:
        """Counts records that were deleted before they were read, by topic."""
        for topic, number in records.items():
            self._lost.labels(topic).inc(number)

    def refused(self, is_refused: bool) -> None:
        """Says whether the last look at the model store did not take what the store names."""
        self._refused.set(is_refused)

    def slots(self, needed: int, had: int) -> None:
        """Says how many task slots the next batch in real-time mode needs, and how many there are."""
        self._slots_needed.set(needed)
        self._slots_had.set(had)

    def garbage(self, taken: Mapping[str, float]) -> None:
        """Says how many seconds garbage collection has taken since the start, by executor."""
        self._garbage.clear()
        for executor, seconds in taken.items():
            self._garbage.labels(executor).set(seconds)

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802, ARG002 Spark's name
        """Begins to count the time since the last progress."""
        self._last = time.monotonic()

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802, ARG002
        """Nothing to read is progress too."""
        self._last = time.monotonic()
        self._executors.clear()
        self._lag_rows.set(0)
        self._lag_seconds.set(0)

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """Nothing is counted then; Spark asks for the method."""

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        """Adds one batch to the counts."""
        self._last = time.monotonic()
        progress = event.progress
        self._duration.observe(progress.batchDuration / 1000)
        for phase, milliseconds in progress.durationMs.items():
            self._phases.labels(phase).set(milliseconds / 1000)
        for group, step in zip(STEPS, progress.stateOperators, strict=False):  # a plan without history has none
            self._state_rows.labels(group).set(step.numRowsTotal)
            self._state_bytes.labels(group, "memory").set(step.memoryUsedBytes)
            self._state_bytes.labels(group, "disk").set(step.customMetrics.get(ON_DISK, 0))
        behind = sum(records_behind(source) for source in progress.sources)
        self._lag_rows.set(behind)
        passed_over = progress.observedMetrics.get(mapping.OBSERVATION)
        if passed_over is not None:
            self._passed_over.inc(passed_over["passed_over"])
        found = progress.observedMetrics.get(OBSERVATION)
        if found is not None:
            self._count(found.asDict(), behind)

    def _count(self, counts: dict[str, Any], behind: int) -> None:
        newest = counts.pop("newest")
        self._mixed.inc(counts["mixed_currencies"])
        for group in PAYMENTS:
            self._largest.labels(group).set(counts[f"largest_{group}"] or 0)
        if newest is not None:
            age = (datetime.now(UTC) - newest.astimezone(UTC)).total_seconds()
            self._lag_seconds.set(max(age, 0.0) if behind else 0.0)
        self._held_back.inc(counts["held_back"])
        self._executors.clear()
        for scored_by in counts["scored_by"]:
            self._executors.labels(*scored_by.split(" ", 1)).set(1)
        for role in UNSCORED:
            self._unscored.labels(role).inc(counts[f"unscored_{role}"])
        for kind in KIND_NAMES:
            self._rows.labels(kind).inc(counts[f"kind_{kind}"])
        for decision in DECISIONS:
            self._decisions.labels(decision).inc(counts[f"decision_{decision}"])
        self._alerts.inc(counts["decision_review"] + counts["decision_decline"])
        for code in REASON_CODES:
            self._rejected.labels(code).inc(counts[f"reason_{code}"])
        for name in OPTIONAL:
            self._unreadable.labels(name).inc(counts[f"note_{name}"])
        self._challenged.inc(counts["challenged"])
        self._difference.inc(counts["challenger_difference"])
        self._unknown.inc(counts["unknown"])
        for name in (one for one in counts if one.startswith(FAILED_RULE)):
            self._failed_rules.labels(name.removeprefix(FAILED_RULE)).inc(counts[name])


def records_behind(source: Any) -> int:
    """Returns how many records a source has not read, as the kernel's source tells (Unread.java).

    It tells nothing where Spark has not asked for the newest offsets, as in a batch that a restart repeats: then 0.
    """
    return int((source.metrics or {}).get("recordsBehind", 0))
