"""The stream of payments: normal traffic, hacker traffic, or both in one order of time."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from producer.campaigns import CAMPAIGNS, hacker_traffic
from producer.handbook import EXACT, FRAUD_RATE, Thinning
from producer.payments import Event, ProfileChange, normal_traffic
from producer.people import Population

Kind = Literal["normal", "hacker", "all"]
BaseRate = Literal["0.015", "0.1", "0.25", "0.84"]
"""Share of fraud in percent: Europe's cards by count, a large processor's, the Handbook's real data, its simulation."""

PAYMENTS_A_DAY = 1_754_155 / 183
"""Of the Handbook's world."""


@dataclass(frozen=True)
class Traffic:
    """What `events` are asked for."""

    population: Population
    start: datetime
    """Midnight, UTC, of the world's first day."""
    kind: Kind = "normal"
    base_rate: BaseRate = "0.84"
    seed: int = 0
    prefix: str = ""
    """Put before each transaction_id."""
    days: int | None = None
    """None never ends."""
    campaigns: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(CAMPAIGNS, 1.0))
    """Relative share of frauds of each attack."""

    def events(self) -> Iterator[Event]:
        """Returns the payments alone of `arrivals`."""
        return (one for one in self.arrivals() if isinstance(one, Event))

    def arrivals(self) -> Iterator[Event | ProfileChange]:
        """Returns the payments, and the profiles that change, in order of time; the same question gives the same answer.

        `base_rate` is the share of fraud of the whole: where both kinds are asked for, each brings half of it.
        """
        share = {"normal": (1.0, 0.0), "hacker": (0.0, 1.0), "all": (0.5, 0.5)}[self.kind]
        streams: list[Iterator[Event | ProfileChange]] = []
        if self.kind != "hacker":
            streams.append(normal_traffic(self.population, self.start, self._thinning(share[0]), self.seed, self.prefix, self.days))
        if self.kind != "normal":
            frauds = share[1] * self._rate() * PAYMENTS_A_DAY
            streams.append(hacker_traffic(self.population, self.start, frauds, self.campaigns, self.seed, self.prefix, self.days))
        return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=_time)

    def _rate(self) -> float:
        return FRAUD_RATE if self.base_rate == "0.84" else float(self.base_rate) / 100

    def _thinning(self, share: float) -> Thinning:
        kept = share * self._rate() / FRAUD_RATE
        return EXACT if kept == 1 else Thinning(kept, self.seed)


def _time(one: Event | ProfileChange) -> tuple[datetime, bool]:
    return one.time, isinstance(one, Event)  # at one instant, profiles come first
