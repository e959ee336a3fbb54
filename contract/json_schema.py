"""JSON Schema of every record, generated from the classes: `python -m contract.json_schema docs/reference/schemas`."""

import json
import re
import sys
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from contract.codec import AMOUNT, TIME
from contract.records import RECORDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: type) -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a record class, as the codec writes it: closed, with a description a field."""
    return {"$schema": DIALECT, "title": kind.__name__, **_object(kind)}


def file_name(kind: type) -> str:
    """Returns the file that the schema of a record class is kept in."""
    return f"{kind.__name__.lower()}.schema.json"


def render(kind: type) -> str:
    """Returns the file's text."""
    return json.dumps(json_schema(kind), indent=2) + "\n"


def _object(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        "description": (kind.__doc__ or "").strip(),
        "type": "object",
        "properties": {field.name: _property(hints[field.name]) for field in fields(kind)},
        "required": [field.name for field in fields(kind) if field.default is MISSING],
        "additionalProperties": False,
    }


def _property(hint: Any) -> dict[str, Any]:
    kind, description = get_args(hint)
    return {"description": description, **_type(kind)}


def _type(kind: Any) -> dict[str, Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        return _type(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        (present,) = (part for part in get_args(kind) if part is not types.NoneType)
        return _type(present)
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    if origin is tuple:
        return {"type": "array", "items": _type(get_args(kind)[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": {"type": "number"}}
    if is_dataclass(kind) and isinstance(kind, type):
        return _object(kind)
    return dict(_SCALARS[kind])


def _whole(pattern: re.Pattern[str]) -> str:
    return f"^{pattern.pattern}$"


_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "string", "pattern": _whole(AMOUNT)},
    datetime: {"type": "string", "format": "date-time", "pattern": _whole(TIME)},
    date: {"type": "string", "format": "date"},
    bytes: {"type": "string", "contentEncoding": "base64"},
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for record in RECORDS:
        (folder / file_name(record)).write_text(render(record))
