"""What a person is told about records, and the mapping that is proposed for them; that it works is tested with Spark."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml

from local.check.proposal import as_yaml, each_of, missing, propose
from local.check.report import Checked, report, shape
from tests.forms import CARD
from tests.records import AT, transaction


def paid(number: int = 0, **changes: Any) -> Checked:
    usual = {"transaction_id": f"t{number}", "card_id": f"c{number}", "terminal_id": f"T{number}"}
    one = transaction(**(usual | changes))
    return Checked(f"transactions/0/{number}", "transaction", {name: getattr(one, name) for name in one.__slots__}, {}, (), (), 0)


def refused(*reasons: str, **texts: str) -> Checked:
    return Checked("transactions/0/9", "rejected", None, texts, reasons, (), 0)


def test_what_would_be_scored_and_what_not_by_reason() -> None:
    checked = [paid(), refused("invalid:amount", amount="12,50 €"), refused("invalid:amount", "missing:currency")]
    found = report(checked)
    assert (found["ok"], found["records"], found["scored"], found["rejected"]) == (False, 3, 1, 2)
    assert found["reasons"] == [
        {"reason": "invalid:amount", "records": 2, "first_at": "transactions/0/9", "value_looks_like": "99,99 €"},
        {"reason": "missing:currency", "records": 1, "first_at": "transactions/0/9", "value_looks_like": None},
    ]


def test_nothing_of_a_value_but_its_shape_is_shown() -> None:
    found = report([paid(), refused("card_number:card_id", card_id=CARD)])
    assert CARD not in str(found)
    assert [shape("4242 Ab-é"), shape(None), shape("x" * 100)] == ["9999 Aa-a", None, "a" * 40 + "…"]


def test_what_each_field_would_hold() -> None:
    found = report([paid(1, amount=Decimal("2.00")), paid(2, amount=Decimal("9.50"), latitude=None)])
    fields = {one.pop("field"): one for one in found["fields"]}
    assert fields["amount"] == {"absent": 0, "distinct": 2, "least": "2.00", "most": "9.50", "looks_like": None}
    assert fields["latitude"] == {"absent": 1, "distinct": 1, "least": "48.85", "most": "48.85", "looks_like": None}
    assert fields["card_id"]["looks_like"] == "a9"


@pytest.mark.parametrize(
    ("checked", "warning"),
    [
        ([refused("missing:amount")], "No record would be scored"),
        ([paid(number, terminal_id="N/A") for number in range(20)], "One terminal_id is in 100%"),
        ([paid(number, card_id="c") for number in range(20)], "One card_id is in 100%"),
        ([paid(number, transaction_id="same") for number in range(20)], "19 payments have the transaction_id of another"),
        ([paid(number, currency=("EUR", "USD")[number % 2]) for number in range(20)], "in 2 currencies, EUR, USD"),
        ([paid(number, card_id=f"c{number // 2}", currency=("EUR", "USD")[number % 2]) for number in range(20)], "10 cards pay in"),
        ([paid(number, response_code="declined") for number in range(20)], "Every payment was declined"),
        ([paid(number, amount=Decimal(0)) for number in range(20)], "Every amount is 0"),
        ([paid(), refused("event_time_in_future")], "1 records are of times that have not come yet"),
        ([paid(), refused("event_time_too_old")], "older than limits.max_age"),
        ([paid(), refused("card_number:card_id")], "map them with token_of"),
    ],
)
def test_what_is_odd_is_a_warning(checked: list[Checked], warning: str) -> None:
    (said,) = report(checked)["warnings"]
    assert warning in said


def test_usual_traffic_has_no_warning() -> None:
    checked = [paid(number, event_time=AT + timedelta(minutes=number)) for number in range(50)]
    found = report(checked)
    assert (found["ok"], found["warnings"]) == (True, [])


def sources(*bodies: Any) -> dict[str, str]:
    return {one.field: one.source for one in propose(bodies) if one.sure}


def test_other_names_are_known_again() -> None:
    body = {"id": "p-1", "timestamp": "2024-03-01T10:00:00Z", "user_id": "u", "merchant": "Café", "amount": 1.5, "currency": "EUR"}
    assert sources(body, body) == {
        "transaction_id": "$.id",
        "event_time": "$.timestamp",
        "customer_id": "$.user_id",
        "merchant_id": "$.merchant",
        "amount": "$.amount",
        "currency": "$.currency",
    }
    assert missing(propose([body])) == ["card_id"]
    assert "card_id: is required, and nothing looks like it" in as_yaml(propose([body]), "payments", None)


def test_values_tell_the_function() -> None:
    body = {
        "payload": {
            "after": {
                "trans_num": "x",
                "unix_time": 1_709_287_200_123,
                "cc_num": 4242424242424242,
                "category": "grocery_pos",
                "amt": "12.50",
                "currency": "978",
                "response_code": "00",
                "is_fraud": 0,
                "merch_lat": 48.85,
            }
        }
    }
    inside = "body:payload.after.{}".format
    assert sources(body) == {
        "transaction_id": "$.payload.after.trans_num",
        "event_time": f"epoch_millis({inside('unix_time')})",
        "card_id": f"token_of({inside('cc_num')})",
        "merchant_category": f"category_of({inside('category')})",
        "amount": "$.payload.after.amt",
        "currency": f"currency_of({inside('currency')})",
        "response_code": f"response_of({inside('response_code')})",
        "latitude": "$.payload.after.merch_lat",
        "is_fraud": f"{inside('is_fraud')}::string = '1'",
    }


def test_a_proposal_is_a_file_of_settings() -> None:
    bodies = [[{"id": "a", "ts": int(datetime(2024, 3, 1, tzinfo=UTC).timestamp())}]]
    settings = yaml.safe_load(as_yaml(propose(bodies), "payments", each_of(bodies)))
    assert settings["input"]["transactions"]["each"] == "$"
    fields = settings["input"]["transactions"]["fields"]
    assert fields["event_time"] == "epoch_seconds(body:ts)"
    assert fields["currency"] == "'EUR'"
