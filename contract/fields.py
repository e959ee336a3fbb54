"""The fields of a record class, as its type hints say them: what every other form of the record is derived from."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from contract.scalars import SCALARS, Scalar


@dataclass(frozen=True)
class OneOf:
    """One of a few texts; as a hint, a `Literal`."""

    allowed: tuple[str, ...]


@dataclass(frozen=True)
class ListOf:
    """Any number of items of one shape; as a hint, a `tuple[item, ...]`."""

    item: "Shape"


@dataclass(frozen=True)
class MapOf:
    """Values of one shape by a text; as a hint, a `Mapping[str, value]`."""

    value: "Shape"


@dataclass(frozen=True)
class Nested:
    """Another record."""

    record: type


Shape = Scalar | OneOf | ListOf | MapOf | Nested


class RecordField(NamedTuple):
    """One field of a record."""

    name: str
    description: str
    required: bool
    shape: Shape

    @property
    def scalar(self) -> Scalar:
        """The type of its one value; that of a text where it is one of a few.

        Raises:
            TypeError: it is a list, a map or a record.
        """
        if isinstance(self.shape, OneOf):
            return SCALARS[str]
        if not isinstance(self.shape, Scalar):
            raise TypeError(f"{self.name} is no single value")
        return self.shape


@cache
def fields_of(record: Any) -> tuple[RecordField, ...]:
    """Returns the fields of a record class, in declared order."""
    hints = get_type_hints(record, include_extras=True)
    return tuple(
        RecordField(one.name, get_args(hints[one.name])[1], one.default is MISSING, _shape(hints[one.name]))
        for one in fields(record)
    )


def _shape(hint: Any) -> Shape:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _shape(parts[0])
    if origin in (Union, types.UnionType):
        (present,) = (part for part in parts if part is not types.NoneType)
        return _shape(present)
    if origin is Literal:
        return OneOf(parts)
    if origin is tuple:
        return ListOf(_shape(parts[0]))
    if origin is Mapping:
        return MapOf(_shape(parts[1]))
    return Nested(hint) if isinstance(hint, type) and is_dataclass(hint) else SCALARS[hint]
