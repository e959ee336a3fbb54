"""Avro as its writer wrote it, with schemas from a registry or a file."""

import base64
import json
import ssl
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pyspark.sql import DataFrame, SparkSession

from contract import Topics
from spark_jobs.errors import UnusableRegistry
from spark_jobs.input_settings import InputSettings
from spark_jobs.sources import inputs_of, require_inputs
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.mapping import mapping
from tests.avro import SMALL, FakeRegistry, encoded, schema_answer, sent, settings
from tests.certificates import Authority
from tests.frames import EVERY_TIME
from tests.mapped import fields, mapped

TOPICS = Topics()
AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
Raw = Callable[..., DataFrame]

PAYMENT = {
    "type": "record",
    "name": "Payment",
    "namespace": "bank",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}},
        {
            "name": "rest",
            "type": {"type": "fixed", "name": "Rest", "size": 9, "logicalType": "decimal", "precision": 20, "scale": 2},
        },
        {"name": "millis", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "micros", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "hour", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "channel", "type": {"type": "enum", "name": "Channel", "symbols": ["pos", "ecom"]}},
        {"name": "note", "type": ["null", "string"]},
        {"name": "absent", "type": ["null", "string"]},
        {"name": "uuid", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "raw", "type": {"type": "fixed", "name": "Raw", "size": 3}},
        {"name": "rate", "type": "float"},
        {"name": "share", "type": "double"},
        {"name": "ok", "type": "boolean"},
        {"name": "tags", "type": {"type": "map", "values": "string"}},
        {
            "name": "lines",
            "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [{"name": "sku", "type": "string"}]}},
        },
        {"name": "parent", "type": ["null", "Payment"]},
    ],
}
VALUE = {
    "id": 7_000_000_000,
    "amount": Decimal("12.5000"),
    "rest": Decimal("-0.01"),
    "millis": AT,
    "micros": AT,
    "day": date(2026, 1, 2),
    "hour": time(3, 4, 5),
    "channel": "ecom",
    "note": "é",
    "absent": None,
    "uuid": UUID("0f0e0d0c-0b0a-0908-0706-050403020100"),
    "raw": b"\x00\xff\x01",
    "rate": 12.34,
    "share": 0.1,
    "ok": True,
    "tags": {"a.b": "c"},
    "lines": [{"sku": "s1"}, {"sku": "s2"}],
    "parent": None,
}
SOURCES = {
    "transaction_id": "$.id",
    "amount": "$.amount",
    "event_time": "$.micros",
    "card_id": "$.millis",
    "customer_id": "$.day",
    "terminal_id": "$.hour",
    "channel": "$.channel",
    "merchant_id": "$.note",
    "device_id": "$.absent",
    "merchant_category": "$.uuid",
    "currency": "$.raw",
    "country": "$.rate",
    "response_code": "$.share",
    "vpn": "$.ok",
    "ip_prefix": "$.tags['a.b']",
    "latitude": "$.lines[1].sku",
    "longitude": "$.rest",
    "is_fraud": "$.parent.note",
}
TEXTS = {
    "transaction_id": "7000000000",
    "amount": "12.5000",
    "event_time": "2026-01-02T03:04:05.678901Z",
    "card_id": "2026-01-02T03:04:05.678000Z",
    "customer_id": "2026-01-02",
    "terminal_id": "03:04:05",
    "channel": "ecom",
    "merchant_id": "é",
    "device_id": None,
    "merchant_category": "0f0e0d0c-0b0a-0908-0706-050403020100",
    "currency": base64.b64encode(b"\x00\xff\x01").decode(),
    "country": "12.34",
    "response_code": "0.1",
    "vpn": "true",
    "ip_prefix": "c",
    "latitude": "s2",
    "longitude": "-0.01",
    "is_fraud": None,
}


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    one = FakeRegistry({"/schemas/types": ["AVRO"]})
    yield one
    one.close()


def test_every_type_comes_out_as_text_that_the_contract_reads(raw: Raw, tmp_path: Path) -> None:
    file = tmp_path / "payment.avsc"
    file.write_text(json.dumps(PAYMENT))
    asked = {"transactions": {"format": "avro", "schema_file": file, "fields": fields(**SOURCES)}}
    inner = {**VALUE, "parent": {**VALUE, "note": "inner"}}
    outer, nested = mapped(raw(*sent(encoded(PAYMENT, VALUE), encoded(PAYMENT, inner))), asked)
    assert {name: outer["mapped"][name] for name in TEXTS} == TEXTS
    assert nested["mapped"]["is_fraud"] == "inner"


def test_each_record_is_read_with_its_own_writers_schema_and_each_schema_is_asked_for_once(
    raw: Raw, registry: FakeRegistry
) -> None:
    wider = {**SMALL, "fields": [{"name": "more", "type": "int"}, *SMALL["fields"]]}
    registry.answers |= {"/schemas/ids/1": schema_answer(SMALL), "/schemas/ids/2": schema_answer(wider, schemaType="AVRO")}
    values = [encoded(SMALL, {"id": "a"}, 1), encoded(wider, {"id": "b", "more": 5}, 2)] * 3
    rows = mapped(raw(*sent(*values)), settings(registry.url, {"transaction_id": "$.id", "amount": "$.more"}))
    assert [(row["mapped"]["transaction_id"], row["mapped"]["amount"]) for row in rows] == [("a", None), ("b", "5")] * 3
    assert sorted(registry.asked) == ["/schemas/ids/1", "/schemas/ids/2"]


def test_a_schema_that_refers_to_others_is_read_after_them(raw: Raw, registry: FakeRegistry) -> None:
    outer = {"type": "record", "name": "Outer", "fields": [{"name": "small", "type": "Small"}]}
    refers = [{"name": "Small", "subject": "small value", "version": 3}]
    registry.answers |= {
        "/schemas/ids/1": schema_answer(outer, references=refers),
        "/subjects/small%20value/versions/3": schema_answer(SMALL),
    }
    value = struct.pack(">bI", 0, 1) + encoded(SMALL, {"id": "a"})
    (row,) = mapped(raw(*sent(value)), settings(registry.url, {"transaction_id": "$.small.id"}))
    assert row["mapped"]["transaction_id"] == "a"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "no_schema_registry_frame"),
        (b'{"id": "a"}', "no_schema_registry_frame"),
        (encoded(SMALL, {"id": "a"}, 1) + b"more", "not_avro"),
        (encoded(SMALL, {"id": "a"}, 1)[:-1], "not_avro"),
        (struct.pack(">bI", 0, 1) + b"\xfe\xff\xff\xff\x0f", "not_avro"),  # a text of two GiB
        (encoded(SMALL, {"id": "a"}, 9), "unknown_schema"),
        (encoded(SMALL, {"id": "a"}, 2), "unknown_schema"),
        (encoded(SMALL, {"id": "a"}, 3), "unknown_schema"),
        (struct.pack(">bI", 0, 4) + b"\xfe\xff\xff\xff\xff\xff\x0f", "not_avro"),  # as many nulls as a long can count
        (struct.pack(">bI", 0, 5) + b"\x02" * 60_000 + b"\x00", "not_avro"),  # a list deeper than the stack
    ],
)
def test_what_is_no_avro_passes_with_its_reason(raw: Raw, registry: FakeRegistry, value: bytes, reason: str) -> None:
    chain = {"type": "record", "name": "Chain", "fields": [{"name": "next", "type": ["null", "Chain"]}]}
    registry.answers |= {
        "/schemas/ids/1": schema_answer(SMALL),
        "/schemas/ids/2": {"schema": "{}", "schemaType": "JSON"},
        "/schemas/ids/3": {"schema": "no schema"},
        "/schemas/ids/4": schema_answer({"type": "array", "items": "null"}),
        "/schemas/ids/5": schema_answer(chain),
    }
    (row,) = mapped(raw(*sent(value)), settings(registry.url, {"transaction_id": "$.id"}))
    assert (row["kind"], row["mapped"], row["unreadable"], bytes(row["value"])) == ("transaction", None, reason, value)


def test_the_registry_away_known_schemas_go_on_and_an_unknown_one_is_a_dead_letter(raw: Raw, registry: FakeRegistry) -> None:
    registry.answers |= {"/schemas/ids/1": schema_answer(SMALL)}
    asked = settings(registry.url, {"transaction_id": "$.id"})
    assert mapped(raw(*sent(encoded(SMALL, {"id": "a"}, 1))), asked)[0]["unreadable"] is None
    registry.close()
    known, unknown = mapped(raw(*sent(encoded(SMALL, {"id": "b"}, 1), encoded(SMALL, {"id": "c"}, 2))), asked)
    assert known["mapped"]["transaction_id"] == "b"
    assert unknown["unreadable"] == "schema_registry_away"


def test_a_schema_is_waited_for_while_the_registry_comes_back(raw: Raw, registry: FakeRegistry) -> None:
    """It answers with errors for a while: three times, whatever the clock says."""

    class ComesBack(dict):
        left = 3

        def get(self, path: str, default: Any = None) -> Any:
            self.left -= 1
            return 503 if self.left >= 0 else schema_answer(SMALL)

    registry.answers = ComesBack()
    (row,) = mapped(raw(*sent(encoded(SMALL, {"id": "a"}, 1))), settings(registry.url, {"transaction_id": "$.id"}, wait="1m"))
    assert row["mapped"]["transaction_id"] == "a"
    assert len(registry.asked) == 4


def test_password_and_client_certificate_come_from_files(raw: Raw, spark: SparkSession, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.certificate("localhost"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    registry = FakeRegistry({"/schemas/types": ["AVRO"], "/schemas/ids/1": schema_answer(SMALL)}, context)
    certificate, key = authority.certificate("detector")
    password = tmp_path / "password"
    password.write_text("hidden\n")
    more = {
        "username": "me",
        "password_file": password,
        "ca_file": authority.file,
        "certificate_file": certificate,
        "key_file": key,
    }
    asked = settings(registry.url, {"transaction_id": "$.id"}, **more)
    require_inputs(spark, inputs_of(InputSettings.model_validate(asked), TOPICS))
    (row,) = mapped(raw(*sent(encoded(SMALL, {"id": "a"}, 1))), asked)
    assert row["mapped"]["transaction_id"] == "a"
    assert registry.authorization == {"Basic " + base64.b64encode(b"me:hidden").decode()}
    without = settings(registry.url, {"transaction_id": "$.id"}, ca_file=authority.file)
    with pytest.raises(UnusableRegistry) as refused:
        require_inputs(spark, inputs_of(InputSettings.model_validate(without), TOPICS))
    assert "hidden" not in str(refused.value)
    registry.close()


def test_a_registry_that_refuses_is_told_at_start(spark: SparkSession, registry: FakeRegistry) -> None:
    registry.answers["/schemas/types"] = 401
    with pytest.raises(UnusableRegistry, match="the registry answers 401"):
        require_inputs(spark, inputs_of(InputSettings.model_validate(settings(registry.url, {})), TOPICS))


def test_an_array_in_avro_gives_a_record_for_each_element(raw: Raw, tmp_path: Path) -> None:
    file = tmp_path / "payment.avsc"
    file.write_text(json.dumps(PAYMENT))
    asked = {"transactions": {"format": "avro", "schema_file": file, "each": "$.lines", "fields": fields(transaction_id="$.sku")}}
    rows = mapped(raw(*sent(encoded(PAYMENT, VALUE))), asked)
    assert [(row["mapped"]["transaction_id"], bytes(row["value"])) for row in rows] == [
        ("s1", b'{"sku":"s1"}'),
        ("s2", b'{"sku":"s2"}'),
    ]


def test_a_number_that_is_no_time_of_its_type_is_told_by_its_field(raw: Raw, tmp_path: Path) -> None:
    """And where nobody asks for it, it costs no payment."""
    late = {
        "type": "record",
        "name": "Late",
        "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}, *SMALL["fields"]],
    }
    file = tmp_path / "late.avsc"
    file.write_text(json.dumps(late))
    plain = {**late, "fields": [{"name": "at", "type": "long"}, *SMALL["fields"]]}
    values = [encoded(plain, {"at": at, "id": "a"}) for at in (2**62, 2**52, -(10**3))]
    asked = {"transactions": {"format": "avro", "schema_file": file, "fields": fields(event_time="$.at", card_id="$.id")}}
    rows = mapped(raw(*sent(*values)), asked)
    assert [row["mapped"]["event_time"] for row in rows] == [
        str(2**62),
        "+144683-05-23T16:29:30.496000Z",
        "1969-12-31T23:59:59.000000Z",
    ]
    asked["transactions"]["fields"] = fields(card_id="$.id")
    assert [row["mapped"]["card_id"] for row in mapped(raw(*sent(*values)), asked)] == ["a"] * 3


def test_the_inside_of_what_is_wanted_as_a_whole_is_read_too(raw: Raw, tmp_path: Path) -> None:
    file = tmp_path / "payment.avsc"
    file.write_text(json.dumps(PAYMENT))
    sources = {"transaction_id": "$.lines", "card_id": "$.lines[1].sku", "customer_id": "$.tags", "terminal_id": "$.lines[2].sku"}
    asked = {"transactions": {"format": "avro", "schema_file": file, "fields": fields(**sources)}}
    (row,) = mapped(raw(*sent(encoded(PAYMENT, VALUE))), asked)
    assert [row["mapped"][name] for name in sources] == ['[{"sku":"s1"},{"sku":"s2"}]', "s2", '{"a.b":"c"}', None]


def test_a_text_that_is_not_utf_8_is_no_text_of_a_field(raw: Raw, tmp_path: Path) -> None:
    file = tmp_path / "small.avsc"
    file.write_text(json.dumps(SMALL))
    value = encoded({**SMALL, "fields": [{"name": "id", "type": "bytes"}]}, {"id": b"\xff"})
    asked = {"transactions": {"format": "avro", "schema_file": file, "fields": fields(card_id="$.id")}}
    events = decode(
        mapping(
            raw((TOPICS.transactions, value, {"timestamp": AT})), inputs_of(InputSettings.model_validate(asked), TOPICS), 65_536
        ),
        EVERY_TIME,
    )
    assert "invalid:card_id" in events.first().reasons
