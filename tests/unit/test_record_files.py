"""Files of records: what is in them comes out record by record, with its line, and nothing is lost on the way."""

import json
from io import BufferedReader, BytesIO
from typing import Any

import pytest

from spark_jobs.record_files import READERS


def read(ending: str, content: bytes) -> list[tuple[int, bytes]]:
    return list(READERS[ending](BufferedReader(BytesIO(content))))  # type: ignore[arg-type]


def rows(content: bytes) -> list[tuple[int, Any]]:
    return [(line, json.loads(value)) for line, value in read(".csv", content)]


def test_lines_are_given_as_they_are_and_counted_with_the_blank_ones() -> None:
    assert read(".jsonl", b'{"a": 1}\r\n\n  \n\xff\n{"a": 2}') == [(1, b'{"a": 1}'), (4, b"\xff"), (5, b'{"a": 2}')]
    assert read(".json", b"[1,\n2]\n") == [(1, b"[1,\n2]\n")]
    assert read(".ndjson", b"") == []


@pytest.mark.parametrize("divider", [",", ";", "|", "\t"])
def test_a_table_is_objects_of_texts_whatever_divides_its_columns(divider: str) -> None:
    content = '\ufeffid,"a name",amount,\n1,"Ann, \n""Lee""",12.50,x\n\n2,Zo\u00eb,,\n'.replace(",", divider).encode()
    assert rows(content) == [
        (3, {"id": "1", "a name": f'Ann{divider} \n"Lee"', "amount": "12.50"}),
        (5, {"id": "2", "a name": "Zo\u00eb", "amount": ""}),
    ]


def test_a_row_that_does_not_fit_is_given_as_it_stands_and_ends_nothing() -> None:
    content = b'id,name\n1,too,many\n2\n"3"x,y\n4,fine\n5,\xe9\n6,"no end\n7,swallowed\n'
    found = read(".csv", content)
    assert found[:3] == [(2, b"1,too,many"), (3, b"2"), (4, b'"3"x,y')]
    assert found[3] == (5, b'{"id": "4", "name": "fine"}')
    assert found[4] == (6, b'{"id": "5", "name": "\xe9"}'), "bytes that are not UTF-8 are not made into others"
    assert found[5:] == [(8, b'6,"no end\n7,swallowed')]


@pytest.mark.parametrize("content", [b"", b"\n1,2\n", b",,\n1,2,3\n", b"id,id\n1,2\n"])
def test_a_table_without_names_or_with_two_alike_is_none(content: bytes) -> None:
    with pytest.raises(ValueError, match="the header names no column, or two alike"):
        read(".csv", content)
