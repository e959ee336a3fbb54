"""Alerts and outboxes for the notifier's tests."""

from typing import Any

from contract import Alert
from notifier.messages import Message
from notifier.notices import notice
from notifier.outbox import Arrival, Outbox
from tests.records import alert, transaction

NOW = 1_800_000_000.0
CHANNEL = "desk"
GROUP_S, PER_MINUTE = 300.0, 10


def warned(number: int, card: str = "card-1", **changes: Any) -> Alert:
    """Returns an alert."""
    return alert(transaction(transaction_id=f"t{number:05}", card_id=card), **{"alert_id": f"a{number:05}"} | changes)


def add(outbox: Outbox, now: float, *alerts: Alert, channel: str = CHANNEL) -> None:
    outbox.add([Arrival(channel, notice(one), now) for one in alerts], now)


def sent(
    outbox: Outbox, now: float, *, group_s: float = GROUP_S, per_minute: int = PER_MINUTE, channel: str = CHANNEL
) -> list[Message]:
    """Returns the messages that a worker would have delivered by now."""
    outbox.plan(channel, now, group_s=group_s, per_minute=per_minute)
    found = []
    while claimed := outbox.claim(channel, now, lease_s=30):
        outbox.delivered(channel, claimed.message.id)
        found.append(claimed.message)
    return found


def ids(message: Message) -> list[str]:
    return [one.alert_id for one in message.notices]
