"""Records to JSON bytes and back. The form of one value is said in `contract.scalars`; the form of a record is known here alone.

Amounts and times are JSON strings (a bare number is a double to most readers), bytes are base64, an absent optional field is left
out. Errors name the field and what is wrong with it, never its value: a value may hold a card number.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, assert_never

from contract.fields import ListOf, MapOf, Nested, OneOf, Shape, fields_of
from contract.scalars import Scalar

Record = TypeVar("Record")


class ContractError(ValueError):
    """Bytes that are not a record of the asked kind. `reason` is a reason code such as `missing:amount`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _WireField(NamedTuple):
    """How one field travels."""

    name: str
    required: bool
    to_json: Callable[[Any], str]
    from_wire: Callable[[Any], Any]


def encode(record: Any) -> bytes:
    """Returns the record as compact JSON in UTF-8, fields in their declared order.

    Raises:
        ValueError: a float is not finite.
    """
    return _object_text(record).encode()


def decode(kind: type[Record], data: bytes | None) -> Record:
    """Returns the record that `data` holds.

    Raises:
        ContractError: with the first reason code that applies; docs/reference/reason-codes.md lists them.
    """
    if data is None:
        raise ContractError("tombstone")
    if not data.strip():
        raise ContractError("empty")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ContractError("invalid_utf8") from None
    try:
        # Numbers are their text until the field's type is known: a quoted number is as good as a bare one.
        found = json.loads(
            text, parse_float=str, parse_int=str, parse_constant=_refuse_constant, object_pairs_hook=_without_repeats
        )
    except ContractError:
        raise
    except (ValueError, RecursionError):
        raise ContractError("not_a_json_object") from None
    if not isinstance(found, dict):
        raise ContractError("not_a_json_object")
    record: Record = _from_object(kind, found)
    return record


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ContractError("unknown_field")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _object_text(record: Any) -> str:
    # Texts put together: several times as fast as a dict through json.dumps, and a fast producer does little else.
    kind: Any = type(record)
    values, texts = _writers(kind)
    parts = [name + text(value) for (name, text), value in zip(texts, values(record), strict=True) if value is not None]
    return f"{{{','.join(parts)}}}"


@cache
def _writers(kind: Any) -> tuple[Callable[[Any], tuple[Any, ...]], list[tuple[str, Callable[[Any], str]]]]:
    wire = _wire_fields(kind)
    # No record has a single field, so attrgetter gives a tuple.
    return attrgetter(*(field.name for field in wire)), [(f'"{field.name}":', field.to_json) for field in wire]


def _from_object(kind: Any, found: Mapping[str, Any]) -> Any:
    values = {}
    wire = _wire_fields(kind)
    if found.keys() - {field.name for field in wire}:
        raise ContractError("unknown_field")  # without its name, which may be anything, a card number too
    for field in wire:
        value = found.get(field.name)
        if value is None:
            if field.required:
                raise ContractError(f"missing:{field.name}")
            continue
        try:
            values[field.name] = field.from_wire(value)
        except ContractError:
            raise
        except (ValueError, TypeError):
            raise ContractError(f"invalid:{field.name}") from None
    return kind(**values)


@cache
def _wire_fields(kind: Any) -> tuple[_WireField, ...]:
    return tuple(_WireField(one.name, one.required, _writer(one.shape), _reader(one.shape)) for one in fields_of(kind))


def _writer(shape: Shape) -> Callable[[Any], str]:
    match shape:
        case Scalar():
            return shape.to_json
        case OneOf():
            return encode_basestring
        case ListOf():
            return _list_text(_writer(shape.item))
        case MapOf():
            return _map_text(_writer(shape.value))
        case Nested():
            return _object_text
        case _:
            assert_never(shape)


def _reader(shape: Shape) -> Callable[[Any], Any]:
    """Returns a function that raises ValueError or TypeError where what it gets is not of the shape."""
    match shape:
        case Scalar():
            return _value_of(shape)
        case OneOf():
            return _one_of(shape.allowed)
        case ListOf():
            return _each(_reader(shape.item))
        case MapOf():
            return _each_value(_reader(shape.value))
        case Nested():
            return _record_of(shape.record)
        case _:
            assert_never(shape)


def _list_text(to_json: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda values: f"[{','.join(map(to_json, values))}]"


def _map_text(to_json: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda values: f"{{{','.join(f'{encode_basestring(name)}:{to_json(value)}' for name, value in values.items())}}}"


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


def _record_of(kind: type) -> Callable[[Any], Any]:
    return lambda found: _from_object(kind, _object(found))


def _object(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found
