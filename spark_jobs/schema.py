"""The contract as Spark schemas, derived from the record classes; nothing is written twice."""

import types
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pyspark.sql import types as T

from contract import Customer, Label, Merchant, Transaction

KINDS: Mapping[str, type] = {"transaction": Transaction, "label": Label, "customer": Customer, "merchant": Merchant}
"""The input records by the name that `kind` has for them; an event has a column of each name."""

KIND_OF: Mapping[type, str] = {record: kind for kind, record in KINDS.items()}

AMOUNT = T.DecimalType(12, 2)
"""Ten digits before the point, two after: what `contract.codec.AMOUNT` admits."""

SPARK_TYPES: Mapping[Any, T.DataType] = {
    str: T.StringType(),
    bool: T.BooleanType(),
    int: T.LongType(),
    float: T.DoubleType(),
    Decimal: AMOUNT,
    datetime: T.TimestampType(),
    date: T.DateType(),
}


def schema(kind: type) -> T.StructType:
    """Returns the typed schema of an input record class, every column nullable."""
    hints = get_type_hints(kind)
    return T.StructType([T.StructField(field.name, SPARK_TYPES[plain(hints[field.name])]) for field in fields(kind)])


def plain(hint: Any) -> Any:
    """Returns the scalar type under a field's type hint: `float | None` is float, a Literal is str."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (part for part in get_args(hint) if part is not types.NoneType)
    return str if get_origin(hint) is Literal else hint


TRANSACTION_COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Transaction))
