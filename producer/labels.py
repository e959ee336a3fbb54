"""The truth, late: each payment gets a label when it could have become known."""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from contract import Label
from producer.payments import Event

Distribution = Literal["fixed", "lognormal"]
SIGMA = 0.6
"""Spread of the log-normal delay: one in forty takes more than three times the median. A choice; no bank publishes its own."""
AT_MOST = 1_000_000
"""Labels that wait at once. Live traffic much faster than the Handbook's has more: then those of genuine payments are left out."""


@dataclass
class Labeller:
    """Turns events into labels. `delay` is the fixed delay, or the log-normal one's median."""

    delay: timedelta
    distribution: Distribution = "fixed"
    never_reported: float = 0.0
    """Share of frauds that nobody reports: they get no label at all."""
    seed: int = 0
    left_out: int = 0
    """Genuine labels that found no room."""
    _waiting: list[tuple[datetime, int, Label]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self._draws = np.random.default_rng((self.seed, 13))

    def label(self, event: Event) -> Label | None:
        """Returns the event's label, None for a fraud that is never reported."""
        if event.is_fraud and self.never_reported and self._draws.random() < self.never_reported:
            return None
        paid = event.transaction
        return Label(
            transaction_id=paid.transaction_id,
            card_id=paid.card_id,
            terminal_id=paid.terminal_id,
            event_time=paid.event_time,
            labelled_at=event.time + self._delay(),
            is_fraud=event.is_fraud,
            scenario=event.scenario,
            campaign_id=event.campaign_id,
        )

    def add(self, event: Event) -> None:
        """Keeps the event until its label is due."""
        if len(self._waiting) >= AT_MOST and not event.is_fraud:
            self.left_out += 1
            return
        if (label := self.label(event)) is not None:
            heapq.heappush(self._waiting, (label.labelled_at, self._count, label))
            self._count += 1

    def due(self, now: datetime) -> Iterator[Label]:
        """Returns the labels that are known by `now`, oldest first, each once."""
        while self._waiting and self._waiting[0][0] <= now:
            yield heapq.heappop(self._waiting)[2]

    def _delay(self) -> timedelta:
        if self.distribution == "fixed":
            return self.delay
        return self.delay * math.exp(SIGMA * self._draws.standard_normal())
