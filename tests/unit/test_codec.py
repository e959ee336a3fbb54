"""The wire form: every record survives it, nothing else gets through."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import RECORDS, Alert, ContractError, Label, Scored, Tolerance, Transaction, decode, encode
from tests.forms import CARD, FORMS, Form, changed
from tests.records import AT, alert, record, scored, transaction


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
    paid = transaction(event_time=AT.astimezone(timezone(timedelta(hours=2))), device_id='é"')
    assert encode(paid).decode() == (
        '{"transaction_id":"t1","event_time":"2018-04-01T12:30:15.250000Z","card_id":"card-1","customer_id":"C00001",'
        '"terminal_id":"T00001","merchant_id":"M00001","merchant_category":"5411","amount":"12.50","currency":"EUR","channel":"pos",'
        '"country":"FR","response_code":"approved","latitude":48.85,"longitude":2.35,"device_id":"é\\""}'
    )


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_each_form_ends_as_the_table_says(form: Form) -> None:
    notes: list[str] = []
    if form.reason is not None:
        with pytest.raises(ContractError) as caught:
            decode(Transaction, form.value)
        assert caught.value.reason == form.reason
    else:
        found = decode(Transaction, form.value, notes=notes)
        assert {name: getattr(found, name) for name in form.fields} == form.fields
        assert tuple(notes) == form.notes


def test_what_a_reader_may_pass_or_refuse() -> None:
    card, more = changed(card_id=CARD), changed(trace_id="x")
    assert decode(Transaction, card, Tolerance(card_numbers=True)).card_id == CARD
    with pytest.raises(ContractError, match="unknown_field"):
        decode(Transaction, more, Tolerance(unknown_fields=False))
    # The detector's own records are read whatever it let pass.
    paid = transaction(card_id=CARD)
    assert decode(Scored, encode(scored(paid))).transaction == paid
    assert decode(Alert, encode(alert(paid))).card_id == CARD


def test_a_long_identifier_is_judged_in_one_pass() -> None:
    """Its pattern may match a text in one way alone: in many ways, this takes hours."""
    with pytest.raises(ContractError, match="invalid:card_id"):
        decode(Transaction, changed(card_id="x" * 1_000_000 + "\x00"))


def test_an_error_never_repeats_a_value() -> None:
    with pytest.raises(ContractError) as caught:
        decode(Transaction, changed(amount="4242424242424242"))
    assert "4242" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_equal_amounts_are_equal_bytes() -> None:
    texts = {"7": "7.00", "7.0": "7.00", "1.10": "1.10", "1.105": "1.105", "1.100": "1.10", "0": "0.00", "1E+3": "1000.00"}
    for written, text in texts.items():
        assert f'"amount":"{text}"'.encode() in encode(transaction(amount=Decimal(written), currency="KWD"))


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
