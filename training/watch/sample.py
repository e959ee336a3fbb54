"""What one model has done to some payments."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np


@dataclass
class Sample:
    """Payments of one model, and how many of other models came meanwhile."""

    rows: int = 0
    others: int = 0
    alerts: int = 0
    """Decided as anything but approve, by the model or by a rule."""
    declines: int = 0
    unscored: int = 0
    """The model was asked, and gave no number."""
    scores: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    """Seconds from a payment to its scored record, both by Kafka's time."""

    def add(self, record: Mapping[str, Any], model: str, seconds: float | None) -> None:
        """Counts a scored record, as JSON has it."""
        if record.get("model_version") != model:
            self.others += 1
            return
        score = record.get("fraud_score")
        self.rows += 1
        self.alerts += record.get("decision") != "approve"
        self.declines += record.get("decision") == "decline"
        if isinstance(score, int | float) and math.isfinite(score):
            self.scores.append(float(score))
        else:
            self.unscored += 1
        if seconds is not None:
            self.latencies.append(seconds)

    @classmethod
    def together(cls, samples: "Sequence[Sample]") -> Self:
        """Returns the payments of several samples."""
        found = cls()
        for one in samples:
            for name in ("rows", "others", "alerts", "declines", "unscored"):
                setattr(found, name, getattr(found, name) + getattr(one, name))
            found.scores += one.scores
            found.latencies += one.latencies
        return found

    def slower_than(self, seconds: float) -> int:
        """Returns how many payments took longer."""
        return int((np.array(self.latencies) > seconds).sum())
