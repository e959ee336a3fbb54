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


@dataclass(frozen=True)
class Identifier:
    """A text that is not blank and has no control characters; no card number where one could look like it.

    `token`: any 13 to 19 digits that pass Luhn's check are taken for a card number (ISO/IEC 7812). Elsewhere only those that begin
    as the cards of a network do: one number of ten of a merchant with 15 digits passes Luhn's check by chance.
    """

    token: bool = False


@dataclass(frozen=True)
class Degrees:
    """An angle, from -most to most."""

    most: float


@dataclass(frozen=True)
class CurrencyCode:
    """A code of `contract.currencies`."""


@dataclass(frozen=True)
class Amount:
    """Money in the currency that another field names."""

    currency: str


@dataclass(frozen=True)
class Strict:
    """Nothing more; but the record is refused where it cannot be read, though it may be absent."""


Limit = Identifier | Degrees | CurrencyCode | Amount | Strict
"""What is said of a field beyond its type."""


class RecordField(NamedTuple):
    """One field of a record."""

    name: str
    description: str
    required: bool
    shape: Shape
    limit: Limit | None = None

    @property
    def strict(self) -> bool:
        """Whether the record is refused where the field is there and cannot be read: it is required, or money depends on it."""
        return self.required or isinstance(self.limit, Amount | CurrencyCode | Strict)

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
        RecordField(one.name, get_args(hint)[1], one.default is MISSING, _shape(hint), _limit(hint))
        for one in fields(record)
        for hint in [hints[one.name]]
    )


def _limit(hint: Any) -> Limit | None:
    return next((part for part in get_args(hint)[2:] if isinstance(part, Limit)), None)


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
