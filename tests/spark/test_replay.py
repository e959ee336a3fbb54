"""A dead letter that is sent again is the same record: judged as it was, scored once, told to nobody twice."""

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from pyspark.sql import SparkSession

from configuration import KafkaConnection, TopicNames
from contract import Alert, Scored, decode, encode
from harness.detector import Detector
from harness.kafka import Record, read_all
from local.rejected.__main__ import ReplaySettings, replay
from local.rejected.letters import Wanted, read
from local.rejected.sending import Sender
from tests.forms import CARD
from tests.records import AT, transaction

RunHere = Callable[..., None]
SENT_AT = int(AT.timestamp() * 1000) + 500
STRICT: dict[str, Any] = {"limits": {"unknown_fields": "refuse"}}
CUSTOMER = {
    "customer_id": "C1",
    "card_id": "card-1",
    "name": "A",
    "birth_date": "1980-01-01",
    "country": "FR",
    "home_latitude": 48.0,
    "home_longitude": 2.0,
    "signup_date": "2015-01-01",
    "updated_at": "2018-01-01T00:00:00Z",
}
"""A profile, as JSON has it."""


def paid(number: int, **more: Any) -> bytes:
    """Returns a payment above the amount of the rule `large`, with fields that the contract does not know."""
    one = transaction(transaction_id=f"t{number}", card_id=f"card-{number}", amount=Decimal(f"{200 + number}.00"))
    return json.dumps(json.loads(encode(one)) | more).encode()


def profile(**changes: Any) -> bytes:
    return json.dumps(CUSTOMER | changes).encode()


def sent(kafka: KafkaConnection, topic: str, *records: tuple[bytes, bytes, list[tuple[str, bytes]]]) -> None:
    producer = Producer(kafka.librdkafka())
    for key, value, headers in records:
        producer.produce(topic, value, key, timestamp=SENT_AT, headers=headers)
    assert producer.flush(30) == 0


def replayed(spark: SparkSession, detector: Detector, **changes: Any) -> dict[str, Any]:
    """Returns the report of a replay of all letters that wait, sent, in the tests' own Spark."""
    settings = ReplaySettings.load(["--config", str(detector.write("availableNow", **changes))], "tests")
    sender = Sender(settings.kafka, settings.topics.rejected)
    letters = read(settings.kafka, settings.topics.rejected, Wanted())
    found = replay(spark, letters.waiting, len(letters.replayed), settings, sender)
    Sender(settings.kafka, settings.topics.rejected)  # it can begin once all readers see what the one before has sent
    return found


def fates(found: dict[str, Any]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {one["place"]: (one["outcome"], tuple(one["why"])) for one in found["verdicts"]}


def test_after_the_mend_a_letter_is_scored_once_and_alerts_nobody_twice(
    spark: SparkSession, kafka: KafkaConnection, topics: TopicNames, detector: Detector, run_here: RunHere, tmp_path: Path
) -> None:
    address = kafka.bootstrap_servers
    large_headers = [("trace", b"x" * 40_000)]
    sent(
        kafka,
        topics.transactions,
        (b"card-1", paid(1), []),
        (b"card-2", paid(2, trace="a"), [("trace", b"\x00")]),
        (b"card-3", paid(3, trace="a"), large_headers),  # its letter is cut
        (b"card-4", paid(4, trace="a", amount="1.999"), []),
    )
    sent(kafka, topics.customers, (b"card-1", profile(trace="a"), []), (b"card-2", profile(card_id="card-2", trace="a"), []))
    sent(kafka, topics.customers, (b"card-1", profile(updated_at="2018-02-01T00:00:00Z"), []))
    run_here(detector, **STRICT)
    before = read_all(address, topics.transactions)
    places = {one.key: f"{one.topic}/{one.partition}/{one.offset}" for one in before}

    config = detector.write("availableNow")
    command = [Path(sys.executable).parent / "fraud", "rejected", "replay", f"--config={config}", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    found = json.loads(done.stdout)
    assert fates(found) == {
        places[b"card-2"]: ("scored", ()),
        places[b"card-3"]: ("scored", ()),
        places[b"card-4"]: ("rejected", ("invalid:amount",)),
        f"{topics.customers}/0/0": ("superseded", ()),
        f"{topics.customers}/0/1": ("remembered", ()),
    }
    assert (found["sent"], read_all(address, topics.transactions)) == (0, before), "a dry run writes nothing"

    assert replayed(spark, detector)["sent"] == 3
    added = [one for one in read_all(address, topics.transactions) if one not in before]
    assert sorted(map(_content, added)) == sorted(_content(one) for one in before if one.key in (b"card-2", b"card-3"))
    run_here(detector)
    scored = [decode(Scored, one.value) for one in read_all(address, topics.scored)]
    assert sorted(one.transaction.transaction_id for one in scored) == ["t1", "t2", "t3"]
    assert all(one.transaction.event_time == AT for one in scored)
    alerts = [decode(Alert, one.value) for one in read_all(address, topics.alerts)]
    assert len({one.alert_id for one in alerts}) == len(alerts) == 3
    assert "home_distance_km" in next(one.features for one in scored if one.transaction.transaction_id == "t2")

    again = replayed(spark, detector)
    assert (again["sent"], again["replayed_before"], set(fates(again))) == (
        0,
        3,
        {places[b"card-4"], f"{topics.customers}/0/0"},
    )
    assert len(read_all(address, topics.transactions)) == len(before) + 2


def _content(one: Record) -> tuple[Any, ...]:
    """Returns what a replay has in common with its record."""
    return one.partition, one.timestamp, one.key, one.value


def test_foreign_letters_with_hidden_numbers_and_of_arrays_are_sent_again_as_they_came(
    spark: SparkSession,
    kafka: KafkaConnection,
    topics: TopicNames,
    new_topics: Callable[..., TopicNames],
    detector: Detector,
    run_here: RunHere,
    tmp_path: Path,
) -> None:
    """And those who stood beside a faulty element are not judged again."""
    usual = {name: f"$.{name}" for name in json.loads(paid(0)) if name != "currency"}
    key = tmp_path / "card.key"
    key.write_bytes(b"k" * 32)
    batches, singles = topics.transactions, new_topics().transactions

    def mapped(currency: str) -> dict[str, Any]:
        fields = usual | {"currency": currency}
        array = {"topic": batches, "each": "$.day.items", "fields": fields}
        single = {"topic": singles, "fields": fields | {"card_id": "token_of(body:card_id)"}}
        return {"input": {"card_key_file": str(key), "transactions": [array, single]}}

    without = {name: value for name, value in json.loads(paid(2)).items() if name != "currency"}
    sent(kafka, batches, (b"k", json.dumps({"day": {"items": [json.loads(paid(1)), without]}}).encode(), []))
    number = {name: value for name, value in json.loads(paid(3)).items() if name != "currency"} | {"card_id": CARD}
    sent(kafka, singles, (b"k", json.dumps(number).encode(), [("pan", CARD.encode())]))
    run_here(detector, **mapped("$.currency"))
    letters = read(kafka, topics.rejected, Wanted()).waiting
    assert {(one.rejected.topic, one.element) for one in letters} == {(batches, 1), (singles, None)}
    assert not [one for one in letters if CARD.encode() in (one.rejected.value or b"")]

    mended = mapped("coalesce(body:currency::string, 'EUR')")
    assert replayed(spark, detector, **mended)["sent"] == 2
    run_here(detector, **mended)
    scored = [decode(Scored, one.value) for one in read_all(kafka.bootstrap_servers, topics.scored)]
    assert sorted(one.transaction.transaction_id for one in scored) == ["t1", "t2", "t3"], "t1 has been scored once"
    (whole,) = (one for one in scored if one.transaction.transaction_id == "t3")
    assert len(whole.transaction.card_id) == 64, "the token is that of the number, not of the asterisks"
    tokens = read_all(kafka.bootstrap_servers, singles)
    assert [one.value for one in tokens] == [tokens[0].value] * 2
