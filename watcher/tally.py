"""What the records of one read add up to: to count in dicts and tell Prometheus once is a fraction of telling it each time."""

from collections import Counter
from typing import NamedTuple

from watcher.records import ScoredPart

MOST_S = 86_400.0
"""A latency counts as this at most: one payment with a nonsensical timestamp must not be all that a mean shows."""


class Decided(NamedTuple):
    """What is counted together of a scored record."""

    decision: str
    channel: str
    model: str | None
    ruleset: str
    has_score: bool


class Tally:
    """Counts of some records; texts are as they came."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        """Of all records, by topic."""
        self.unreadable = 0
        self.decided: Counter[Decided] = Counter()
        self.rules: Counter[str] = Counter()
        self.present: Counter[str] = Counter()
        """Of scored records, those in which a feature is there."""
        self.reasons: Counter[str] = Counter()
        self.scores: list[float] = []
        self.scored_after: list[float] = []
        """Seconds from payments to their scored records."""
        self.alerted_after: list[float] = []

    def scored(self, record: ScoredPart) -> None:
        """Counts a scored record."""
        score, model = record.fraud_score, record.model_version
        self.decided[Decided(record.decision, record.transaction.channel, model, record.ruleset_version, score is not None)] += 1
        self.rules.update(record.rules)
        self.present.update(record.features.keys())
        if score is not None:
            self.scores.append(score)

    def rejected(self, reasons: list[str]) -> None:
        """Counts a dead letter by the codes of its reasons, each once."""
        self.reasons.update({reason.partition(":")[0] for reason in reasons})


def latency(began_ms: int, ended_ms: int) -> float:
    """Returns the seconds between two of Kafka's timestamps, from 0 to MOST_S."""
    return min(max((ended_ms - began_ms) / 1000, 0.0), MOST_S)
