"""Other people's records, by settings alone, and what is refused at start."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from configuration import FraudDetectionError
from contract import Transaction
from contract.fields import fields_of
from spark_jobs.errors import InvalidMapping, UnusableKey
from spark_jobs.input_settings import InputSettings
from spark_jobs.schema import KINDS
from spark_jobs.sources import inputs_of, require_inputs
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.mapping import mapping
from tests.foreign import ARRIVED, CARD, MESSAGE, SHAPES, Shape
from tests.frames import EVERY_TIME
from tests.mapped import TOPICS, Raw, fields, mapped, paid

KEY = "0123456789abcdef0123456789abcdef"
TOKEN = hmac.new(KEY.encode(), CARD.encode(), hashlib.sha256).hexdigest()


@pytest.fixture(scope="module")
def card_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("secrets") / "card-key"
    file.write_text(KEY + "\n")
    return file


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


def test_a_card_number_goes_no_further_than_its_token(raw: Raw, card_key: Path) -> None:
    """Neither in the plan, nor in any column that leaves, the dead letter's among them."""
    spaced = b'{"DE2": "4242-4242-4242-4242", "MTI": "0100", "note": "4242 4242 4242 4242"}'
    frame = raw(
        (TOPICS.transactions, MESSAGE.value, {"key": CARD.encode(), "timestamp": ARRIVED}),
        (TOPICS.transactions, spaced, {"timestamp": ARRIVED}),
        *(
            (TOPICS.transactions, value, {"key": CARD.encode(), "headers": [("pan", value)], "timestamp": ARRIVED})
            for value in NUMBERS
        ),
    )
    inputs = inputs_of(InputSettings.model_validate(MESSAGE.settings | {"card_key_file": card_key}), TOPICS)
    events = decode(mapping(frame, inputs, 65_536), EVERY_TIME)
    rows = events.collect()
    assert [row.transaction and row.transaction.card_id for row in rows] == [TOKEN, *[None] * (1 + len(NUMBERS))]
    said = str(rows) + events._jdf.queryExecution().toString()
    digits = said.replace("-", "").replace(" ", "")
    assert CARD not in digits
    assert KEY not in said
    for row, (value, hidden) in zip(rows[2:], NUMBERS.items(), strict=True):
        assert (bytes(row.source.value), bytes(row.source.key)) == (hidden, b"************4242"), value
        assert [bytes(one.value) for one in row.source.headers] == [hidden]


NUMBERS = {
    b"4242424242424242": b"************4242",
    b"4242 4242 4242 4242 12/25": b"**** **** **** 4242 12/25",
    b"n:4242424242424242=1225201": b"n:************4242=1225201",
    b"1234 4242-4242-4242-4242": b"**** ****-****-****-4242",
}
"""Values that are no JSON, and how a dead letter shows them."""


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
