"""The contract as Spark schemas, derived from the record classes; nothing is written twice."""

from collections.abc import Mapping

from pyspark.sql import types as T

from contract import Customer, Label, Merchant, Transaction
from contract.fields import fields_of

KINDS: Mapping[str, type] = {"transaction": Transaction, "label": Label, "customer": Customer, "merchant": Merchant}
"""The input records by the name that `kind` has for them; an event has a column of each name."""

KIND_OF: Mapping[type, str] = {record: kind for kind, record in KINDS.items()}


def schema(kind: type) -> T.StructType:
    """Returns the typed schema of an input record class, every column nullable."""
    columns = [{"name": one.name, "type": one.scalar.spark, "nullable": True, "metadata": {}} for one in fields_of(kind)]
    return T.StructType.fromJson({"type": "struct", "fields": columns})


TRANSACTION_COLUMNS: tuple[str, ...] = tuple(one.name for one in fields_of(Transaction))
