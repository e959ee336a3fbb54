"""Valid records, as hypothesis strategies; one plain transaction, and what a detector would say of it."""

from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from hypothesis import strategies as st

from contract import Alert, Scored, Transaction
from contract.card_numbers import is_card_number
from contract.currencies import CURRENCIES
from contract.fields import (
    Amount,
    CurrencyCode,
    Degrees,
    Identifier,
    ListOf,
    MapOf,
    Nested,
    OneOf,
    RecordField,
    Shape,
    fields_of,
)
from contract.scalars import PRECISION, SCALE, Scalar

AT = datetime(2018, 4, 1, 12, 30, 15, 250_000, tzinfo=UTC)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda text: bool(text.strip(" ")) and not is_card_number(text, any_network=True)
)
"""Of a card, a terminal and so on."""
THOUSANDTHS = st.integers(0, 10**PRECISION - 1)
SCALARS: dict[Any, st.SearchStrategy] = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(-(10**17), 10**17),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: THOUSANDTHS.map(lambda number: Decimal(number).scaleb(-SCALE)),
    datetime: st.datetimes(datetime(1000, 1, 2), datetime(2999, 12, 30), timezones=st.just(UTC)),
    date: st.dates(date(1000, 1, 1), date(2999, 12, 31)),
    bytes: st.binary(max_size=50),
}


def record(kind: type) -> st.SearchStrategy:
    """Returns records of a class that its codec reads."""
    fields = {one.name: _value(one) if one.required else st.none() | _value(one) for one in fields_of(kind)}
    return st.fixed_dictionaries(fields).map(lambda found: kind(**_in_their_currencies(kind, found)))


def _value(field: RecordField) -> st.SearchStrategy:
    match field.limit:
        case Identifier():
            return NAME
        case Degrees(most):
            return st.floats(-most, most)
        case CurrencyCode():
            return st.sampled_from(sorted(CURRENCIES))
        case _:
            return _of(field.shape)


def _of(shape: Shape) -> st.SearchStrategy:
    match shape:
        case Scalar():
            return SCALARS[shape.python]
        case OneOf():
            return st.sampled_from(shape.allowed)
        case ListOf():
            return st.lists(_of(shape.item), max_size=3).map(tuple)
        case MapOf():
            return st.dictionaries(TEXT, _of(shape.value), max_size=4)
        case Nested():
            return record(shape.record)


def _in_their_currencies(kind: type, found: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of a record, each amount with the decimals of its currency; without one it is absent."""
    for one in fields_of(kind):
        if isinstance(one.limit, Amount) and found[one.name] is not None:
            currency = CURRENCIES.get(found[one.limit.currency])
            found[one.name] = currency and found[one.name].quantize(Decimal(1).scaleb(-currency.decimals), ROUND_DOWN)
    return found


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
