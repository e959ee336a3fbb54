"""The values of foreign records: what is read in them, and why one is none."""

import json
from itertools import product
from typing import Any

import pytest

from contract import Transaction
from contract.fields import fields_of
from tests.foreign import ARRAY
from tests.mapped import TOPICS, Raw, fields, mapped, paid


def test_an_array_gives_a_record_for_each_element_and_each_letter_repeats_its_own(raw: Raw) -> None:
    rows = mapped(raw((TOPICS.transactions, ARRAY.value), (TOPICS.labels, b"{}")), ARRAY.settings)
    assert [row["element"] for row in rows] == [0, 1, 2, None]
    assert [json.loads(row["value"]).get("id") for row in rows] == ["tx0", "tx1", "tx2", None]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"no json", "not_a_json_object"),
        (b"", "empty"),
        (b"{} {}", "not_a_json_object"),
        (b'{"id":1,"a":{},"id":2}', "repeated:$.id"),
        (b'{"a":1,"a":2}', None),
        (b'"text"', "not_a_json_object"),
        (b'{"id":', "not_a_json_object"),
        (b'{"id":"\\u12', "not_a_json_object"),
        (b"\xff{}", "invalid_utf8"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "compressed"),
        (b"\x00\x00\x00\x00\x07\x02no JSON", "schema_registry_frame"),
        (b"{" + b" " * 1_100 + b"}", "too_large"),
        (b"\xef\xbb\xbf{}", None),
        (b"\x00\x00\x00\x00\x07{}", None),
    ],
)
def test_a_value_that_is_no_record_passes_with_its_reason(raw: Raw, value: bytes, reason: str | None) -> None:
    (row,) = mapped(raw((TOPICS.transactions, value)), {"transactions": {"fields": fields(device_id="$.id")}}, 1_024)
    assert row["unreadable"] == reason
    assert (row["mapped"] is None) == (reason is not None)
    assert bytes(row["value"]) == value


@pytest.mark.parametrize(
    ("value", "ids", "reasons"),
    [
        ({"items": [{"id": 1}, {"id": 2}]}, ["1", "2"], [None, None]),
        ({"items": {"id": 1}}, ["1"], [None]),
        ({"items": [{"id": "[{"}, "no object", [{"id": 1}]]}, ["[{", None, None], [None, "not_a_json_object", None]),
        ({"items": []}, [], []),
        ({"items": "[]"}, [None], ["not_an_array"]),
        ({}, [None], ["not_an_array"]),
        ({"items": [0] * 10_001}, [None], ["too_many"]),
    ],
    ids=["array", "one_object", "elements_that_are_none", "empty", "text", "nothing", "too_many"],
)
def test_what_each_leads_to_is_an_array_or_its_only_element(
    raw: Raw, value: Any, ids: list[str | None], reasons: list[str | None]
) -> None:
    settings = {"transactions": {"each": "$.items", "fields": fields(transaction_id="$.id")}}
    rows = mapped(raw((TOPICS.transactions, json.dumps(value).encode())), settings)
    assert [row["unreadable"] for row in rows] == reasons
    assert [row["mapped"] and row["mapped"]["transaction_id"] for row in rows] == ids


def test_an_each_of_a_value_that_goes_wrong_later_is_no_record(raw: Raw) -> None:
    settings = {"transactions": {"each": "$.items", "fields": fields()}}
    rows = mapped(
        raw(*((TOPICS.transactions, value) for value in (b'{"items":[{}]', b'{"items":[{}]} {}', b'{"items":[{},'))), settings
    )
    assert [row["unreadable"] for row in rows] == ["not_a_json_object"] * 3


def test_the_text_at_a_path_is_what_stands_there(raw: Raw) -> None:
    """For functions, casts to text and plain paths alike, and whether all of the body is wanted or not."""
    value = b'{"n": 1.50, "e": 1E+2, "o": {"a": [1, "\xc3\xa9"]}, "s": "\\u00e9", "t": true, "z": null, "l": [[7], 8]}'
    texts = {"n": "1.50", "e": "1E+2", "o": '{"a": [1, "é"]}', "o.a[1]": "é", "s": "é", "t": "true", "z": None}
    texts |= {"l[0][0]": "7", "l[2]": None}
    names = [one.name for one in fields_of(Transaction) if one.required][: len(texts)]
    for form, more in product(("$.{}", "body:{}", "body:{}::string"), ({}, {"ip_prefix": "body:n::int"})):
        sources = {name: form.format(path) for name, path in zip(names, texts, strict=True)}
        (row,) = mapped(raw((TOPICS.transactions, value)), {"transactions": {"fields": fields(**sources, **more)}})
        assert [row["mapped"][name] for name in names] == list(texts.values()), form
        assert row["mapped"]["ip_prefix"] == ("1" if more else None)


def test_half_a_character_is_no_text_of_a_field(raw: Raw) -> None:
    value = b'{"id": "\\ud800"}'
    (text,) = mapped(raw((TOPICS.transactions, value)), {"transactions": {"fields": fields(card_id="$.id")}})
    assert text["mapped"]["card_id"] == "\N{REPLACEMENT CHARACTER}", "which decode refuses, as tests/spark/test_avro.py sees"
    (whole,) = mapped(raw((TOPICS.transactions, value)), {"transactions": {"fields": fields(card_id="to_json(body)")}})
    assert whole["unreadable"] == "not_a_json_object"


def test_what_is_not_wanted_as_text_is_read_from_the_whole_body(raw: Raw) -> None:
    found = paid(raw, {"n": [1, 2]}, {"card_id": "to_json(body:n)", "customer_id": "variant_get(body, '$.n[1]', 'int') + 1"})
    assert found == {"card_id": "[1,2]", "customer_id": "3"}
