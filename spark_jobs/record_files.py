"""Files of records: what Kafka would have if each record was sent by itself."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping

Numbered = Iterator[tuple[int, bytes]]
"""Values in the order of the file, each with the line in which it ends; lines are counted from 1."""

DELIMITERS = ",;|\t"
BEGINNING = 8_192
"""Bytes in which the first line of a CSV file ends."""
UNREADABLE = (OSError, ValueError, LookupError, EOFError, csv.Error)
"""What is raised where a file is not what its ending says. Its words may quote what is in the file."""


def lines(file: io.BufferedReader) -> Numbered:
    """Yields a value for each line that is not blank."""
    for number, line in enumerate(file, 1):
        if line.strip():
            yield number, line.rstrip(b"\r\n")


def whole(file: io.BufferedReader) -> Numbered:
    """Yields the whole file as one value."""
    yield 1, file.read()


def table(file: io.BufferedReader) -> Numbered:
    """Yields a JSON object for each row below the header of a CSV file, with a text for each column that has a name.

    Columns are divided by a comma, a semicolon, a bar or a tab: by what the header has most of. A row that has not as many fields
    as the header, or quotes in wrong places, is given as it stands, and is a dead letter then; so are bytes that are not UTF-8.

    Raises:
        ValueError: the header names no column, or two alike.
    """
    first = file.peek(BEGINNING).splitlines()[:1] or [b""]
    delimiter = max(DELIMITERS, key=first[0].decode(errors="replace").count)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    row: list[str] = []  # the lines that the reader has taken for one
    rows = csv.reader(_noted(text, row), delimiter=delimiter, strict=True)
    header = next(rows, [])
    names = [name for name in header if name]
    if not names or len(names) > len(set(names)):
        raise ValueError("the header names no column, or two alike")
    while True:
        row.clear()
        try:
            fields = next(rows)
        except StopIteration:
            return
        except csv.Error:  # the reader goes on behind it
            fields = []
        if len(fields) == len(header):
            value = json.dumps({name: field for name, field in zip(header, fields, strict=True) if name}, ensure_ascii=False)
        else:
            value = "".join(row).rstrip("\r\n")
        if value:
            yield rows.line_num, value.encode(errors="surrogateescape")


def _noted(text: Iterable[str], row: list[str]) -> Iterator[str]:
    for line in text:
        row.append(line)
        yield line


READERS: Mapping[str, Callable[[io.BufferedReader], Numbered]] = {
    ".jsonl": lines,
    ".ndjson": lines,
    ".json": whole,
    ".csv": table,
}
"""By the ending of a file's name, what reads it."""
