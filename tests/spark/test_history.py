"""History in a stream: what changes it, what passes it, and a checkpoint that is not its own."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession

from configuration import KafkaConnection, TopicNames
from contract import Customer, Label, Merchant, Topics, encode
from harness.detector import Detector
from harness.kafka import read_all, send
from spark_jobs import checkpoint
from spark_jobs.aggregations import days
from spark_jobs.errors import UnusableCheckpoint
from spark_jobs.features import CARD, TERMINAL
from spark_jobs.pipeline import features
from spark_jobs.transforms.decode import decode
from tests.records import AT, transaction

TOPICS = Topics()
YEARS = timedelta(days=365_000)


def featured(raw: Callable[..., DataFrame], *records: tuple[str, bytes]) -> dict[str, dict[str, float]]:
    """Returns the features of each transaction of a batch, without those that are absent."""
    rows = features(decode(raw(*((topic, value, {"timestamp": AT}) for topic, value in records)), TOPICS, 65_536, YEARS, YEARS))
    found = rows.where("kind = 'transaction'").select("transaction.transaction_id", "features").collect()
    return {
        row.transaction_id: {name: value for name, value in row.features.asDict().items() if value is not None} for row in found
    }


def paid(name: str, after: timedelta = timedelta(0), **changes: object) -> tuple[str, bytes]:
    return TOPICS.transactions, encode(replace(transaction(transaction_id=name, event_time=AT + after), **changes))


def test_a_label_counts_from_when_it_was_known(raw: Callable[..., DataFrame]) -> None:
    def label(known: timedelta) -> tuple[str, bytes]:
        old = transaction()
        one = Label(
            transaction_id="old",
            card_id=old.card_id,
            terminal_id=old.terminal_id,
            event_time=AT,
            labelled_at=AT + known,
            is_fraud=True,
        )
        return TOPICS.labels, encode(one)

    now = days(7) + timedelta(hours=12)
    found = featured(raw, paid("old"), paid("now", now), label(now))
    assert found["now"]["terminal_fraud_count_1d_delay_7d"] == 1
    assert found["now"]["terminal_risk_1d"] == 1
    found = featured(raw, paid("old"), paid("now", now), label(now + timedelta(microseconds=1)))
    assert found["now"]["terminal_fraud_count_1d_delay_7d"] == 0


def test_profiles_a_journey_and_a_device(raw: Callable[..., DataFrame]) -> None:
    one = transaction()
    holder = Customer(
        customer_id=one.customer_id, card_id=one.card_id, name="N", birth_date=date(1980, 1, 1), country="FR", home_latitude=48.0,
        home_longitude=2.0, signup_date=AT.date() - timedelta(days=100), updated_at=AT - days(1),
    )  # fmt: skip
    owner = Merchant(
        merchant_id=one.merchant_id, terminal_id=one.terminal_id, name="N", merchant_category="5411", country="FR", latitude=48.0,
        longitude=2.0, onboarding_date=AT.date() - timedelta(days=5), updated_at=AT - days(1),
    )  # fmt: skip
    place = {"latitude": 48.0, "longitude": 2.0}
    found = featured(
        raw,
        (TOPICS.customers, encode(holder)),
        (TOPICS.merchants, encode(owner)),
        paid("a", **place, device_id="mine"),
        paid("b", timedelta(hours=1), latitude=49.0, longitude=2.0, device_id="new"),
        paid("c", timedelta(hours=2), latitude=None, longitude=None, device_id="mine"),
        paid("d", timedelta(hours=3), latitude=48.0, longitude=2.0),
    )
    assert found["a"]["account_age_days"] == 100
    assert found["a"]["terminal_age_days"] == 5
    assert found["a"]["home_distance_km"] == 0
    assert "speed_kmh" not in found["a"]
    assert found["b"]["home_distance_km"] == pytest.approx(111.2, abs=0.1)
    assert found["b"]["speed_kmh"] == pytest.approx(111.2, abs=0.1)
    assert found["d"]["speed_kmh"] == pytest.approx(111.2 / 2, abs=0.1), "since the last purchase with a place, two hours ago"
    assert (found["b"]["card_count_same_device_id_30d"], found["c"]["card_count_same_device_id_30d"]) == (1, 2)
    assert not {"speed_kmh", "home_distance_km"} & found["c"].keys(), "no place, no distance"


def test_ties_repeats_and_what_is_late(raw: Callable[..., DataFrame]) -> None:
    found = featured(
        raw,
        paid("b", amount=Decimal(20)),
        paid("a", amount=Decimal(10)),
        paid("b", amount=Decimal(20)),
        paid("c", timedelta(hours=1), amount=Decimal(30)),
    )
    assert [found[name]["card_sum_amount_1h"] for name in "abc"] == [10, 30, 30], "an hour ago is outside"
    assert [found[name]["card_count_1d"] for name in "abc"] == [1, 2, 3], "a repeat counts once"


def test_histories_in_memory_are_in_the_checkpoint_when_it_is_made_and_again_after_a_crash(
    detector: Detector, kafka: KafkaConnection, topics: TopicNames, raw: Callable[..., DataFrame]
) -> None:
    cards, rounds = [f"card-{number}" for number in range(5)], 4
    chunks = []
    for chunk in range(3):
        moments = [timedelta(minutes=chunk * rounds + round_) for round_ in range(rounds)]
        chunks.append(
            [
                paid(f"{card} {at}", at, card_id=card, terminal_id=f"T{card}", amount=Decimal(chunk + 1))
                for at in moments
                for card in cards
            ]
        )
    # The second run has no checkpoint before its end: the third one repeats it.
    runs: list[tuple[str, int, Callable[[], int | None]]] = [
        ("5s", 1, detector.stop),
        ("5m", 2, detector.kill),
        ("5s", 4, detector.stop),
    ]
    for chunk, (duration, scored, end) in zip(chunks, runs, strict=True):
        detector.start("realTime", trigger={"mode": "realTime", "duration": duration})
        send(kafka.bootstrap_servers, topics.transactions, [(b"k", value) for _, value in chunk])
        detector.until_scored(scored * len(chunk))
        assert not end(), detector.errors
    expected = featured(raw, *(record for chunk in chunks for record in chunk))
    found = [json.loads(record.value or b"") for record in read_all(kafka.bootstrap_servers, topics.scored)]
    for one in found:
        assert one["features"] == expected[one["transaction"]["transaction_id"]]
    assert {one["transaction"]["transaction_id"] for one in found} == expected.keys()
    assert len(found) == len(expected) + len(chunks[1]), "what the first run did is in its checkpoint, and not repeated"


def test_a_checkpoint_of_other_features_or_partitions_is_refused(
    detector: Detector, kafka: KafkaConnection, topics: TopicNames, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = detector.settings["checkpoint"]
    checkpoint.require_same_state(spark, place, 2)
    send(kafka.bootstrap_servers, topics.transactions, [(b"k", encode(transaction(event_time=datetime.now(UTC))))])
    assert detector.run("availableNow") == 0, detector.errors
    assert detector.run("availableNow", state_partitions=3) == 1
    assert "has its state in 2 partitions" in detector.errors
    assert "Traceback" not in detector.errors
    checkpoint.require_same_state(spark, place, 2)
    other = replace(CARD, aggregations=CARD.aggregations[1:])
    monkeypatch.setattr(checkpoint, "GROUPS", (TERMINAL, other))
    with pytest.raises(UnusableCheckpoint, match="other feature definitions"):
        checkpoint.require_same_state(spark, place, 2)
    (scored,) = read_all(kafka.bootstrap_servers, topics.scored)
    assert json.loads(scored.value)["features"]["card_count_1h"] == 1
