"""JSON bytes to records. The form of one value is said in `contract.scalars`; the form of a record is known here.

Errors name the field and what is wrong with it, never its value: a value may hold a card number. The kernel's Decoder.java reads
alike; tests/spark/test_decode.py compares the two.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, TypeVar, assert_never

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
from contract.scalars import IDENTIFIER, SCALARS, Scalar, in_units

COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x82SNAPPY\0", b"\x78\x9c", b"\x78\xda")
"""How gzip, zstd, lz4, snappy and zlib begin."""
FRAME_BYTES = 5
"""What a schema registry's clients put before a value: a zero and the schema's number."""
_BLANKS = " \t\n\r\v\f"

Record = TypeVar("Record")


class ContractError(ValueError):
    """Bytes that are not a record of the asked kind. `reason` is a reason code such as `missing:amount`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Tolerance(NamedTuple):
    """What a reader lets pass that another refuses."""

    unknown_fields: bool = True
    card_numbers: bool = False
    """Identifiers that look like card numbers; in the detector's own records they pass, as it has judged them."""


USUAL = Tolerance()


class _WireField(NamedTuple):
    """How one field travels."""

    name: str
    required: bool
    strict: bool
    from_wire: Callable[[Any], Any]
    has_empty: bool
    """Whether no characters are a value, as they are of bytes; elsewhere they are none."""
    currency: str | None
    """Name of the field that says in which currency it is."""


class _Repeated(dict[str, Any]):
    """An object in which names stand twice: the last value of each."""

    names: frozenset[str] = frozenset()
    has_object = False
    """Whether an object is among all values, those that came first too."""


def decode(kind: type[Record], data: bytes | None, tolerance: Tolerance = USUAL, notes: list[str] | None = None) -> Record:
    """Returns the record that `data` holds.

    An optional field that cannot be read is absent from it, and its name is appended to `notes`.

    Raises:
        ContractError: with the first reason code that applies; docs/reference/reason-codes.md lists them.
    """
    of: Any = kind
    found = _json_object(_text(data))
    has_object = isinstance(found, _Repeated) and found.has_object
    if not found.keys() & _names(of) and (has_object or any(isinstance(value, dict) for value in found.values())):
        raise ContractError("envelope")
    record: Record = _from_object(of, found, tolerance, [] if notes is None else notes)
    return record


def _text(data: bytes | None) -> str:
    if data is None:
        raise ContractError("tombstone")
    if data.startswith(COMPRESSED):
        raise ContractError("compressed")
    if data.startswith(b"\0") and len(data) > FRAME_BYTES:
        raise ContractError("schema_registry_frame")
    try:
        text = data.decode().removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")  # a byte order mark
    except UnicodeDecodeError:
        raise ContractError("invalid_utf8") from None
    if not text.strip(_BLANKS):
        raise ContractError("empty")
    return text


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        # Numbers are their text until the field's type is known: a quoted number is as good as a bare one.
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_with_repeats)
    except (ValueError, RecursionError):
        raise ContractError("not_a_json_object") from None
    if not isinstance(found, dict):
        raise ContractError("not_a_json_object")
    return found


def _with_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = _Repeated(found)
    repeated.has_object = any(isinstance(value, dict) for _, value in pairs)
    repeated.names = frozenset(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
    return repeated


def _from_object(kind: Any, found: Mapping[str, Any], tolerance: Tolerance, notes: list[str]) -> Any:
    _check_names(found, _names(kind), tolerance)
    wire = _wire_fields(kind, tolerance)
    values = {}
    for field in wire:
        value = found.get(field.name)
        if value is None or (value == "" and not field.has_empty):
            if field.required:
                raise ContractError(f"missing:{field.name}")
            continue
        try:
            values[field.name] = field.from_wire(value)
        except ContractError:
            raise
        except (ValueError, TypeError):
            if field.strict:
                raise ContractError(f"invalid:{field.name}") from None
            notes.append(field.name)
    for field in wire:
        if field.currency is not None and field.name in values:
            values[field.name] = _in_its_currency(field.name, values[field.name], values.get(field.currency))
    return kind(**values)


def _check_names(found: Mapping[str, Any], known: frozenset[str], tolerance: Tolerance) -> None:
    if not tolerance.unknown_fields and found.keys() - known:
        raise ContractError("unknown_field")  # without its name, which may be anything, a card number too
    if isinstance(found, _Repeated) and found.names & known:
        raise ContractError(f"repeated:{min(found.names & known)}")


def _in_its_currency(name: str, amount: Decimal, code: str | None) -> Decimal:
    if code is None:  # of an amount of which nobody knows in which currency it is
        raise ContractError(f"invalid:{name}")
    try:
        return in_units(amount, CURRENCIES[code].decimals)
    except ValueError:
        raise ContractError(f"invalid:{name}") from None


@cache
def _names(kind: Any) -> frozenset[str]:
    return frozenset(one.name for one in fields_of(kind))


@cache
def _wire_fields(kind: Any, tolerance: Tolerance) -> tuple[_WireField, ...]:
    return tuple(
        _WireField(
            one.name,
            one.required,
            one.strict,
            _limited(_reader(one.shape, tolerance), one, tolerance),
            one.shape == SCALARS[bytes],
            one.limit.currency if isinstance(one.limit, Amount) else None,
        )
        for one in fields_of(kind)
    )


def _limited(read: Callable[[Any], Any], field: RecordField, tolerance: Tolerance) -> Callable[[Any], Any]:
    """Returns the reader of a field, with what is said of it beyond its type."""
    match field.limit:
        case Identifier(token):
            return _identifier(read, field.name, token, tolerance)
        case Degrees(most):
            return _degrees(read, field.name, most)
        case CurrencyCode():
            return _currency(read)
        case _:
            return read


def _identifier(read: Callable[[Any], Any], name: str, token: bool, tolerance: Tolerance) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        text = str(read(value))
        if not IDENTIFIER.fullmatch(text):
            raise ValueError("blank, or with control characters")
        if not tolerance.card_numbers and is_card_number(text, any_network=token):
            raise ContractError(f"card_number:{name}")
        return text

    return check


def _degrees(read: Callable[[Any], Any], name: str, most: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        angle = float(read(value))
        if abs(angle) > most:
            raise ContractError(f"invalid:{name}")  # though it may be absent: a place that is none is no place unknown
        return angle

    return check


def _currency(read: Callable[[Any], Any]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        code = str(read(value))
        if code not in CURRENCIES:
            raise ValueError("no currency")
        return code

    return check


def _reader(shape: Shape, tolerance: Tolerance) -> Callable[[Any], Any]:
    """Returns a function that raises ValueError or TypeError where what it gets is not of the shape."""
    match shape:
        case Scalar():
            return _value_of(shape)
        case OneOf():
            return _one_of(shape.allowed)
        case ListOf():
            return _each(_reader(shape.item, tolerance))
        case MapOf():
            return _each_value(_reader(shape.value, tolerance))
        case Nested():
            return _record_of(shape.record, tolerance)
        case _:
            assert_never(shape)


def _value_of(scalar: Scalar) -> Callable[[Any], Any]:
    is_accepted, from_text = scalar.texts.fullmatch, scalar.from_text

    def read(value: Any) -> Any:
        # A quoted value is as good as a bare one: what counts is the text.
        if value is True or value is False:
            value = "true" if value else "false"
        if not isinstance(value, str) or not is_accepted(value):
            raise ValueError("not a text of the asked form")
        return from_text(value)

    return read


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError("not one of the allowed values")
        return str(value)

    return check


def _each(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def all_of(values: Any) -> tuple[Any, ...]:
        if not isinstance(values, list):
            raise TypeError("not a list")
        return tuple(map(convert, values))

    return all_of


def _each_value(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda found: {name: convert(value) for name, value in _object(found).items()}


def _record_of(kind: type, tolerance: Tolerance) -> Callable[[Any], Any]:
    judged = tolerance._replace(card_numbers=True)
    return lambda found: _from_object(kind, _object(found), judged, [])


def _object(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found
