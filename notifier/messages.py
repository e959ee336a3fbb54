"""A message, and how people read it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from notifier.notices import Notice, amount_text

Kind = Literal["alert", "update", "digest", "test"]
MOST_SHOWN = 20
"""Alerts that a text lists one by one."""
MOST_CURRENCIES = 3
TOKEN_SHOWN = 12
"""Characters of a token in a subject: enough to tell cards apart."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent at once. At every try it is the same, byte for byte."""

    id: str
    """The alert_id of its first alert, which no other message of the channel has."""
    thread: str
    """The id of the message that it continues: an update of the first message about the card, else its own."""
    kind: Kind
    since: float
    """When it was made, in seconds since 1970."""
    notices: tuple[Notice, ...]

    @property
    def made_at(self) -> datetime:
        """When it was made, UTC."""
        return datetime.fromtimestamp(self.since, UTC)


def subject(message: Message) -> str:
    """Returns the one line that says what it is about."""
    if message.kind == "test":
        return "Test of the fraud notifier: no alert"
    first, count = message.notices[0], len(message.notices)
    card = f"card {_short(first.card)}"
    if message.kind == "digest":
        return f"Fraud: {_many(count)} of {len({one.card for one in message.notices})} cards, {_money(message)}"
    if message.kind == "update":
        return f"Fraud: {_many(count)} more, {card}, {_money(message)}"
    if count > 1:
        return f"Fraud: {_many(count)}, {card}, {_money(message)}"
    return f"Fraud: {first.decision} of {first.amount} {first.currency}, {card}"


def body(message: Message) -> str:
    """Returns the text: a paragraph for each alert, of at most 20; the others are counted."""
    if message.kind == "test":
        return "Somebody asked for this message, to see that the channel works. It is about no payment.\n"
    parts = [*map(_paragraph, message.notices[:MOST_SHOWN])]
    if (left := len(message.notices) - MOST_SHOWN) > 0:
        parts.append(f"And {_many(left)} more, which the topic of alerts has.\n")
    if len(message.notices) > 1:
        parts.insert(0, "\n".join(_summary(message)) + "\n")
    return "\n".join(parts)


def _summary(message: Message) -> Iterator[str]:
    decisions = Counter(one.decision for one in message.notices)
    rules = Counter(rule for one in message.notices for rule in one.rules)
    yield f"{_many(len(message.notices))}: {', '.join(f'{count} {name}' for name, count in decisions.most_common())}."
    yield f"Amounts: {_money(message)}."
    if rules:
        yield f"Rules: {', '.join(f'{name} ({count})' for name, count in rules.most_common(MOST_SHOWN))}."


def _paragraph(one: Notice) -> str:
    lines = {
        "Decision": f"{one.decision}, {one.amount} {one.currency} at {one.merchant}, {one.time}",
        "Score": "none" if one.score is None else f"{one.score:.3f}",
        "Why": "; ".join(one.reasons) or "-",
        "Rules": ", ".join(one.rules) or "-",
        "Card": one.card,
        "Transaction": one.transaction_id,
        "Alert": one.alert_id,
    }
    return "".join(f"{name + ':':13}{value}\n" for name, value in lines.items())


def _money(message: Message) -> str:
    """Returns the sum of each currency, that of most alerts first."""
    currencies = Counter(one.currency for one in message.notices)
    shown = [
        f"{amount_text(sum((Decimal(one.amount) for one in message.notices if one.currency == currency), Decimal(0)))} {currency}"
        for currency, _ in currencies.most_common(MOST_CURRENCIES)
    ]
    return ", ".join(shown) + (" and others" if len(currencies) > MOST_CURRENCIES else "")


def _many(count: int) -> str:
    return f"{count:,} alert{'' if count == 1 else 's'}"


def _short(card: str) -> str:
    return card if len(card) <= TOKEN_SHOWN + 3 else f"{card[:TOKEN_SHOWN]}..."
