"""Forms in which a payment may come: each with what becomes of it. One table for the codec, for JSON Schema and for Spark."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from contract import encode
from tests.records import AT, transaction

WIRE: dict[str, Any] = json.loads(encode(transaction()))
IDS = ("transaction_id", "card_id", "customer_id", "terminal_id", "merchant_id")
NOON = datetime(2018, 4, 1, 12, 30, 15, tzinfo=UTC)
CARD = "4242424242424242"
"""A card number that networks give for tests; it passes Luhn's check."""


class Form(NamedTuple):
    """One form."""

    value: bytes | None
    reason: str | None = None
    """Of its rejection, the codec's; None where it is read."""
    notes: tuple[str, ...] = ()
    """Names of the optional fields that are taken for absent."""
    fields: Mapping[str, Any] = MappingProxyType({})
    """What some fields are once it is read."""
    lenient: bool = False
    """Read though its JSON Schema does not admit it: a kindness to senders."""
    unsaid: bool = False
    """Refused for what JSON Schema has no words for."""


def changed(**fields: Any) -> bytes:
    """Returns the usual payment with other fields; ... takes one away."""
    return json.dumps({name: value for name, value in (WIRE | fields).items() if value is not ...}).encode()


def literal(name: str, text: str) -> bytes:
    """Returns the usual payment with a field whose JSON is this text."""
    return changed(**{name: ...})[:-1] + f',"{name}":{text}}}'.encode()


def wrong(name: str, *values: Any) -> Iterator[Form]:
    """Yields payments that are refused for a field."""
    return (Form(changed(**{name: value}), f"invalid:{name}") for value in values)


def noted(name: str, *values: Any) -> Iterator[Form]:
    """Yields payments that are read without an optional field."""
    return (Form(changed(**{name: value}), notes=(name,), fields={name: None}, lenient=True) for value in values)


def times() -> Iterator[Form]:
    """Yields forms of event_time."""
    for text in ("2018-04-01T12:30:15Z", "2018-04-01T14:30:15+02:00", "2018-04-01T08:00:15-04:30", "2018-04-01 12:30:15Z"):
        yield Form(changed(event_time=text), fields={"event_time": NOON})
    for text in (
        "2018-04-01t12:30:15z",
        "2018-04-01T12:30:15+0000",
        "2018-04-01 12:30:15.000+0000",
        "2018-04-01T12:30:15.0000009z",
    ):
        yield Form(changed(event_time=text), fields={"event_time": NOON})
    for text in ("2018-04-01T12:30:15.25Z", "2018-04-01T12:30:15.250000999Z", "2018-04-01T12:30:15.2500001Z"):
        yield Form(changed(event_time=text), fields={"event_time": AT})
    yield Form(changed(event_time="1000-01-02T00:00:00Z"))
    yield Form(changed(event_time="2999-12-30T23:59:59.999999Z"))
    yield from wrong(
        "event_time",
        *("yesterday", "now", "epoch", "2018", "2018-04-01", "2018-04-01T12:30:15", "2018-04-01T12:30Z", "2018-04-01T12:30:15+02"),
        *("2018-04-01T24:00:00Z", "2018-04-01T12:60:00Z", "2018-04-01T12:30:60Z", "2018-13-01T12:30:15Z", "2018-00-01T12:30:15Z"),
        *("2018-04-00T12:30:15Z", "2018-04-01T12:30:15+15:00", "0001-01-01T00:00:00Z"),
        *(
            "2018-04-01T12:30:15Europe/Berlin",
            "2018-04-01T12:30:15+01:00[Europe/Berlin]",
            "3000-01-01T00:00:00Z",
            "2018-04-01T12:30:15.Z",
        ),
        *(" 2018-04-01T12:30:15Z", "2018-04-01T12:30:15Z ", "2018-04-01T12:30:15,5Z", "2018-4-1T12:30:15Z", "01.04.2018 12:30:15"),
        *(
            1522585815,
            1522585815000,
            "1522585815",
            1522585815.25,
            True,
            ["2018-04-01T12:30:15Z"],
            {"$date": "2018-04-01T12:30:15Z"},
        ),
        "\uff12018-04-01T12:30:15Z",
    )
    for text in ("2018-04-31T12:30:15Z", "2018-02-29T12:30:15Z"):
        yield Form(changed(event_time=text), "invalid:event_time", unsaid=True)


def amounts() -> Iterator[Form]:
    """Yields forms of amount and currency."""
    for text, value in (
        ("12.50", "12.5"),
        ("012.50", "12.5"),
        ("3000", "3000"),
        ("0.00", "0"),
        ("99999999999.99", "99999999999.99"),
        ("0.1", "0.1"),
    ):
        yield Form(changed(amount=text), fields={"amount": Decimal(value)})
    yield Form(changed(amount="12.500"), fields={"amount": Decimal("12.5")})
    lenient = {"12.5000": "12.5", "1E+3": "1000", "1e3": "1000", "1.25e1": "12.5", "12.4999999999": "12.5"}
    lenient |= {"0.30000000000000004": "0.3", "12.5000009": "12.5", "1E-9": "0"}
    for text, value in lenient.items():
        yield Form(changed(amount=text), fields={"amount": Decimal(value)}, lenient=True)
    for text in ("12.50", "12.5", "7", "0.30000000000000004", "1e2", "1E+2", "12.500"):
        yield Form(literal("amount", text), fields={"amount": round(Decimal(text), 2)}, lenient=True)
    yield from wrong(
        "amount",
        *(
            "12.505",
            "12.345",
            "-1",
            "-12.50",
            "-0.00",
            "+1",
            "1,5",
            "1,250.00",
            "0x1",
            "100000000000",
            "1e11",
            "1E+99",
            "1e100",
            "1e999",
        ),
        *(" 1", "1 ", "1.", ".5", "٣", "NaN", "Infinity", "twelve", "EUR 12.50", True, ["1"], {"value": "1"}, "12.50000200"),
    )
    yield Form(literal("amount", "NaN"), "invalid:amount")
    yield Form(literal("amount", "-Infinity"), "invalid:amount")
    yield Form(literal("amount", "-0"), "invalid:amount")
    for currency, text in (
        ("KWD", "12.345"),
        ("BHD", "0.001"),
        ("JPY", "3000"),
        ("JPY", "3000.00"),
        ("IDR", "25000000000"),
        ("KWD", "1.5"),
    ):
        yield Form(changed(currency=currency, amount=text), fields={"amount": Decimal(text), "currency": currency})
    for currency, text in (("JPY", "3000.50"), ("JPY", "0.1"), ("KWD", "12.3456"), ("EUR", "0.001"), ("ISK", "1.01")):
        yield Form(changed(currency=currency, amount=text), "invalid:amount")
    yield from wrong("currency", "eur", "978", "EURO", "XXX", "ZZZ", "€", " EUR", 978, ["EUR"], {}, True)
    billed = {"billing_amount": "9.99", "billing_currency": "USD"}
    yield Form(changed(**billed), fields={"billing_amount": Decimal("9.99"), "billing_currency": "USD"})
    yield Form(changed(billing_amount="9.99"), "invalid:billing_amount")
    yield Form(changed(billing_currency="USD"), fields={"billing_currency": "USD"})
    yield Form(changed(**(billed | {"billing_amount": "9.999"})), "invalid:billing_amount")
    yield Form(changed(**(billed | {"billing_amount": "x"})), "invalid:billing_amount")
    yield Form(changed(**(billed | {"billing_currency": "DOLLAR"})), "invalid:billing_currency")


def identifiers() -> Iterator[Form]:
    """Yields forms of the names of cards, terminals and so on."""
    for name in IDS:
        yield Form(changed(**{name: "店 é 😀"}), fields={name: "店 é 😀"})
        yield Form(changed(**{name: 7}), fields={name: "7"}, lenient=True)
        yield Form(changed(**{name: "[solidcore] {x}"}), fields={name: "[solidcore] {x}"})
        yield from wrong(name, "  ", "a\x00b", "a\nb", "\x7f", "a\x85", ["a"], {"a": 1})
        yield Form(literal(name, r'"half \ud83d"'), f"invalid:{name}")
        yield Form(literal(name, r'"\udc00 half"'), f"invalid:{name}")
        yield Form(changed(**{name: CARD}), f"card_number:{name}", unsaid=True)
    yield Form(changed(card_id="0000000000000"), "card_number:card_id", unsaid=True)
    yield Form(changed(merchant_id="0000000000000"))  # 13 digits that no network has
    yield Form(changed(merchant_id="123456789012347"))  # 15 digits that pass Luhn's check
    yield Form(changed(card_id="123456789012347"), "card_number:card_id", unsaid=True)
    yield Form(changed(card_id=4242424242424242), "card_number:card_id")
    yield Form(changed(card_id="4242424242424241"))
    yield Form(changed(card_id="4242 4242 4242 4242"), "card_number:card_id", unsaid=True)
    yield Form(changed(merchant_id="4242-4242-4242-4242"), "card_number:merchant_id", unsaid=True)
    yield Form(changed(card_id="4242 4242 4242 424x"))
    yield Form(changed(device_id=CARD), "card_number:device_id", unsaid=True)
    yield from noted("device_id", " ", "a\tb", ["a"], {})
    yield Form(literal("device_id", r'"\ud800"'), notes=("device_id",), lenient=True)
    yield from noted("ip_prefix", ["203.0.113.0/24"], {})


def optional() -> Iterator[Form]:
    """Yields forms of the fields that may be absent."""
    yield from noted("latitude", "NaN", "Infinity", "1e999", "--1", "1d", "0x1p3", "north", "48.", True, [1], {})
    yield Form(literal("latitude", "NaN"), notes=("latitude",), lenient=True)
    yield Form(literal("longitude", "Infinity"), notes=("longitude",), lenient=True)
    yield Form(literal("longitude", "-Infinity"), notes=("longitude",), lenient=True)
    yield Form(literal("latitude", "1e1"), fields={"latitude": 10.0})
    yield Form(changed(latitude="48.85"), fields={"latitude": 48.85}, lenient=True)
    for name, most in (("latitude", 90), ("longitude", 180)):
        yield Form(changed(**{name: most}), fields={name: float(most)})
        yield Form(changed(**{name: -most}), fields={name: float(-most)})
        yield from wrong(name, most + 0.001, -most - 1, 999, 1e300)
        yield Form(changed(**{name: "999"}), f"invalid:{name}")
    yield from noted("vpn", "Y", 1, "True", "TRUE", "yes", [True], {})
    yield from noted("is_fraud", "perhaps", 0, "FALSE")
    for value in (True, "true"):
        yield Form(changed(vpn=value), fields={"vpn": True}, lenient=value == "true")
    yield from wrong("transaction_type", "Refund", "sale", 1, [])
    for value in ("purchase", "withdrawal", "verification", "refund", "reversal"):
        yield Form(changed(transaction_type=value), fields={"transaction_type": value})
    yield Form(changed(merchant_country="DE"), fields={"merchant_country": "DE"})
    for name in ("latitude", "device_id", "vpn", "is_fraud", "transaction_type", "billing_amount", "merchant_country"):
        yield Form(changed(**{name: None}), fields={name: None}, lenient=True)
        yield Form(changed(**{name: ""}), fields={name: None}, lenient=True)


def vocabulary() -> Iterator[Form]:
    """Yields forms of the fields that have a few values, and of the others that must be there."""
    yield from wrong("channel", "pigeon", "POS", "pos ", 5, True, ["pos"])
    yield from wrong("response_code", "00", "Approved", "APPROVED", "51", 0, {"code": "00"})
    for code in ("approved", "declined", "insufficient_funds", "lost_or_stolen_card"):
        yield Form(changed(response_code=code), fields={"response_code": code})
    yield Form(changed(merchant_category=5411), fields={"merchant_category": "5411"}, lenient=True)
    for name in WIRE:
        if name not in ("latitude", "longitude"):
            yield Form(changed(**{name: ...}), f"missing:{name}")
            yield Form(changed(**{name: None}), f"missing:{name}")
            yield Form(changed(**{name: ""}), f"missing:{name}")


def wrappings() -> Iterator[Form]:
    """Yields what stands around a payment, or in its place."""
    value = changed()
    yield Form(value)
    yield Form(b"\xef\xbb\xbf" + value, lenient=True)
    yield Form(b" \r\n" + value + b"\r\n")
    yield Form(changed(trace_id="x", nested={"a": [1, {"b": None}]}, Amount="1"))
    yield Form(literal("trace_id", "NaN"))
    yield Form(value[:-1] + b',"x":1,"x":2}')
    yield Form(value[:-1] + b',"amount":"1"}', "repeated:amount", unsaid=True)
    yield Form(value[:-1] + b',"\\u0061mount":"1"}', "repeated:amount", unsaid=True)
    for nothing in (b"", b"   ", b"\t\n", b"\xef\xbb\xbf"):
        yield Form(nothing, "empty")
    yield Form(None, "tombstone")
    for text in (b"null", b"true", b"1", b'"text"', b"[]", b"{", b"}", b"[{}]", b"nonsense", b"{'transaction_id':'t1'}", b"\x00"):
        yield Form(text, "not_a_json_object")
    for text in (value[:-1], value + b"x", value + value, value + b"," + value, b"[" + value + b"]", value[:-1] + b",}"):
        yield Form(text, "not_a_json_object")
    yield Form(json.dumps(value.decode()).encode(), "not_a_json_object")
    yield Form(b"[" * 5_000, "not_a_json_object")
    yield Form(b'{"a":' * 1_500 + b"1" + b"}" * 1_500, "not_a_json_object")
    yield Form(value.replace(b":", b"="), "not_a_json_object")
    yield Form(value.replace(b",", b",,"), "not_a_json_object")
    yield Form(b"{}", "missing:transaction_id")
    for data in (b"\xff\xfe\x00", b'{"a":"\xc3\x28"}', value.decode().encode("utf-16"), b'{"card_id":"\xed\xa0\x80"}'):
        yield Form(data, "invalid_utf8")
    for data in (gzip.compress(value, mtime=0), zlib.compress(value), b"\x28\xb5\x2f\xfd" + value, b"\x04\x22\x4d\x18" + value):
        yield Form(data, "compressed")
    for data in (b"\x00\x00\x00\x00\x07" + value, b"\x00\x00\x00\x00\x01\x02\x06abc"):
        yield Form(data, "schema_registry_frame")
    for outer in ({"payload": {"after": WIRE}}, {"specversion": "1.0", "data": WIRE}, {"before": None, "after": WIRE, "op": "c"}):
        yield Form(json.dumps(outer).encode(), "envelope")


FORMS: tuple[Form, ...] = (*wrappings(), *times(), *amounts(), *identifiers(), *optional(), *vocabulary())
