"""The watcher's Prometheus metrics. docs/reference/metrics.md explains each."""

from collections.abc import Callable, Iterable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from contract.records import Channel, Decision
from watcher.names import OTHER, Choice, Names
from watcher.tally import Tally

LATENCIES = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800),
)
"""Seconds: from what a real-time stream takes to what nobody waits for."""
SCORES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.99, 1)
"""Closer where most scores are: near 0."""
RULES, FEATURES, VERSIONS, REASONS = 200, 500, 50, 100
"""So many values a label may have; `other` stands for the rest."""


class WatchMetrics:
    """What is told of the topics; `add` is called for each read, gauges are asked when they are looked at."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._decision, self._channel = Choice(*get_args(Decision)), Choice(*get_args(Channel))
        self._rule, self._feature, self._reason = Names(RULES), Names(FEATURES), Names(REASONS)
        self._model, self._ruleset = Names(VERSIONS), Names(VERSIONS)
        self._seen: set[str] = set()
        self._scored_after = self._histogram(
            "scored_latency_seconds", "Time from Kafka's timestamp of a payment to that of its scored record", LATENCIES
        )
        self._alerted_after = self._histogram(
            "alert_latency_seconds", "Time from Kafka's timestamp of a payment to that of its alert", LATENCIES
        )
        self._scores = self._histogram("score", "Scores of the model", SCORES)
        self._in = self._counter("in_records", "Records that came to a topic of payments", "topic")
        self._out = self._counter("out_records", "Records that came to a topic that the detector writes", "topic")
        self._decisions = self._counter("decisions", "Scored records, by decision", "decision")
        self._by_channel = self._counter("channel_decisions", "Scored records, by channel and decision", "channel", "decision")
        self._by_model = self._counter("model_decisions", "Scored records, by model; none: rules alone", "model_version")
        self._by_ruleset = self._counter("ruleset_decisions", "Scored records, by ruleset", "ruleset_version")
        self._rules = self._counter("rule_hits", "Scored records in which a rule fired, by rule", "rule")
        self._absent = self._counter("absent_features", "Scored records that lack a feature, by feature", "feature")
        self._unscored = self._counter("unscored", "Scored records with a model version and no score")
        self._rejected = self._counter("rejected", "Dead letters, by reason code", "reason")
        self._unreadable = self._counter("unreadable", "Records on the detector's topics that are not the detector's")
        for decision in get_args(Decision):
            self._decisions.labels(decision)

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Adds a gauge that is asked whenever somebody looks."""
        Gauge(f"fraud_watch_{name}", meaning, registry=self._registry).set_function(value)

    def came(self, topic: str, records: int) -> None:
        """Counts records that came to a topic of payments."""
        self._in.labels(topic).inc(records)

    def add(self, tally: Tally) -> None:
        """Adds what one read found."""
        for topic, records in tally.records.items():
            self._out.labels(topic).inc(records)
        for one, records in tally.decided.items():
            decision, model = self._decision.of(one.decision), self._model.of(one.model)
            self._decisions.labels(decision).inc(records)
            self._by_channel.labels(self._channel.of(one.channel), decision).inc(records)
            self._by_model.labels(model).inc(records)
            self._by_ruleset.labels(self._ruleset.of(one.ruleset)).inc(records)
            if one.model is not None and not one.has_score:
                self._unscored.inc(records)
        for rule, records in tally.rules.items():
            self._rules.labels(self._rule.of(rule)).inc(records)
        for reason, records in tally.reasons.items():
            self._rejected.labels(self._reason.of(reason)).inc(records)
        self._unreadable.inc(tally.unreadable)
        self._features(tally)
        for histogram, values in (
            (self._scores, tally.scores),
            (self._scored_after, tally.scored_after),
            (self._alerted_after, tally.alerted_after),
        ):
            for value in values:
                histogram.observe(value)

    def know(self, features: Iterable[str]) -> None:
        """Takes note of features that there are: from then on it counts where they are absent."""
        known = {self._feature.of(one) for one in features} - {OTHER}
        for feature in known - self._seen:
            self._absent.labels(feature)
        self._seen |= known

    def _features(self, tally: Tally) -> None:
        self.know(tally.present)
        records = tally.decided.total()
        for feature in self._seen:
            self._absent.labels(feature).inc(records - tally.present[feature])

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"fraud_watch_{name}", meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"fraud_watch_{name}", meaning, buckets=buckets, registry=self._registry)
