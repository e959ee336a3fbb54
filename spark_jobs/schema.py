"""The contract as Spark schemas, derived from the record classes; nothing is written twice."""

import json
from collections.abc import Mapping
from typing import Any

from pyspark.sql import types as T

from contract import Customer, Label, Merchant, Transaction
from contract.fields import ListOf, MapOf, Nested, OneOf, Shape, fields_of
from contract.scalars import SCALARS, Scalar

KINDS: Mapping[str, type] = {"transaction": Transaction, "label": Label, "customer": Customer, "merchant": Merchant}
"""The input records by the name that `kind` has for them; an event has a column of each name."""

KIND_OF: Mapping[type, str] = {record: kind for kind, record in KINDS.items()}


def schema(record: type) -> T.StructType:
    """Returns the typed schema of a record class, every column nullable."""
    columns = [{"name": one.name, "type": _type(one.shape), "nullable": True, "metadata": {}} for one in fields_of(record)]
    return T.StructType.fromJson({"type": "struct", "fields": columns})


def _type(shape: Shape) -> Any:
    """Returns Spark's type as the JSON of a schema has it."""
    match shape:
        case OneOf():
            return SCALARS[str].spark
        case ListOf():
            return {"type": "array", "elementType": _type(shape.item), "containsNull": False}
        case MapOf():
            return {"type": "map", "keyType": "string", "valueType": _type(shape.value), "valueContainsNull": False}
        case Nested():
            return json.loads(schema(shape.record).json())
        case Scalar():
            return shape.spark


TRANSACTION_COLUMNS: tuple[str, ...] = tuple(one.name for one in fields_of(Transaction))
