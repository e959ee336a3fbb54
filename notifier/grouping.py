"""Which alerts become one message: those of a card are gathered, and what is above a channel's cap is."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import NamedTuple

from notifier.messages import Kind

MOST_IN_ONE = 500
"""Alerts of one message: as a webhook they have some 200 KB, which receivers take."""


class Waiting(NamedTuple):
    """An alert that is in no message yet, and what was said of its card last."""

    place: int
    """Its place among all alerts of the outbox."""
    alert_id: str
    card: str
    arrived: float
    thread: str | None
    """The first message about the card, where there is one."""
    until: float | None
    """So long further alerts are gathered behind that message, in seconds since 1970."""

    @property
    def is_gathered(self) -> bool:
        """Whether it came while alerts of its card were gathered."""
        return self.until is not None and self.arrived <= self.until


@dataclass(frozen=True, slots=True)
class Planned:
    """A message to be made."""

    thread: str
    kind: Kind
    alerts: tuple[Waiting, ...]

    @property
    def id(self) -> str:
        """The alert_id of the first alert, which is in no other message of the channel."""
        return self.alerts[0].alert_id


def plan(waiting: Sequence[Waiting], budget: int, *, grouped: bool) -> list[Planned]:
    """Returns the messages that may go now, at most `budget`: the alerts' order is kept, and none is in two messages.

    `waiting` are alerts in their order, but those that are still gathered. Where more messages are due than the budget has, the
    last of them takes all the others as a digest of at most 500; what is above that waits for the next minute's budget.
    """
    due = list(_due(waiting, grouped=grouped))
    if len(due) <= budget:
        return due
    if budget < 1:
        return []
    rest = sorted(chain.from_iterable(one.alerts for one in due[budget - 1 :]), key=lambda one: one.place)[:MOST_IN_ONE]
    return [*due[: budget - 1], Planned(rest[0].alert_id, "digest", tuple(rest))]


def _due(waiting: Sequence[Waiting], *, grouped: bool) -> Iterator[Planned]:
    for alerts in _by_card(waiting) if grouped else ([one] for one in waiting):
        for first in range(0, len(alerts), MOST_IN_ONE):
            some = tuple(alerts[first : first + MOST_IN_ONE])
            if grouped and some[0].is_gathered and some[0].thread is not None:
                yield Planned(some[0].thread, "update", some)
            else:
                yield Planned(some[0].alert_id, "alert", some)


def _by_card(waiting: Iterable[Waiting]) -> list[list[Waiting]]:
    """Returns the alerts of each card, the card whose first alert is the oldest first."""
    by_card = groupby(sorted(waiting, key=lambda one: (one.card, one.place)), key=lambda one: one.card)
    return sorted((list(alerts) for _, alerts in by_card), key=lambda alerts: alerts[0].place)
