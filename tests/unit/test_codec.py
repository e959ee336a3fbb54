"""The wire form: every record survives it, nothing else gets through."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import RECORDS, Alert, ContractError, Label, Scored, Transaction, decode, encode
from tests.records import AT, record, transaction

WIRE = json.loads(encode(transaction()))


def changed(**fields: object) -> bytes:
    return json.dumps({name: value for name, value in (WIRE | fields).items() if value is not ...}).encode()


@pytest.mark.parametrize("kind", RECORDS)
def test_every_record_comes_back_as_it_was(kind: type) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(record(kind))
    def comes_back(one: object) -> None:
        data = encode(one)
        assert decode(kind, data) == one
        assert encode(decode(kind, data)) == data
        json.loads(data)  # any JSON reader can read it

    comes_back()


def test_the_wire_form_is_what_the_documents_say() -> None:
    paid = transaction(event_time=AT.astimezone(timezone(timedelta(hours=2))), device_id="é\n")
    assert encode(paid).decode() == (
        '{"transaction_id":"t1","event_time":"2018-04-01T12:30:15.250000Z","card_id":"card-1","customer_id":"C00001",'
        '"terminal_id":"T00001","merchant_id":"M00001","merchant_category":"5411","amount":"12.50","currency":"EUR","channel":"pos",'
        '"country":"FR","response_code":"approved","latitude":48.85,"longitude":2.35,"device_id":"é\\n"}'
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "tombstone"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff\xfe", "invalid_utf8"),
        (b"null", "not_a_json_object"),
        (b"[]", "not_a_json_object"),
        (b'"text"', "not_a_json_object"),
        (b"{", "not_a_json_object"),
        (encode(transaction()) + b"{}", "not_a_json_object"),
        (b"[" * 100_000, "not_a_json_object"),
        (b'{"amount":NaN}', "not_a_json_object"),
        (changed(amount=...), "missing:amount"),
        (changed(amount=None), "missing:amount"),
        (changed(amount="12.505"), "invalid:amount"),
        (changed(amount="-1"), "invalid:amount"),
        (changed(amount="12345678901"), "invalid:amount"),
        (changed(amount="1e3"), "invalid:amount"),
        (changed(amount=""), "invalid:amount"),
        (changed(amount=["1"]), "invalid:amount"),
        (changed(event_time="yesterday"), "invalid:event_time"),
        (changed(event_time="2018-04-01T12:00:00"), "invalid:event_time"),
        (changed(event_time="2018-02-30T12:00:00Z"), "invalid:event_time"),
        (changed(event_time=2018), "invalid:event_time"),
        (changed(latitude="NaN"), "invalid:latitude"),
        (changed(latitude="1e999"), "invalid:latitude"),
        (changed(channel="pigeon"), "invalid:channel"),
        (changed(is_fraud="perhaps"), "invalid:is_fraud"),
        (changed(card_id={"a": 1}), "invalid:card_id"),
        (changed(card_number="4242424242424242"), "unknown_field"),
        (encode(transaction())[:-1] + b',"amount":"1"}', "unknown_field"),
    ],
)
def test_what_is_no_transaction_has_a_reason(data: bytes | None, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        decode(Transaction, data)
    assert caught.value.reason == reason


def test_an_error_never_repeats_a_value() -> None:
    with pytest.raises(ContractError) as caught:
        decode(Transaction, changed(amount="4242424242424242"))
    assert "4242" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_bare_amount_is_its_text() -> None:
    def read(number: str) -> Decimal:
        return decode(Transaction, changed(amount=...)[:-1] + b',"amount":' + number.encode() + b"}").amount

    numbers = ("1.10", "7", "0", "12345678.90")
    assert [str(read(number)) for number in numbers] == list(numbers)
    with pytest.raises(ContractError, match="invalid:amount"):
        read("1.25e1")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_a_reason(data: bytes) -> None:
    for kind in (Transaction, Label, Alert, Scored):
        with pytest.raises(ContractError):
            decode(kind, data)


def test_times_come_back_in_utc() -> None:
    found = decode(Transaction, changed(event_time="2018-04-01T14:30:15.25+02:00")).event_time
    assert found == datetime(2018, 4, 1, 12, 30, 15, 250_000, tzinfo=found.tzinfo)
    assert found.utcoffset() == timedelta(0)
