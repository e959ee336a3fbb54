"""CSV files, record by record: text alone, with the line at which each record begins."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from producer.imports.errors import UnreadableFile

DELIMITERS = ",|;\t"
CHUNK = 1 << 20


class Table(NamedTuple):
    """A file, and what its header says. A column without a name is `column_N`, counted from one."""

    file: Path
    delimiter: str
    columns: tuple[str, ...]


class Row(NamedTuple):
    """One record: its cells, None where they are empty; or why it has none."""

    line: int
    cells: list[str | None]
    reason: str | None = None
    """`columns`: there are more or fewer cells than the header has; `invalid_utf8`."""


def open_table(file: Path) -> Table:
    """Returns what the header says; the delimiter is the one of comma, pipe, semicolon and tab that it has most of.

    Raises:
        UnreadableFile: there is no such file, it is empty or no text, or two columns have one name.
    """
    with _opened(file) as lines:
        header = lines.readline()
    delimiter = max(DELIMITERS, key=header.count)
    if delimiter not in header:
        raise UnreadableFile(
            f"{file} has no header of several columns", "Its first line names the columns, with one of , | ; or a tab between them."
        )
    names = next(csv.reader([header], delimiter=delimiter))
    columns = tuple(name.strip() or f"column_{number}" for number, name in enumerate(names, 1))
    folded = [name.casefold() for name in columns]
    if repeated := {name for name in columns if folded.count(name.casefold()) > 1}:
        raise UnreadableFile(f"{file} has several columns of one name: {', '.join(sorted(repeated))}", "Give each its own.")
    return Table(file, delimiter, columns)


def count_lines(file: Path) -> int:
    """Returns the lines behind the header: about as many as there are records."""
    with _opened(file) as text:
        return sum(chunk.count("\n") for chunk in iter(lambda: text.read(CHUNK), "")) - 1


def rows(table: Table) -> Iterator[Row]:
    """Yields the records in order; empty lines are none.

    Raises:
        UnreadableFile: a quote that is opened and not closed, or one amid a cell: which line.
    """
    width, begin = len(table.columns), 2
    with _opened(table.file) as lines:
        reader = csv.reader(lines, delimiter=table.delimiter, strict=True)
        try:
            next(reader)
            for cells in reader:
                if cells:
                    yield _row(begin, cells, width)
                begin = reader.line_num + 1
        except csv.Error as error:
            raise UnreadableFile(f"{table.file}, the record of line {begin}, is no CSV: {error}", "Mend it.") from None


def _row(line: int, cells: list[str], width: int) -> Row:
    if len(cells) != width:
        return Row(line, [], "columns")
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return Row(line, [], "invalid_utf8")
    return Row(line, [cell or None for cell in cells])


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    try:
        # What is no UTF-8 becomes lone surrogates: the record is refused later, not the file.
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield text
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror}", "Check the file's name.") from None
