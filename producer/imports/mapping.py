"""Expressions over the columns of a file, evaluated by DuckDB: every field as the text that the contract's codec judges."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from contract.fields import fields_of
from producer.imports.database import connect
from producer.imports.errors import MappingRefused
from producer.imports.profiles import SINCE
from producer.imports.proposals import Proposal
from producer.imports.settings import Expressions
from producer.imports.tables import Row, Table
from producer.layout import FOLDERS

SHOW_MAPPING = "`--show-mapping` prints a mapping to start from."


class Mapped(NamedTuple):
    """One record as texts: for each folder its fields, without those that are absent."""

    line: int
    fields: dict[str, dict[str, str]]


def complete(given: Proposal, columns: Sequence[str], label_delay: timedelta) -> Proposal:
    """Returns the mapping with what follows from it: a label, a customer and a merchant have their ids from the transaction.

    An expression that is the name of a column is that column, whatever the name means to SQL.

    Raises:
        MappingRefused: which field is unknown, or which required ones are missing.
    """
    quoted = {name: '"' + name.replace('"', '""') + '"' for name in columns}
    given = {folder: {name: quoted.get(one, one) for name, one in expressions.items()} for folder, expressions in given.items()}
    paid = given.get("transactions", {})
    found = {"transactions": paid}
    if labels := given.get("labels"):
        at = f"CAST(({paid.get('event_time')}) AS TIMESTAMPTZ) + to_microseconds({round(label_delay / timedelta(microseconds=1))})"
        found["labels"] = _taken(("transaction_id", "card_id", "terminal_id", "event_time"), paid) | {"labelled_at": at} | labels
    if customers := given.get("customers"):
        found["customers"] = _taken(("customer_id", "card_id", "country"), paid) | customers
    if merchants := given.get("merchants"):
        same = ("merchant_id", "terminal_id", "merchant_category", "country", "latitude", "longitude")
        found["merchants"] = _taken(same, paid) | merchants
    for folder, expressions in found.items():
        _require(folder, expressions)
    return found


def _taken(names: Sequence[str], paid: Expressions) -> Expressions:
    return {name: paid[name] for name in names if name in paid}


def _require(folder: str, expressions: Expressions) -> None:
    known = {one.name: one.required for one in fields_of(FOLDERS[folder])}
    for name in expressions:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f", the nearest name is `{near[0]}`" if near else ""
            raise MappingRefused(f"`{folder}.{name}` is not a field{hint}", "The contract's fields are in docs/reference/schemas.")
        if name == "updated_at":
            raise MappingRefused(
                f"`{folder}.updated_at` cannot be mapped", "It is the time of the first transaction that shows it."
            )
    derived = ("updated_at", SINCE[folder]) if folder in SINCE else ()
    required = [name for name, needed in known.items() if needed and name not in derived]
    if missing := [name for name in required if name not in expressions]:
        raise MappingRefused(
            f"The mapping lacks {', '.join(f'`{folder}.{name}`' for name in missing)}",
            f"Name a column for it, or a constant such as `currency: \"'EUR'\"`. {SHOW_MAPPING}",
        )


class Mapping:
    """A whole mapping over one file's columns; an expression sees its own line, no file and no setting."""

    def __init__(self, table: Table, given: Proposal, temporary: Path) -> None:
        """Checks each expression.

        Raises:
            MappingRefused: which one cannot work, in DuckDB's words.
        """
        self._file, self._given = table.file, given
        self._schema = pa.schema([(name, pa.string()) for name in table.columns])
        self._connection = connect(temporary)
        self._connection.register("given", self._schema.empty_table())
        for folder, expressions in given.items():
            for name, expression in expressions.items():
                self._check(f"{folder}.{name}", expression)
        self._names = [(folder, name) for folder, expressions in given.items() for name in expressions]
        texts = [_text(FOLDERS[folder], name, given[folder][name]) for folder, name in self._names]
        self._query = f"SELECT {', '.join(texts)} FROM given"  # noqa: S608 the expressions are the user's own SQL

    def __call__(self, rows: Sequence[Row]) -> Iterator[Mapped]:
        """Yields the records, each as its texts, in order.

        Raises:
            MappingRefused: DuckDB gives up, for want of memory or by a fault of its own; where, and not on which values.
        """
        if not rows:
            return
        columns = zip(*(row.cells for row in rows), strict=True)
        self._connection.register(
            "given", pa.Table.from_arrays([pa.array(one, pa.string()) for one in columns], schema=self._schema)
        )
        try:
            found = self._connection.sql(self._query).to_arrow_table()
        except duckdb.Error as error:
            raise MappingRefused(
                f"An expression fails in {self._file} between line {rows[0].line} and {rows[-1].line}: {type(error).__name__}",
                "Leave out one after the other to find it.",
            ) from None
        for row, texts in zip(rows, zip(*(column.to_pylist() for column in found.columns), strict=True), strict=True):
            fields: dict[str, dict[str, str]] = {folder: {} for folder in self._given}
            for (folder, name), text in zip(self._names, texts, strict=True):
                if text is not None:
                    fields[folder][name] = text
            yield Mapped(row.line, fields)

    def columns_of(self, folder: str, field: str) -> list[str]:
        """Returns the columns that a field comes from."""
        expression = self._given.get(folder, {}).get(field, "")
        return [name for name in self._schema.names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", expression, re.IGNORECASE)]

    def close(self) -> None:
        """Gives back what the connection holds."""
        self._connection.close()

    def _check(self, name: str, expression: str) -> None:
        try:
            # WHERE takes no aggregate and no window, which would see a part of the file and not all of it.
            self._connection.execute(f"SELECT 1 FROM given WHERE TRY(({expression})) IS NULL")  # noqa: S608
        except duckdb.Error as error:
            # No record has been read: what the message quotes is the expression itself.
            told = str(error).partition("\n\nLINE ")[0].replace("\n", " ")
            raise MappingRefused(
                f"`{name}` is refused for {self._file}: {told}",
                'Columns are those of the header. One with a blank, or that SQL has a meaning for, stands in double quotes: "at".',
            ) from None


def _text(record: type, name: str, expression: str) -> str:
    """Returns SQL that gives the field's text; where the value is of no use, its own text, so that the codec refuses it by name."""
    (shape,) = (one.scalar.python for one in fields_of(record) if one.name == name)
    plain = f"TRY(CAST(({expression}) AS VARCHAR))"
    forms: dict[Any, str] = {
        datetime: f"strftime(CAST(({expression}) AS TIMESTAMPTZ), '%Y-%m-%dT%H:%M:%S.%fZ')",
        date: f"CAST(CAST(({expression}) AS DATE) AS VARCHAR)",
        bool: f"CAST(CAST(({expression}) AS BOOLEAN) AS VARCHAR)",
    }
    return f"coalesce(TRY({forms[shape]}), {plain})" if shape in forms else plain
