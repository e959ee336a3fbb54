"""JSON Schema of every record, generated from the classes: `python -m contract.json_schema docs/reference/schemas`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_never

from contract.currencies import CURRENCIES
from contract.fields import Amount, CurrencyCode, Degrees, Identifier, Limit, ListOf, MapOf, Nested, OneOf, Shape, fields_of
from contract.records import RECORDS
from contract.scalars import IDENTIFIER, Scalar

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: type) -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a record class, with a description a field.

    What it admits, `contract.decode` reads, unless a date is not in the calendar or an identifier looks like a card number: JSON
    Schema cannot say so. What is read besides, as a kindness to senders, is in docs/reference/records.md and not in here.
    """
    return {"$schema": DIALECT, "title": kind.__name__, **_object(kind)}


def file_name(kind: type) -> str:
    """Returns the file that the schema of a record class is kept in."""
    return f"{kind.__name__.lower()}.schema.json"


def render(kind: type) -> str:
    """Returns the file's text."""
    return json.dumps(json_schema(kind), indent=2) + "\n"


def _object(kind: type) -> dict[str, Any]:
    found = fields_of(kind)
    amounts = [
        rule
        for one in found
        if isinstance(one.limit, Amount)
        for rule in _decimals(one.name, one.limit.currency, required=one.required)
    ]
    return {
        "description": (kind.__doc__ or "").strip(),
        "type": "object",
        "properties": {one.name: {"description": one.description, **_type(one.shape), **_limit(one.limit)} for one in found},
        "required": [one.name for one in found if one.required],
        **({"allOf": amounts} if amounts else {}),
    }


def _limit(limit: Limit | None) -> dict[str, Any]:
    match limit:
        case Identifier():
            return {"pattern": f"^{IDENTIFIER.pattern}$"}
        case Degrees(most):
            return {"minimum": -most, "maximum": most}
        case CurrencyCode():
            return {"enum": sorted(CURRENCIES)}
        case _:
            return {}


def _decimals(amount: str, currency: str, *, required: bool) -> Iterator[dict[str, Any]]:
    """Yields what an amount is in the currencies of as many decimals, and that it has a currency."""
    patterns = {0: r"^[0-9]+(\.0+)?$", 2: r"^[0-9]+(\.[0-9]{1,2}0?)?$"}
    for decimals, pattern in patterns.items():
        codes = sorted(code for code, one in CURRENCIES.items() if one.decimals == decimals)
        yield {
            "if": {"properties": {currency: {"enum": codes}}, "required": [currency]},
            "then": {"properties": {amount: {"pattern": pattern}}},
        }
    if not required:
        yield {"dependentRequired": {amount: [currency]}}


def _type(shape: Shape) -> dict[str, Any]:
    match shape:
        case Scalar():
            return dict(shape.json_schema)
        case OneOf():
            return {"enum": list(shape.allowed)}
        case ListOf():
            return {"type": "array", "items": _type(shape.item)}
        case MapOf():
            return {"type": "object", "additionalProperties": _type(shape.value)}
        case Nested():
            return _object(shape.record)
        case _:
            assert_never(shape)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for record in RECORDS:
        (folder / file_name(record)).write_text(render(record))
