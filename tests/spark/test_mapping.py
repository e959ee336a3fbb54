"""Other people's records, by settings alone, and what is refused at start."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from configuration import FraudDetectionError
from contract import Topics, Transaction
from contract.fields import OneOf, fields_of
from spark_jobs.errors import InvalidMapping, UnusableKey
from spark_jobs.input_settings import InputSettings
from spark_jobs.schema import KINDS
from spark_jobs.sources import inputs_of, require_inputs
from spark_jobs.transforms.mapping import mapping
from spark_jobs.transforms.mapping_functions import CATEGORIES, FUNCTIONS, MESSAGES, PROCESSING, RESPONSES, register
from tests.foreign import ARRAY, ARRIVED, CARD, MESSAGE, SHAPES, Shape

TOPICS = Topics()
KEY = "0123456789abcdef0123456789abcdef"
TOKEN = hmac.new(KEY.encode(), CARD.encode(), hashlib.sha256).hexdigest()
REQUIRED = {one.name: f"'{one.name}'" for one in fields_of(Transaction) if one.required}
Raw = Callable[..., DataFrame]


@pytest.fixture(scope="module")
def card_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("secrets") / "card-key"
    file.write_text(KEY + "\n")
    return file


def mapped(frame: DataFrame, settings: dict[str, Any], max_bytes: int = 65_536) -> list[dict[str, Any]]:
    """Returns, of each record, its kind, its texts by field, why it is unreadable, and its other columns."""
    return list(_rows(mapping(frame, inputs_of(InputSettings.model_validate(settings), TOPICS), max_bytes)))


def _rows(found: DataFrame) -> Iterator[dict[str, Any]]:
    for row in found.collect():
        told = row.asDict()
        if row["mapped"] is not None:
            names = [one.name for one in fields_of(KINDS[row["kind"]])]
            told["mapped"] = dict(zip(names, row["mapped"], strict=True))
        yield told


def fields(**changes: str) -> dict[str, str]:
    return REQUIRED | changes


def paid(raw: Raw, value: Any, changes: dict[str, str], **record: Any) -> dict[str, Any]:
    """Returns the fields of one transaction."""
    frame = raw((TOPICS.transactions, json.dumps(value).encode(), {"timestamp": ARRIVED} | record))
    (row,) = mapped(frame, {"transactions": {"fields": fields(**changes)}})
    return {name: row["mapped"][name] for name in changes}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_public_shape_is_read_by_settings_alone(raw: Raw, card_key: Path, shape: Shape) -> None:
    frame = raw((TOPICS.transactions, shape.value, {"timestamp": ARRIVED, "key": shape.key}))
    rows = mapped(frame, shape.settings | {"card_key_file": card_key})
    assert [(row["kind"], row["unreadable"]) for row in rows] == [("transaction", None)] * len(shape.expected)
    for row, expected in zip(rows, shape.expected, strict=True):
        assert {name: row["mapped"][name] for name in expected} == expected
        missing = [one.name for one in fields_of(Transaction) if one.required and row["mapped"][one.name] is None]
        assert not missing


def test_contract_records_pass_as_they_are(raw: Raw) -> None:
    (row,) = mapped(raw((TOPICS.labels, b"{}")), {})
    assert (row["kind"], row["mapped"], row["unreadable"], bytes(row["value"])) == ("label", None, None, b"{}")


def test_topics_are_told_apart_and_those_without_fields_are_the_contracts(raw: Raw) -> None:
    settings = {
        "transactions": [
            {"topic": "web", "fields": fields(channel="'ecom'")},
            {"topic": "tills", "fields": fields(channel="'pos'")},
        ]
    }
    rows = mapped(raw(("web", b"{}"), ("tills", b"{}"), (TOPICS.customers, b"{}")), settings)
    assert [(row["kind"], row["mapped"] and row["mapped"]["channel"]) for row in rows] == [
        ("transaction", "ecom"),
        ("transaction", "pos"),
        ("customer", None),
    ]


def test_a_condition_tells_kinds_of_one_topic_apart_and_passes_over_the_rest(raw: Raw) -> None:
    label = {one.name: f"'{one.name}'" for one in fields_of(KINDS["label"]) if one.required}
    settings = {
        "transactions": {"topic": "all", "where": "body:type::string = 'pay'", "fields": fields(transaction_id="$.id")},
        "labels": {"topic": "all", "where": "body:n::int > 1", "fields": label | {"transaction_id": "$.id"}},
    }
    values = [{"type": "pay", "id": 1}, {"type": "login", "id": 2}, {"n": 2, "id": 3}, {"n": "no number", "id": 4}]
    rows = mapped(raw(*(("all", json.dumps(one).encode()) for one in values)), settings)
    assert [(row["kind"], row["mapped"]["transaction_id"]) for row in rows] == [("transaction", "1"), ("label", "3")]


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
        (b'{"a":1,"a":2}', "not_a_json_object"),
        (b'"text"', "not_a_json_object"),
        (b"\xff{}", "invalid_utf8"),
        (b"{" + b" " * 1_100 + b"}", "too_large"),
        (b"\xef\xbb\xbf{}", None),
        (b"\x00\x00\x00\x00\x07{}", None),
    ],
)
def test_a_value_that_is_no_record_passes_with_its_reason(raw: Raw, value: bytes, reason: str | None) -> None:
    (row,) = mapped(raw((TOPICS.transactions, value)), {"transactions": {"fields": fields()}}, 1_024)
    assert row["unreadable"] == reason
    assert (row["mapped"] is None) == (reason is not None)
    assert bytes(row["value"]) == value


def test_what_each_leads_to_must_be_an_array(raw: Raw) -> None:
    settings = {"transactions": {"each": "$.items", "fields": fields()}}
    rows = mapped(raw((TOPICS.transactions, b'{"items": {}}'), (TOPICS.transactions, b"{}")), settings)
    assert [row["unreadable"] for row in rows] == ["not_an_array"] * 2


def test_an_expression_that_fails_gives_no_value_and_ends_nothing(raw: Raw) -> None:
    """Two fields have it in common: Spark must not compute it once for both, outside of what catches."""
    failing = "string(body:amount::int + 1)"
    found = paid(raw, {"amount": "twelve"}, {"amount": failing, "customer_id": failing, "card_id": "$.amount"})
    assert found == {"amount": None, "customer_id": None, "card_id": "twelve"}
    assert paid(raw, {"amount": "12"}, {"amount": failing}) == {"amount": "13"}


def test_values_of_every_type_come_out_as_the_contract_writes_them(raw: Raw) -> None:
    sources = {
        "transaction_id": "$.big",
        "event_time": "timestamp",
        "card_id": "key",
        "customer_id": "headers['trace']",
        "terminal_id": "topic",
        "merchant_id": "body:number",
        "amount": "12.50BD * 2",
        "currency": "$.list[1]",
        "country": "$['a.b']",
        "vpn": "1 = 1",
        "device_id": "$.nothing",
        "merchant_category": "$.null",
    }
    value = {"big": 12345678901234567890, "number": 1.5, "list": [1, "EUR"], "a.b": "FR", "null": None}
    headers = [("trace", b"h1"), ("trace", b"h2"), ("empty", None)]
    assert paid(raw, value, sources, key=b"card", headers=headers) == {
        "transaction_id": "12345678901234567890",
        "event_time": "2026-01-01T00:00:30.000000Z",
        "card_id": "card",
        "customer_id": "h2",
        "terminal_id": TOPICS.transactions,
        "merchant_id": "1.5",
        "amount": "25.00",
        "currency": "EUR",
        "country": "FR",
        "vpn": "true",
        "device_id": None,
        "merchant_category": None,
    }


@pytest.mark.parametrize("function", [one for one in FUNCTIONS if one.result], ids=lambda one: one.name)
def test_a_function_does_what_its_example_says(spark: SparkSession, function: Any) -> None:
    register(spark, None)
    assert spark.range(1).select(F.expr(function.example)).first()[0] == function.result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("epoch_seconds('1.532995200123E9')", "2018-07-31T00:00:00.123000Z"),
        ("epoch_seconds('soon')", None),
        ("epoch_seconds('1e999999999')", None),
        ("epoch_seconds('1e-999999999')", None),
        ("epoch_millis(-1)", "1969-12-31T23:59:59.999000Z"),
        ("epoch_millis(null)", None),
        ("time_of('2018-07-31 02:00 +0200', 'yyyy-MM-dd HH:mm Z')", "2018-07-31T00:00:00.000000Z"),
        ("time_of('31/07/2018', 'dd/MM/yyyy', 'Asia/Tokyo')", "2018-07-30T15:00:00.000000Z"),
        ("time_of('never', 'yyyy')", None),
        ("time_without_year('0101000005', TIMESTAMP '2018-12-31 23:59:58Z')", "2019-01-01T00:00:05.000000Z"),
        ("time_without_year('0229120000', TIMESTAMP '2024-03-01 00:00:00Z')", "2024-02-29T12:00:00.000000Z"),
        ("time_without_year('0229120000', TIMESTAMP '2026-03-01 00:00:00Z')", None),
        ("time_without_year('0731020000', TIMESTAMP '2018-07-31 00:00:00Z', 'Europe/Berlin')", "2018-07-31T00:00:00.000000Z"),
        ("minor_units(1250, 'JPY')", "1250"),
        ("minor_units('1250', 'KWD')", "1.250"),
        ("minor_units('-1250', '840')", "-12.50"),
        ("minor_units('1250', 'XXX')", None),
        ("minor_units('12.50', 'EUR')", None),
        ("currency_of(8)", "ALL"),
        ("currency_of('eur ')", "EUR"),
        ("currency_of('EURO')", None),
        ("response_of('00')", "approved"),
        ("response_of(0)", "approved"),
        ("response_of('96')", "declined"),
        ("response_of(' ')", None),
        ("type_of('0100', '010000')", "withdrawal"),
        ("type_of('0200', '200000')", "refund"),
        ("type_of('0400', '000000')", "reversal"),
        ("type_of('0400', NULL)", "reversal"),
        ("type_of(NULL, '200000')", "refund"),
        ("type_of(NULL, NULL)", None),
        ("type_of('0100', '310000')", "verification"),
        ("type_of('0100', '990000')", None),
        ("category_of('Fast Food')", "5814"),
        ("category_of('5812')", "5812"),
        ("category_of('no such thing')", None),
        ("decimal_of('/w==', 2)", "-0.01"),
        ("decimal_of('?', 2)", None),
    ],
)
def test_a_function_at_its_edges(spark: SparkSession, expression: str, result: str | None) -> None:
    register(spark, None)
    assert spark.range(1).select(F.expr(expression)).first()[0] == result


def test_the_tables_lead_to_what_the_contract_has() -> None:
    assert all(len(code) == 4 and code.isdigit() for code in CATEGORIES.values())
    allowed = {one.name: one.shape.allowed for one in fields_of(Transaction) if isinstance(one.shape, OneOf)}
    assert set(RESPONSES.values()) <= set(allowed["response_code"])
    assert {*PROCESSING.values(), *MESSAGES.values()} <= set(allowed["transaction_type"])


def test_a_card_number_goes_no_further_than_its_token(raw: Raw, card_key: Path, spark: SparkSession) -> None:
    """Neither in the plan, nor in any column that leaves, the dead letter's among them."""
    spaced = b'{"DE2": "4242-4242-4242-4242", "MTI": "0100", "note": "4242 4242 4242 4242"}'
    frame = raw(
        (TOPICS.transactions, MESSAGE.value, {"key": CARD.encode()}),
        (TOPICS.transactions, spaced),
        (TOPICS.transactions, b"4242424242424242"),
    )
    found = mapping(frame, inputs_of(InputSettings.model_validate(MESSAGE.settings | {"card_key_file": card_key}), TOPICS), 65_536)
    rows = list(_rows(found))
    assert [row["mapped"] and row["mapped"]["card_id"] for row in rows] == [TOKEN, TOKEN, None]
    assert [row["unreadable"] for row in rows] == [None, None, "not_a_json_object"]
    said = str(rows) + found._jdf.queryExecution().toString()
    digits = said.replace("-", "").replace(" ", "")
    assert CARD not in digits
    assert KEY not in said
    assert bytes(rows[2]["value"]) == b"************4242"
    assert bytes(rows[0]["key"]) == b"************4242"


def test_a_key_that_cannot_be_used_is_refused_at_start(spark: SparkSession, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("secret")
    for file, says in ((short, "has fewer than 32 bytes"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(UnusableKey, match=says) as refused:
            require_inputs(spark, inputs_of(InputSettings.model_validate({"card_key_file": file}), TOPICS))
        assert "secret" not in str(refused.value)


def test_the_key_of_a_deleted_profile_is_the_mappings(raw: Raw) -> None:
    customer = {one.name: f"'{one.name}'" for one in fields_of(KINDS["customer"]) if one.required}
    settings = {
        "customers": {"where": "body:op::string <> 'd'", "fields": customer | {"card_id": "get_json_object(key, '$.card')"}}
    }
    rows = mapped(raw((TOPICS.customers, None, {"key": b'{"card":"c1"}'}), (TOPICS.customers, b'{"op":"d"}')), settings)
    assert [(row["kind"], row["value"], bytes(row["key"])) for row in rows] == [("customer", None, b"c1")]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("amount", "`input.transactions.fields.amount` names an unknown column `amount`. Known are body, key, headers"),
        ("EUR", "a constant stands in quotes of its own"),
        ("$.a..b", "`input.transactions.fields.amount` is not a path such as"),
        ("$amount", "is not a path such as"),
        ("body:a +", "does not parse"),
        ("rand()", "would answer differently when asked again: rand"),
        ("now()", "Kafka's time of the record is `timestamp`"),
        ("raise_error('x')", "would end the stream: raise_error"),
        ("(SELECT 1)", "looks at more than one record"),
        ("sum(1)", "looks at more than one record"),
        ("named_struct('a', 1)", "gives a struct<a:int>, not one value with a text"),
        ("epoch_millis(1, 2)", "epoch_millis takes 1 arguments, not 2"),
        ("token_of(body:pan)", "token_of needs a key: set `input.card_key_file`"),
        ("time_of('x', 'yyyy-QQQQQQQ')", "is refused"),
        ("no_such(1)", "is refused"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_at_start_by_its_field(raw: Raw, source: str, says: str) -> None:
    with pytest.raises(InvalidMapping) as refused:
        mapped(raw((TOPICS.transactions, b"{}")), {"transactions": {"fields": fields(amount=source)}})
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"where": "body:a"}, "`input.transactions.where` does not answer with yes or no"),
        ({"where": "nothing"}, "`input.transactions.where` names an unknown column"),
        ({"each": "items"}, "not a path such as"),
    ],
)
def test_an_input_that_cannot_be_used_is_refused_at_start(raw: Raw, change: dict[str, str], says: str) -> None:
    with pytest.raises(FraudDetectionError) as refused:
        mapped(raw((TOPICS.transactions, b"{}")), {"transactions": {"fields": fields()} | change})
    assert says in str(refused.value)


def test_times_of_arrival_and_all_other_columns_stay(raw: Raw) -> None:
    at = datetime(2026, 2, 3, tzinfo=UTC)
    (row,) = mapped(raw((TOPICS.transactions, b"{}", {"timestamp": at})), {"transactions": {"fields": fields()}})
    assert (row["timestamp"].astimezone(UTC), row["topic"], row["partition"], row["offset"]) == (at, TOPICS.transactions, 0, 0)
