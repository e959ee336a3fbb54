"""Valid records, as hypothesis strategies; one plain transaction, and what a detector would say of it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from contract import Alert, Contribution, Header, Scored, Transaction

AT = datetime(2018, 4, 1, 12, 30, 15, 250_000, tzinfo=UTC)

# What the wire form admits as text: anything but what looks like a list or an object.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(lambda text: text[0] not in "[{")
SCALARS: dict[Any, st.SearchStrategy] = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(-(10**17), 10**17),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: st.decimals(0, Decimal("9999999999.99"), places=2, allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(datetime(1000, 1, 2), datetime(2999, 12, 30), timezones=st.just(UTC)),
    date: st.dates(date(1000, 1, 1), date(2999, 12, 31)),
    bytes: st.binary(max_size=50),
}


def a(hint: Any) -> st.SearchStrategy:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return a(parts[0])
    if origin is Literal:
        return st.sampled_from(parts)
    if NoneType in parts:
        return st.none() | a(next(part for part in parts if part is not NoneType))
    if origin is tuple:
        return st.lists(a(parts[0]), max_size=3).map(tuple)
    if hint in SCALARS:
        return SCALARS[hint]
    if hint in (Contribution, Header, Transaction):
        return record(hint)
    return st.dictionaries(TEXT, SCALARS[float], max_size=4)


def record(kind: type) -> st.SearchStrategy:
    return st.builds(kind, **{name: a(hint) for name, hint in get_type_hints(kind, include_extras=True).items()})


def transaction(**changes: Any) -> Transaction:
    fields = {
        "transaction_id": "t1",
        "event_time": AT,
        "card_id": "card-1",
        "customer_id": "C00001",
        "terminal_id": "T00001",
        "merchant_id": "M00001",
        "merchant_category": "5411",
        "amount": Decimal("12.50"),
        "currency": "EUR",
        "channel": "pos",
        "country": "FR",
        "response_code": "approved",
        "latitude": 48.85,
        "longitude": 2.35,
    }
    return Transaction(**(fields | changes))


def scored(paid: Transaction) -> Scored:
    return Scored(transaction=paid, features={}, decision="review", rules=("over",), ruleset_version="v")


def alert(paid: Transaction, **changes: Any) -> Alert:
    fields = {
        "alert_id": f"alert-{paid.transaction_id}",
        "transaction_id": paid.transaction_id,
        "user_id": paid.customer_id,
        "timestamp": paid.event_time,
        "decision": "review",
        "reasons": ("Over 10",),
        "rules": ("over",),
        "card_id": paid.card_id,
        "amount": paid.amount,
        "currency": paid.currency,
        "merchant": paid.merchant_id,
        "ruleset_version": "v",
    }
    return Alert(**(fields | changes))
