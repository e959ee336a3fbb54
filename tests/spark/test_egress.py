"""What leaves the detector is the contract's, byte for byte the same each time."""

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal

from pyspark.sql import DataFrame

from contract import SCHEMA_VERSION, Alert, Header, Rejected, Scored, Topics, decode, encode
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.settings import Rule
from spark_jobs.transforms.decide import ruleset_version
from spark_jobs.transforms.egress import egress
from tests.records import AT, transaction
from tests.spark.test_decide import detected

TOPICS = Topics()
RULES = {"large": Rule(when="amount > 100", reason='It is "large"')}
Raw = Callable[..., DataFrame]


def test_a_transaction_an_alert_and_a_dead_letter(raw: Raw) -> None:
    small = transaction(amount=Decimal("0.10"), device_id='é"\n', vpn=False, channel="ecom", latitude=None, longitude=None)
    large = transaction(transaction_id="t2", amount=Decimal("100.10"), is_fraud=True)
    headers = [("trace", b"\x01\xff"), ("none", None)]
    frame = raw(
        (TOPICS.transactions, encode(small), {"timestamp": AT}),
        (TOPICS.transactions, encode(large), {"timestamp": AT}),
        (TOPICS.transactions, b"\xff", {"timestamp": AT, "headers": headers, "key": b"\x00\x01"}),
        (TOPICS.labels, None, {"timestamp": AT, "key": None}),
    )
    topics = (TOPICS.scored, TOPICS.alerts, TOPICS.rejected)
    records = sorted(egress(detected(frame, RULES), TOPICS).collect(), key=lambda one: (topics.index(one.topic), one.key is None))
    assert [record.topic for record in records] == [TOPICS.scored, TOPICS.scored, TOPICS.alerts, TOPICS.rejected, TOPICS.rejected]
    assert [record.key and bytes(record.key) for record in records] == [b"card-1", b"card-1", b"card-1", b"\x00\x01", None]
    values = [bytes(record.value) for record in records]
    values[:2] = sorted(values[:2], key=lambda value: decode(Scored, value).transaction.transaction_id)
    features = [decode(Scored, value).features for value in values[:2]]
    version = ruleset_version(RULES)
    scored = [
        Scored(transaction=small, features=features[0], decision="approve", rules=(), ruleset_version=version),
        Scored(transaction=large, features=features[1], decision="review", rules=("large",), ruleset_version=version),
    ]
    assert values[:2] == [encode(one) for one in scored]
    assert [found["card_count_1h"] for found in features] == [1.0, 2.0]
    assert {"is_weekend": 1.0, "is_night": 0.0}.items() <= features[0].items()
    assert features[0].keys() < set(FEATURE_COLUMNS), "what is absent is left out"
    alert = Alert(
        alert_id=hashlib.sha256(b"fraud-alert:t2").hexdigest(),
        transaction_id="t2",
        user_id=large.customer_id,
        timestamp=large.event_time,
        decision="review",
        reasons=('It is "large"',),
        rules=("large",),
        card_id=large.card_id,
        amount=large.amount,
        currency="EUR",
        merchant=large.merchant_id,
        ruleset_version=version,
    )
    assert values[2] == encode(alert)
    dead = Rejected(
        topic=TOPICS.transactions,
        partition=0,
        offset=2,
        timestamp=AT,
        reasons=("invalid_utf8",),
        schema_version=SCHEMA_VERSION,
        key=b"\x00\x01",
        value=b"\xff",
        headers=(Header(key="trace", value=b"\x01\xff"), Header(key="none")),
    )
    assert values[3] == encode(dead)
    assert decode(Rejected, values[4]).reasons == ("tombstone",)


def test_a_dead_letter_always_fits_into_kafka(raw: Raw) -> None:
    big = b"\x01" * 1_000_000
    frame = raw(
        (TOPICS.transactions, big, {"timestamp": AT, "key": b"k"}),
        (TOPICS.transactions, b"", {"timestamp": AT, "key": big}),
        (TOPICS.transactions, b"", {"timestamp": AT, "headers": [("h", big)]}),
        (TOPICS.transactions, b"x" * 400_000, {"timestamp": AT, "key": b"k" * 60_000, "headers": [("\x01" * 30_000, b"")]}),
    )
    records = egress(detected(frame, RULES), TOPICS).collect()
    assert all(len(record.key) + len(record.value) < 1_000_000 for record in records)
    dead = sorted((decode(Rejected, bytes(record.value)) for record in records), key=lambda one: one.offset)
    value, key, headers, all_fits = dead
    assert value.truncated
    assert big.startswith(value.value)
    assert len(value.value) == 409_600
    assert (key.truncated, len(key.key)) == (True, 65_536)
    assert (headers.truncated, headers.headers) == (True, None)
    assert (all_fits.truncated, len(all_fits.value)) == (None, 400_000)


def test_labels_and_profiles_change_history_and_leave_nothing(raw: Raw) -> None:
    label = {"transaction_id": "t", "card_id": "c", "terminal_id": "T", "event_time": "2018-04-01T00:00:00Z"}
    label |= {"labelled_at": "2018-04-08T00:00:00Z", "is_fraud": True}
    frame = raw((TOPICS.labels, json.dumps(label).encode(), {"timestamp": AT}))
    assert [row.kind for row in detected(frame, RULES).collect()] == ["label"]
    assert egress(detected(frame, RULES), TOPICS).count() == 0
