"""The features' rule (docs/reference/features.md) word by word: each window is a look at all that is remembered, in plain Python.

Slow, and right for events in any order of arrival, repeated, late or false. `harness.oracle` is for large data sets in order.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from contract import Customer, Label, Merchant, Transaction

SPANS = {"10m": timedelta(minutes=10), "1h": timedelta(hours=1)} | {f"{days}d": timedelta(days=days) for days in (1, 7, 14, 28, 30)}
MATURITY, KEPT, SECOND, DAY = timedelta(days=7), timedelta(days=38), timedelta(seconds=1), timedelta(days=1)
SOURCES = ("synthetic", "analyst", "customer", "issuer", "chargeback")
EARTH_KM = 6371.0

Record = Transaction | Label | Customer | Merchant
Features = dict[str, float | None]


@dataclass(frozen=True)
class Deleted:
    """A profile's end; `kind` is Customer or Merchant, `key` its card or terminal."""

    kind: type
    key: str


@dataclass
class Payment:
    """What is remembered of one payment."""

    paid: Transaction
    label: Label | None = None

    @property
    def order(self) -> tuple[datetime, bytes]:
        """Its place among the payments of its key."""
        return self.paid.event_time, self.paid.transaction_id.encode()


@dataclass
class Key:
    """What is remembered of a card or a terminal."""

    payments: list[Payment] = field(default_factory=list)
    newest: datetime | None = None
    profile: Any = None

    def remembered(self) -> list[Payment]:
        """Returns its payments that are not forgotten."""
        return [one for one in self.payments if self.newest is None or one.paid.event_time > self.newest - KEPT]


class Rule:
    """The history of all cards and terminals. `arrives` takes the records in the order of their arrival."""

    def __init__(self) -> None:
        self._cards: dict[str, Key] = defaultdict(Key)
        self._terminals: dict[str, Key] = defaultdict(Key)

    def arrives(self, record: Record | Deleted) -> Features | None:
        """Returns the features of a transaction, None for absent ones and all of a refund's; None for other records."""
        match record:
            case Transaction(transaction_type="refund" | "reversal"):
                return {}
            case Transaction():
                terminal, card = self._terminals[record.terminal_id], self._cards[record.card_id]
                at_terminal, of_card = _paid(terminal, record), _paid(card, record)
                return dict(_all(Window(terminal, at_terminal), Window(card, of_card), record, terminal.profile, card.profile))
            case Label():
                for key in (self._terminals[record.terminal_id], self._cards[record.card_id]):
                    _labelled(key, record)
            case Customer():
                _described(self._cards[record.card_id], record)
            case Merchant():
                _described(self._terminals[record.terminal_id], record)
            case Deleted():
                (self._cards if record.kind is Customer else self._terminals)[record.key].profile = None
        return None


def _paid(key: Key, paid: Transaction) -> Payment:
    key.newest = paid.event_time if key.newest is None else max(key.newest, paid.event_time)
    new = Payment(paid)
    repeated = [one for one in key.remembered() if one.order == new.order]
    if not repeated and paid.event_time > key.newest - KEPT:
        key.payments.append(new)
    return repeated[0] if repeated else new


def _labelled(key: Key, label: Label) -> None:
    def away(one: Payment) -> timedelta:
        return abs(one.paid.event_time - label.event_time)

    meant = [one for one in key.remembered() if one.paid.transaction_id == label.transaction_id and away(one) <= SECOND]
    if meant:
        payment = min(meant, key=lambda one: (away(one), one.order))
        if payment.label is None or _weight(label) > _weight(payment.label):
            payment.label = label


def _weight(label: Label) -> tuple[datetime, int]:
    return label.labelled_at, 0 if label.source is None else 1 + SOURCES.index(label.source)


def _described(key: Key, profile: Customer | Merchant) -> None:
    if key.profile is None or profile.updated_at >= key.profile.updated_at:
        key.profile = profile


class Window:
    """What one payment sees of a key."""

    def __init__(self, key: Key, own: Payment) -> None:
        self.own = own
        self._all = sorted(key.remembered(), key=lambda one: one.order)

    def past(self, span: timedelta, delay: timedelta = timedelta(0)) -> list[Payment]:
        """Returns the payments in the window without this one, the oldest first."""
        end = self.own.paid.event_time - delay
        old = (one for one in self._all if end - span < one.paid.event_time <= end)
        return [one for one in old if delay or one.order < self.own.order]

    def all(self, span: timedelta) -> list[Payment]:
        """Returns those and this one."""
        return [*self.past(span), self.own]


def _all(
    terminal: Window, card: Window, own: Transaction, owner: Merchant | None, holder: Customer | None
) -> Iterator[tuple[str, float | None]]:
    yield from _of_terminal(terminal)
    yield from _of_card(card)
    yield from _of_row(terminal, card, own, owner, holder)


def _of_terminal(seen: Window) -> Iterator[tuple[str, float | None]]:
    for name in ("10m", "1h", "1d"):
        yield f"terminal_count_{name}", len(seen.all(SPANS[name]))
        yield f"terminal_unique_count_card_id_{name}", len({one.paid.card_id for one in seen.all(SPANS[name])})
    for name in ("10m", "1h"):
        yield f"terminal_declined_count_{name}", _declined(seen.all(SPANS[name]))
    for name in ("1d", "7d", "14d", "28d", "30d"):
        matured = seen.past(SPANS[name], MATURITY)
        yield f"terminal_count_{name}_delay_7d", len(matured)
        yield f"terminal_fraud_count_{name}_delay_7d", len(_known(matured, True))
    for name in ("1h", "1d", "30d"):
        yield f"terminal_average_amount_{name}", _mean(one.paid.amount for one in seen.all(SPANS[name]))
    for name, is_fraud in (("fraud", True), ("genuine", False)):
        last = _known(seen.past(SPANS["30d"], MATURITY), is_fraud)[-1:]
        yield f"terminal_{name}_seconds_since_last_30d_delay_7d", _since(seen.own, last)


def _of_card(seen: Window) -> Iterator[tuple[str, float | None]]:
    for name in ("10m", "1h", "1d", "7d", "30d"):
        yield f"card_count_{name}", len(seen.all(SPANS[name]))
    for name in ("1h", "1d"):
        within = seen.all(SPANS[name])
        yield f"card_sum_amount_{name}", float(sum(_charged(one.paid) for one in within))
        yield f"card_declined_count_{name}", _declined(within)
        yield f"card_unique_count_terminal_id_{name}", len({one.paid.terminal_id for one in within})
    for name in ("1d", "7d", "30d"):
        yield f"card_average_amount_{name}", _mean(_charged(one.paid) for one in seen.all(SPANS[name]))
    month = seen.all(SPANS["30d"])
    yield "card_max_amount_30d", float(max(_charged(one.paid) for one in month))
    yield "card_fraud_count_30d_delay_7d", len(_known(seen.past(SPANS["30d"], MATURITY), True))
    yield "card_seconds_since_last_30d", _since(seen.own, month[:-1][-1:])
    for name in ("device_id", "terminal_id"):
        own = getattr(seen.own.paid, name)
        same = sum(getattr(one.paid, name) == own for one in month)
        yield f"card_count_same_{name}_30d", None if own is None else same


def _of_row(
    terminal: Window, card: Window, own: Transaction, owner: Merchant | None, holder: Customer | None
) -> Iterator[tuple[str, float | None]]:
    yield "is_weekend", own.event_time.weekday() >= 5
    yield "is_night", own.event_time.hour <= 6
    for name in ("1d", "7d", "14d", "28d", "30d"):
        matured = terminal.past(SPANS[name], MATURITY)
        yield f"terminal_risk_{name}", len(_known(matured, True)) / len(matured) if matured else 0
    charged = Fraction(_charged(own))
    for name in ("7d", "30d"):
        past = [Fraction(_charged(one.paid)) for one in card.past(SPANS[name])]
        yield f"amount_to_past_mean_{name}", float(charged * len(past) / sum(past)) if sum(past) else None
        amounts = [Fraction(_charged(one.paid)) for one in card.all(SPANS[name])]
        mean = sum(amounts) / len(amounts)
        spread = math.sqrt(sum((one - mean) ** 2 for one in amounts) / len(amounts))
        yield f"amount_z_score_{name}", float(charged - mean) / spread if spread else None
    usual = _mean(one.paid.amount for one in terminal.all(SPANS["30d"]))
    yield "amount_to_terminal_mean_30d", float(own.amount) / usual if usual else None
    located = [one for one in card.past(SPANS["30d"]) if one.paid.latitude is not None][-1:]
    here = (own.latitude, own.longitude)
    hours = (_since(Payment(own), located) or 0) / 3600
    yield "speed_kmh", _kilometres((located[0].paid.latitude, located[0].paid.longitude), here, 1 / hours) if hours else None
    yield "home_distance_km", _kilometres((holder.home_latitude, holder.home_longitude), here, 1) if holder else None
    yield "account_age_days", _days(holder.signup_date if holder else None, own)
    yield "terminal_age_days", _days(owner.onboarding_date if owner else None, own)
    yield "is_vpn", own.vpn


def _charged(paid: Transaction) -> Decimal:
    return paid.amount if paid.billing_amount is None else paid.billing_amount


def _declined(payments: Sequence[Payment]) -> int:
    return sum(one.paid.response_code != "approved" for one in payments)


def _known(payments: Sequence[Payment], is_fraud: bool) -> list[Payment]:
    return [one for one in payments if one.label is not None and one.label.is_fraud is is_fraud]


def _mean(amounts: Iterable[Decimal]) -> float:
    all_of = [Fraction(one) for one in amounts]
    return float(sum(all_of) / len(all_of))


def _since(own: Payment, last: Sequence[Payment]) -> float | None:
    return (own.paid.event_time - last[0].paid.event_time) / SECOND if last else None


def _days(begin: date | None, own: Transaction) -> float | None:
    return None if begin is None else (own.event_time.date() - begin).days


def _kilometres(there: tuple[float | None, float | None], here: tuple[float | None, float | None], factor: float) -> float | None:
    if None in there or None in here:
        return None
    (a, b), (c, d) = (tuple(map(math.radians, one)) for one in (there, here))  # type: ignore[arg-type]
    chord = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1, math.sqrt(chord))) * factor


def batch_order(records: Iterable[Record]) -> list[Record]:
    """Returns the records in the order of their arrival where all are there at once."""
    return sorted(records, key=_due)


def _due(record: Record) -> tuple[datetime, int, str]:
    match record:
        case Customer() | Merchant():
            return record.updated_at, 0, ""
        case Transaction():
            return record.event_time, 2, record.transaction_id
        case Label() if record.labelled_at > record.event_time:
            return record.labelled_at, 1, record.transaction_id
    return record.event_time, 3, record.transaction_id
