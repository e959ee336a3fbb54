"""The notifier's Prometheus metrics. docs/reference/metrics.md explains each."""

from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from notifier.outbox import Count

LATENCIES = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 86_400)
"""Seconds: from what a webhook takes to what the last try of a message does."""
Outcome = Literal["delivered", "failed", "dead"]


class NotifierMetrics:
    """What is told of alerts and channels. Its methods may be called by any thread."""

    def __init__(self, registry: CollectorRegistry, channels: list[str]) -> None:
        self._registry = registry
        self._alerts = Counter("fraud_notify_alerts", "Alerts that were read, repeats included", registry=registry)
        self._unreadable = Counter(
            "fraud_notify_unreadable", "Records on the topic of alerts that are not the detector's", registry=registry
        )
        self._unrouted = Counter("fraud_notify_unrouted", "Alerts that no route takes", registry=registry)
        self._tries = Counter(
            "fraud_notify_tries",
            "Tries of messages: delivered, failed, or dead, the last that is made",
            ["channel", "outcome"],
            registry=registry,
        )
        self._latency = Histogram(
            "fraud_notify_latency_seconds",
            "Time from Kafka's timestamp of an alert to the delivery of the first message about its card",
            ["channel"],
            buckets=LATENCIES,
            registry=registry,
        )
        self._waiting = self._gauge("waiting_messages", "Messages that wait for their first or next try")
        self._dead = self._gauge("dead_messages", "Messages that were given up, until somebody asks for them")
        self._oldest = self._gauge(
            "oldest_waiting_seconds", "0 where every alert is delivered or dead; else for how long the oldest waits"
        )
        self._gone = self._gauge("gone", "1 where the receiver has said that it takes nothing any more, else 0")
        for name in channels:
            self._latency.labels(name)
            for outcome in ("delivered", "failed", "dead"):
                self._tries.labels(name, outcome)

    def up_to_date(self, value: Callable[[], bool]) -> None:
        """Adds the gauge that tells whether the last read reached the outbox, asked whenever somebody looks."""
        gauge = Gauge(
            "fraud_notify_outbox_reachable", "1 where the outbox has taken what was read last, else 0", registry=self._registry
        )
        gauge.set_function(value)

    def read(self, alerts: int, unreadable: int, unrouted: int) -> None:
        """Counts what one read found."""
        self._alerts.inc(alerts)
        self._unreadable.inc(unreadable)
        self._unrouted.inc(unrouted)

    def tried(self, channel: str, outcome: Outcome) -> None:
        """Counts a try."""
        self._tries.labels(channel, outcome).inc()

    def took(self, channel: str, seconds: float) -> None:
        """Counts how long an alert took."""
        self._latency.labels(channel).observe(max(seconds, 0.0))

    def has(self, channel: str, count: Count, now: float) -> None:
        """Tells what a channel has in the outbox."""
        self._waiting.labels(channel).set(count.waiting)
        self._dead.labels(channel).set(count.dead)
        self._oldest.labels(channel).set(0.0 if count.oldest is None else max(now - count.oldest, 0.0))
        self._gone.labels(channel).set(count.gone is not None)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"fraud_notify_{name}", meaning, ["channel"], registry=self._registry)
