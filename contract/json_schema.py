"""JSON Schema of every record, generated from the classes: `python -m contract.json_schema docs/reference/schemas`."""

import json
import sys
from pathlib import Path
from typing import Any, assert_never

from contract.fields import ListOf, MapOf, Nested, OneOf, Shape, fields_of
from contract.records import RECORDS
from contract.scalars import Scalar

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
    found = fields_of(kind)
    return {
        "description": (kind.__doc__ or "").strip(),
        "type": "object",
        "properties": {one.name: {"description": one.description, **_type(one.shape)} for one in found},
        "required": [one.name for one in found if one.required],
        "additionalProperties": False,
    }


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
