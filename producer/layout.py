"""A data set's layout: FOLDER/{transactions,labels,customers,merchants}/part-00000.parquet, columns by the contract."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contract import Customer, Label, Merchant, Transaction
from contract.fields import ListOf, MapOf, Nested, OneOf, Shape, fields_of
from contract.scalars import Scalar

FOLDERS: Mapping[str, type] = {"transactions": Transaction, "labels": Label, "customers": Customer, "merchants": Merchant}
"""The records by the name of the folder."""


def arrow_schema(kind: type) -> pa.Schema:
    """Returns the Arrow schema of a record class: its fields, in order, by their types."""
    return pa.schema([pa.field(one.name, _arrow(one.shape)) for one in fields_of(kind)])


def _arrow(shape: Shape) -> pa.DataType:
    match shape:
        case OneOf():
            return pa.string()
        case ListOf():
            return pa.list_(_arrow(shape.item))
        case MapOf():
            return pa.map_(pa.string(), _arrow(shape.value))
        case Nested():
            return pa.struct(list(arrow_schema(shape.record)))
        case Scalar():
            name, *arguments = shape.arrow
            return getattr(pa, name)(*arguments)


def holds_data(folder: Path) -> bool:
    """Returns whether a data set, or a part of one, is in the folder."""
    return any(any((folder / name).glob("*.parquet")) for name in FOLDERS)


def writer(folder: Path, kind: type) -> pq.ParquetWriter:
    """Returns a writer of a kind's one file in a data set's folder. It is a context manager."""
    (name,) = (name for name, one in FOLDERS.items() if one is kind)
    (folder / name).mkdir(parents=True, exist_ok=True)
    return pq.ParquetWriter(folder / name / "part-00000.parquet", arrow_schema(kind), compression="zstd")


def add(to: pq.ParquetWriter, kind: type, records: Sequence[Any]) -> None:
    """Writes the records as a row group of their own."""
    schema = arrow_schema(kind)
    columns = [pa.array([getattr(record, one.name) for record in records], one.type) for one in schema]
    to.write_table(pa.Table.from_arrays(columns, schema=schema))
