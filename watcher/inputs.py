"""How far the detector is behind its inputs, by what Kafka says alone: where a topic ends, and which records have results."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from watcher.records import Place

LOOK_AFTER_S = 3.0
"""A gap that stays this long is looked into: an end may lie behind records that nobody is to read."""


@dataclass
class _Input:
    """One partition."""

    end: int
    handled: int
    """Every record before this has its result. A guess until the first result: that all had one when the watcher began."""
    guessed: bool = True
    waits_since: float | None = None
    """Since when there has been a record without a result, and no result at all; None where each record has one."""
    looked_at: int | None = None
    """`handled` when the gap was looked into."""


class Inputs:
    """Partitions of topics of payments."""

    def __init__(self, filtered: Collection[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._filtered, self._clock = filtered, clock
        self._inputs: dict[Place, _Input] = {}

    def ended(self, ends: Mapping[Place, int], new: Collection[Place] = ()) -> Counter[str]:
        """Takes the ends of partitions, and returns the records that came since the last time, by topic.

        Of a partition that is seen for the first time none came, unless it is `new`.
        """
        came: Counter[str] = Counter()
        for place, end in ends.items():
            one = self._inputs.get(place)
            if one is None:
                begin = 0 if place in new else end
                one = self._inputs[place] = _Input(begin, begin)
            came[place.topic] += end - one.end if end >= one.end else end  # less: the topic was made anew
            one.end = end
            one.handled = min(one.handled, end)
            self._judge(one, fresh=False)
        return came

    def handled(self, place: Place, offset: int) -> None:
        """Takes a result of the record at this offset."""
        one = self._inputs.get(place)
        if one is not None:
            one.handled = offset + 1 if one.guessed else max(one.handled, offset + 1)
            one.guessed = False
            self._judge(one, fresh=True)

    def gaps(self) -> dict[Place, int]:
        """Returns the partitions whose gap is to be looked into, each with the offset at which it begins."""
        before = self._clock() - LOOK_AFTER_S
        return {
            place: one.handled
            for place, one in self._inputs.items()
            if self._counts(place) and one.waits_since is not None and one.waits_since <= before and one.looked_at != one.handled
        }

    def looked(self, place: Place, first: int) -> None:
        """Takes the offset of the first record in a gap, or of the end where the gap holds none."""
        one = self._inputs[place]
        one.handled = one.looked_at = max(one.handled, first)
        self._judge(one, fresh=False)

    def waits_since(self) -> float | None:
        """Returns since when the first partition has waited, by the clock; None where none waits."""
        waiting = (one.waits_since for place, one in self._inputs.items() if self._counts(place))
        return min((since for since in waiting if since is not None), default=None)

    def _counts(self, place: Place) -> bool:
        return place.topic not in self._filtered

    def _judge(self, one: _Input, *, fresh: bool) -> None:
        if one.end <= one.handled:
            one.waits_since = None
        elif fresh or one.waits_since is None:
            one.waits_since = self._clock()
