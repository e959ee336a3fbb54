"""The batch gives what the rule says (harness.rule), of records that are hard on features; refunds and deletions pass beside it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from configuration import KafkaConnection, TopicNames
from contract import Customer, Label, Merchant, Scored, Topics, Transaction, decode, encode
from harness.detector import Detector
from harness.kafka import read_all, send
from harness.ranges import assert_in_range
from harness.rule import Record, batch_order
from harness.worlds import assert_same
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.pipeline import features, judge
from spark_jobs.settings import S3, Rule
from spark_jobs.transforms.score import ModelSource
from tests.feature_worlds import DAY, HOUR, by_rule, customer, payments_of, world
from tests.frames import decoded
from tests.models import MADE_AT, linear
from tests.records import AT, transaction
from training.bundle import MODEL, Description, Thresholds, describe
from training.store import ModelStore

TOPICS = Topics()
TOPIC_OF = {
    Transaction: TOPICS.transactions,
    Label: TOPICS.labels,
    Customer: TOPICS.customers,
    Merchant: TOPICS.merchants,
}
Raw = Callable[..., DataFrame]


def events(raw: Raw, records: list[tuple[str, bytes | None, dict[str, Any]]]) -> DataFrame:
    return decoded(raw(*records))


def by_spark(raw: Raw, records: list[Record]) -> pd.DataFrame:
    sent: list[tuple[str, bytes | None, dict[str, Any]]] = [
        (TOPIC_OF[type(one)], encode(one), {"timestamp": AT}) for one in records
    ]
    rows = features(events(raw, sent)).where("kind = 'transaction'").select("transaction.transaction_id", "features.*")
    return rows.toPandas().set_index("transaction_id")[list(FEATURE_COLUMNS)]


def test_the_batch_is_the_rule_and_in_range_with_zeros_ties_gaps_corrections_and_huge_amounts(raw: Raw) -> None:
    records = [one for seed in range(100, 116) for one in world(seed, largest=True)]
    Random(1).shuffle(records)  # noqa: S311
    expected = by_rule(batch_order(records))
    found = by_spark(raw, records)
    assert_same(found, expected, tolerance=1e-9)
    assert_in_range(payments_of(found))
    assert payments_of(found)["terminal_risk_30d"].between(0.01, 0.99).any()


def test_nothing_is_left_of_zero_amounts(raw: Raw) -> None:
    """Payments of 0.00, as cards are verified by, and then one of 0.15: there is no mean to compare with."""
    paid = [
        transaction(transaction_id=f"{many}-{number}", card_id=f"of {many}", amount=amount, event_time=AT + number * HOUR)
        for many in range(3, 12)
        for number, amount in enumerate([transaction().amount * 0] * many + [transaction().amount])
    ]
    found = by_spark(raw, [*paid])
    assert found["amount_to_past_mean_7d"].isna().all()
    assert found["amount_to_past_mean_30d"].isna().all()


def test_a_refund_is_seen_by_rules_and_by_nothing_else(spark: SparkSession, raw: Raw, tmp_path: Path) -> None:
    store = ModelStore(str(tmp_path / "models"), S3())
    files = {MODEL: linear(1, 0.01)}
    known = Description(features=("amount",), usual=(50.0,), thresholds=Thresholds(review=0.99))
    manifest = describe("onnx", known, files, MADE_AT)
    store.add(manifest, files)
    store.point("champion", manifest.version, "a test")
    paid = [
        transaction(transaction_id="a"),
        transaction(transaction_id="b", event_time=AT + HOUR, transaction_type="refund", vpn=True),
        transaction(transaction_id="c", event_time=AT + HOUR, transaction_type="reversal"),
        transaction(transaction_id="d", event_time=AT + 2 * HOUR, transaction_type="verification"),
    ]
    rules = {"given back": Rule(when="transaction_type = 'refund' AND amount > 10", reason="Money is given back")}
    sent: list[tuple[str, bytes | None, dict[str, Any]]] = [(TOPICS.transactions, encode(one), {"timestamp": AT}) for one in paid]
    judged = judge(features(events(raw, sent)), rules, ModelSource(store.place, 3_600))
    rows = {row.transaction.transaction_id: row for row in judged.collect()}
    assert {name: row.features.card_count_1d for name, row in rows.items()} == {"a": 1, "b": None, "c": None, "d": 2}
    assert {*rows["b"].features.asDict().values(), *rows["c"].features.asDict().values()} == {None}
    assert {name for name, row in rows.items() if row.score is None} == {"b", "c"}
    assert {name: row.decision for name, row in rows.items()} == {"a": "approve", "b": "review", "c": "approve", "d": "approve"}


def test_a_card_in_several_currencies_is_counted_unless_it_is_told_what_is_charged(raw: Raw) -> None:
    billed = {"billing_amount": transaction().amount, "billing_currency": "EUR"}
    paid = [
        transaction(transaction_id="a", card_id="mixed"),
        transaction(transaction_id="b", card_id="mixed", event_time=AT + HOUR, currency="USD"),
        transaction(transaction_id="c", card_id="mixed", event_time=AT + 40 * DAY, currency="USD"),
        transaction(transaction_id="d", card_id="billed"),
        transaction(transaction_id="e", card_id="billed", event_time=AT + HOUR, currency="USD", **billed),
    ]
    sent: list[tuple[str, bytes | None, dict[str, Any]]] = [(TOPICS.transactions, encode(one), {"timestamp": AT}) for one in paid]
    rows = features(events(raw, sent)).selectExpr("transaction.transaction_id AS name", "mixed_currencies AS mixed").collect()
    assert {row.name: row.mixed for row in rows} == {"a": False, "b": True, "c": False, "d": False, "e": False}


def test_a_deletion_takes_the_profile_and_a_later_one_counts_however_old(raw: Raw) -> None:
    """In one batch, in the order in which they came to Kafka."""
    own = transaction().card_id
    home, moved = (encode(customer(own, AT - days * DAY, latitude)) for days, latitude in ((1, 48.0), (9, -90.0)))
    paid = [
        encode(transaction(transaction_id=name, event_time=AT + hours * HOUR)) for name, hours in (("a", 1), ("b", 3), ("c", 5))
    ]
    sent = [
        (TOPICS.customers, home, 0),
        (TOPICS.transactions, paid[0], 1),
        (TOPICS.customers, None, 2),
        (TOPICS.transactions, paid[1], 3),
        (TOPICS.customers, moved, 4),
        (TOPICS.transactions, paid[2], 5),
    ]
    read = events(raw, [(topic, value, {"timestamp": AT + hours * HOUR, "key": own.encode()}) for topic, value, hours in sent])
    rows = features(read).where("kind = 'transaction'").select("transaction.transaction_id", "features.*").collect()
    found = {row.transaction_id: (row.home_distance_km, row.account_age_days) for row in rows}
    assert found["b"] == (None, None)
    assert found["a"][0] < 100 < 10_000 < found["c"][0]


def test_a_deletion_is_kept_in_the_checkpoint_and_is_no_dead_letter(
    kafka: KafkaConnection, run_here: Callable[..., None], new_topics: Callable[[int], TopicNames], tmp_path: Path
) -> None:
    detector = Detector(kafka, new_topics(1), tmp_path)
    topics, own = detector.topics, transaction().card_id

    def arrives(topic: str, value: bytes | None) -> None:
        send(kafka.bootstrap_servers, topic, [(own.encode(), value)])

    def paid(name: str) -> bytes:
        return encode(replace(transaction(transaction_id=name), event_time=AT + HOUR))

    arrives(topics.customers, encode(customer(own, AT)))
    arrives(topics.transactions, paid("known"))
    run_here(detector)
    arrives(topics.customers, None)
    run_here(detector)
    arrives(topics.transactions, paid("forgotten"))
    run_here(detector)
    arrives(topics.customers, encode(customer(own, AT - DAY)))
    arrives(topics.transactions, paid("now again"))
    run_here(detector)
    scored = [decode(Scored, record.value) for record in read_all(kafka.bootstrap_servers, topics.scored)]
    assert {one.transaction.transaction_id: "home_distance_km" in one.features for one in scored} == {
        "known": True,
        "forgotten": False,
        "now again": True,
    }
    assert not read_all(kafka.bootstrap_servers, topics.rejected)


def test_names_and_birth_dates_of_customers_go_from_no_task_to_another(raw: Raw) -> None:
    """What leaves the second shuffle is what went into the first: an event passes through the kernel as it is."""
    decoded_events = events(raw, [(TOPICS.customers, encode(customer("c-1", AT)), {"timestamp": AT})])
    assert {"name", "birth_date"} <= set(decoded_events.select("customer.*").columns)
    (profile,) = features(decoded_events).select("customer.*").collect()
    assert profile["customer_id"] == "of c-1"
    assert not {"name", "birth_date"} & set(profile.asDict())
