"""Records to JSON bytes and back: the only place that knows the wire form.

Amounts and times are JSON strings (a bare number is a double to most readers), bytes are base64, an absent optional field is left
out. Errors name the field and what is wrong with it, never its value: a value may hold a card number.
"""

import base64
import binascii
import json
import math
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")

AMOUNT = re.compile(r"\d{1,10}(\.\d{1,2})?", re.ASCII)
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
DATE = re.compile(r"[12]\d{3}-\d\d-\d\d", re.ASCII)
TIME = re.compile(r"[12]\d{3}-\d\d-\d\dT[0-2]\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):[0-5]\d)", re.ASCII)
TEXT = re.compile(r"[^\[{].*", re.DOTALL)
"""The accepted texts, whole-string matches, of a scalar of each type; `spark_jobs.transforms.decode` uses the same."""


class ContractError(ValueError):
    """Bytes that are not a record of the asked kind. `reason` is a reason code such as `missing:amount`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WireField(NamedTuple):
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
    wire = wire_fields(kind)
    # No record has a single field, so attrgetter gives a tuple.
    return attrgetter(*(field.name for field in wire)), [(f'"{field.name}":', field.to_json) for field in wire]


def _from_object(kind: Any, found: Mapping[str, Any]) -> Any:
    values = {}
    wire = wire_fields(kind)
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
        except (ValueError, TypeError, LookupError, ArithmeticError, binascii.Error):
            raise ContractError(f"invalid:{field.name}") from None
    return kind(**values)


@cache
def wire_fields(kind: Any) -> tuple[WireField, ...]:
    """Returns how each field of a record class travels, in declared order."""
    hints = get_type_hints(kind)
    return tuple(WireField(field.name, field.default is MISSING, *_converters(hints[field.name])) for field in fields(kind))


def _converters(hint: Any) -> tuple[Callable[[Any], str], Callable[[Any], Any]]:
    origin = get_origin(hint)
    if origin is Annotated:
        return _converters(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        (present,) = (part for part in get_args(hint) if part is not types.NoneType)
        return _converters(present)
    if origin is Literal:
        return encode_basestring, _one_of(get_args(hint))
    if origin is tuple:
        to_item, from_item = _converters(get_args(hint)[0])
        return _list_text(to_item), _each(from_item)
    if origin is Mapping:
        return _numbers_text, _numbers
    if isinstance(hint, type) and is_dataclass(hint):
        return _object_text, _object_of(hint)
    return _SCALARS[hint]


def _object_of(kind: type) -> Callable[[Any], Any]:
    return lambda found: _from_object(kind, _object(found))


def _list_text(to_json: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda values: f"[{','.join(map(to_json, values))}]"


def _numbers_text(values: Mapping[str, float]) -> str:
    return f"{{{','.join(f'{encode_basestring(name)}:{_float_text(value)}' for name, value in values.items())}}}"


def _each(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def all_of(values: Any) -> tuple[Any, ...]:
        if not isinstance(values, (list, tuple)):
            raise TypeError("not a list")
        return tuple(map(convert, values))

    return all_of


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError("not one of the allowed values")
        return _text(value)

    return check


def _object(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found


def _numbers(found: Any) -> dict[str, float]:
    return {str(name): _float(value) for name, value in _object(found).items()}


def _scalar(value: Any, pattern: re.Pattern[str]) -> str:
    """Returns the text of a JSON scalar. A quoted number is as good as a bare one: what counts is the text."""
    if value is True or value is False:
        value = "true" if value else "false"
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not a text of the asked form")
    return value


def _text(value: Any) -> str:
    return _scalar(value, TEXT)


def _boolean(value: Any) -> bool:
    return {"true": True, "false": False}[_scalar(value, TEXT)]


def _integer(value: Any) -> int:
    return int(_scalar(value, INTEGER))


def _float(value: Any) -> float:
    number = float(_scalar(value, NUMBER))
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _amount(value: Any) -> Decimal:
    return Decimal(_scalar(value, AMOUNT))


def _amount_text(value: Decimal) -> str:
    return f'"{value:f}"'


def _boolean_text(value: bool) -> str:
    return "true" if value else "false"


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("not finite")
    return repr(float(value))


def _time(value: Any) -> datetime:
    return datetime.fromisoformat(_scalar(value, TIME)).astimezone(UTC)


def _time_text(value: datetime) -> str:
    # One form only, so that equal records are equal bytes; by hand, as isoformat takes twice as long.
    at = value.astimezone(UTC)
    return '"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ"' % (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)  # noqa: UP031


def _date(value: Any) -> date:
    return date.fromisoformat(_scalar(value, DATE))


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value and _text(value), validate=True)  # no bytes at all are bytes too


def _bytes_text(value: bytes) -> str:
    return f'"{base64.b64encode(value).decode("ascii")}"'


def _date_text(value: date) -> str:
    return f'"{value.isoformat()}"'


_SCALARS: dict[Any, tuple[Callable[[Any], str], Callable[[Any], Any]]] = {
    str: (encode_basestring, _text),
    bool: (_boolean_text, _boolean),
    int: (str, _integer),
    float: (_float_text, _float),
    Decimal: (_amount_text, _amount),
    datetime: (_time_text, _time),
    date: (_date_text, _date),
    bytes: (_bytes_text, _bytes),
}
