"""`fraud rejected` as a person or a script uses it; what becomes of a replay is in tests/spark/test_replay.py."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from confluent_kafka import Consumer, Producer, TopicPartition
from typer.testing import CliRunner

from configuration import FraudDetectionError, KafkaConnection, TopicNames
from contract import LOADED_FROM, Header, Rejected, encode
from harness.kafka import read_all, send
from local.check.samples import Sample
from local.cli import app
from local.errors import NotReplayed
from local.rejected.judging import Verdict
from local.rejected.letters import REPLAYED_FROM, Letter, Wanted, read
from local.rejected.records import Impossible, Records, topic_times
from local.rejected.sending import Sender
from spark_jobs.input_settings import InputSettings
from spark_jobs.sources import inputs_of
from tests.forms import CARD

AT = datetime(2026, 3, 1, 10, 0, 0, 250_000, tzinfo=UTC)
ARRAY = {"transaction_id": "$.id", "event_time": "$.at", "card_id": "$.card", "customer_id": "$.card", "terminal_id": "'t'"} | {
    name: f"$.{name}" for name in ("merchant_id", "merchant_category", "amount", "currency", "channel", "country", "response_code")
}


def rejected(topic: str, offset: int, *reasons: str, **changes: Any) -> Rejected:
    of = {"partition": 0, "timestamp": AT, "schema_version": 3, "key": b"card", "value": b'{"amount": "x"}'}
    return Rejected(topic=topic, offset=offset, reasons=reasons, **(of | changes))


@pytest.fixture
def settings(home: Path, kafka: KafkaConnection, topics: TopicNames) -> str:
    file = home / "detector.yaml"
    file.write_text(yaml.safe_dump({"kafka": {"bootstrap_servers": kafka.bootstrap_servers}, "topics": asdict(topics)}))
    return f"--config={file}"


def fraud(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rejected", *arguments])


def answer(*arguments: str) -> Any:
    done = fraud(*arguments, "--json")
    assert done.exit_code == 0, done.output or done.exception
    return json.loads(done.stdout)


def written(kafka: KafkaConnection, topics: TopicNames, *letters: Rejected) -> list[Letter]:
    send(kafka.bootstrap_servers, topics.rejected, [(one.key, encode(one)) for one in letters])
    return [Letter(one, None, AT) for one in letters]


def test_letters_are_counted_by_reason_field_and_topic(kafka: KafkaConnection, topics: TopicNames, settings: str) -> None:
    paid = topics.transactions
    again = rejected(paid, 9, "missing:amount", headers=(Header(key=REPLAYED_FROM, value=b"t/0/1"),))
    crash = rejected(paid, 1, "invalid:amount", "missing:currency")
    written(kafka, topics, crash, rejected(paid, 2, "invalid:amount"), rejected(topics.labels, 1, "empty"), again, crash)
    send(kafka.bootstrap_servers, topics.rejected, [(b"k", b"no letter"), (b"k", None)])
    found = answer("list", settings)
    assert (found["waiting"], found["replayed"], found["replayed_and_rejected_again"], found["strange"]) == (4, 0, 1, 2)
    by_reason = {(one["reason"], one["field"]): (one["letters"], one["example"]) for one in found["reasons"]}
    assert by_reason.pop(("invalid", "amount"))[0] == 2, "what a crash repeats counts once"
    assert by_reason == {
        ("missing", "currency"): (1, f"{paid}/0/1"),
        ("empty", None): (1, f"{topics.labels}/0/1"),
        ("missing", "amount"): (1, f"{paid}/0/9"),
    }
    assert found["reasons"][0]["letters"] == 2, "the commonest first"
    assert [(one["topic"], one["letters"]) for one in found["topics"]] == [(paid, 3), (topics.labels, 1)]
    assert answer("list", settings, "--reason", "missing:amount")["waiting"] == 1
    assert answer("list", settings, "--reason", "missing")["waiting"] == 2
    assert answer("list", settings, "--topic", topics.labels)["waiting"] == 1
    assert answer("list", settings, "--since", "2999-01-01T00:00:00Z")["waiting"] == 0
    assert answer("list", settings, "--since", "2020-01-01T00:00:00Z")["waiting"] == 4
    assert "4 letters wait" in fraud("list", settings).stdout
    assert fraud("list", settings, "--since", "2020-01-01").exit_code == 2, "whose midnight?"


def test_one_letter_is_shown_without_its_values(kafka: KafkaConnection, topics: TopicNames, settings: str) -> None:
    header = Header(key=LOADED_FROM, value=b"inbox/2026-03-01.csv:17")
    value = b'{"card_id": "%b"}' % CARD.encode()
    written(kafka, topics, rejected(topics.transactions, 5, "card_number:card_id", value=value, headers=(header,)))
    shown = fraud("show", topics.transactions, "0", "5", settings)
    assert shown.exit_code == 0, shown.exception
    assert '"9999999999999999"' in shown.stdout
    assert "looks like the number of a payment card" in shown.stdout
    assert "It was loaded from inbox/2026-03-01.csv:17." in shown.stdout
    assert CARD not in shown.stdout
    assert answer("show", topics.transactions, "0", "5", settings)[0]["fields"][0]["field"] == "card_id"
    missing = fraud("show", topics.transactions, "0", "6", settings).exception
    assert isinstance(missing, FraudDetectionError)
    assert f"no letter of {topics.transactions}/0/6" in str(missing)


def verdict(letter: Letter) -> Verdict:
    of = letter.rejected
    headers = [("h", bytearray(b"\x00")), ("none", None), (REPLAYED_FROM, bytearray(letter.place.encode()))]
    record = Sample(bytearray(of.key or b""), bytearray(of.value or b""), of.topic, of.partition, of.offset, of.timestamp, headers)
    return Verdict(letter, "scored", (), record)


def seen_by_all(kafka: KafkaConnection, topics: TopicNames) -> None:
    """Returns once readers see the last replay: Kafka lets the next one begin when the marks of the transaction are written."""
    Sender(kafka, topics.rejected)


def headers_of(kafka: KafkaConnection, topic: str) -> Iterator[Any]:
    consumer = Consumer({**kafka.librdkafka(), "group.id": "tests"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(30)
    assert message is not None
    yield from message.headers() or []
    consumer.close()


def test_a_replay_is_the_same_record_and_leaves_a_receipt(kafka: KafkaConnection, topics: TopicNames, settings: str) -> None:
    first, second = written(kafka, topics, *(rejected(topics.transactions, number, "empty") for number in (1, 2)))
    Sender(kafka, topics.rejected).send([verdict(first)])
    seen_by_all(kafka, topics)
    (record,) = read_all(kafka.bootstrap_servers, topics.transactions)
    of = first.rejected
    assert (record.partition, record.key, record.value) == (0, of.key, of.value)
    assert record.timestamp == AT.timestamp() * 1000
    kept = [("h", b"\x00"), ("none", None), (REPLAYED_FROM, f"{topics.transactions}/0/1".encode())]
    assert list(headers_of(kafka, topics.transactions)) == kept
    found = read(kafka, topics.rejected, Wanted())
    assert ([one.place for one in found.waiting], [one.place for one in found.replayed]) == ([second.place], [first.place])
    assert found.strange == 0, "a receipt is no strange record"
    assert answer("list", settings)["replayed"] == 1
    assert answer("show", topics.transactions, "0", "1", settings)[0]["replayed"] is True
    # The topic is made anew: another record has its place.
    written(kafka, topics, rejected(topics.transactions, 1, "empty", timestamp=AT + timedelta(seconds=1)))
    assert len(read(kafka, topics.rejected, Wanted()).waiting) == 2


def test_of_two_who_replay_at_once_the_first_sends_nothing(kafka: KafkaConnection, topics: TopicNames) -> None:
    (letter,) = written(kafka, topics, rejected(topics.transactions, 1, "empty"))
    early = Sender(kafka, topics.rejected)
    late = Sender(kafka, topics.rejected)
    with pytest.raises(NotReplayed, match="nobody else replays"):
        early.send([verdict(letter)])
    assert read(kafka, topics.rejected, Wanted()).waiting, "and no receipt says that it has"
    late.send([verdict(letter)])
    seen_by_all(kafka, topics)
    assert len(read_all(kafka.bootstrap_servers, topics.transactions)) == 1
    assert not read(kafka, topics.rejected, Wanted()).waiting


def test_a_letter_that_kafka_refuses_waits_with_all_of_its_transaction(kafka: KafkaConnection, topics: TopicNames) -> None:
    fine, large = written(kafka, topics, *(rejected(topics.transactions, number, "empty") for number in (1, 2)))
    broken = verdict(large)
    assert broken.record is not None
    broken = broken._replace(record=broken.record._replace(partition=99))
    with pytest.raises(NotReplayed, match="0 letters were replayed before"):
        Sender(kafka, topics.rejected).send([verdict(fine), broken])
    seen_by_all(kafka, topics)
    assert not read_all(kafka.bootstrap_servers, topics.transactions)
    assert len(read(kafka, topics.rejected, Wanted()).waiting) == 2


def test_what_a_letter_does_not_hold_is_read_from_its_topic_or_refused(kafka: KafkaConnection, topics: TopicNames) -> None:
    """Cut, or with a card number hidden: the record itself, while Kafka has it, and none other that is in its place."""
    whole = b'{"pan": "4242 4242 4242 4242", "amount": "12.50"}'
    hidden = b'{"pan": "**** **** **** 4242", "amount": "12.50"}'
    producer = Producer(kafka.librdkafka())
    for value in (whole, whole, whole.replace(b"12.50", b"99.99")):
        producer.produce(topics.transactions, value, b"k", 0, timestamp=int(AT.timestamp() * 1000), headers=[("h", b"1")])
    assert producer.flush(30) == 0
    many = rejected(topics.transactions, 0, "empty")
    inputs = inputs_of(InputSettings.model_validate({"transactions": {"fields": ARRAY, "each": "$.day['all of']"}}), topics)
    with Records(kafka, inputs, topic_times(kafka, (topics.transactions,))) as records:

        def of(letter: Rejected, element: int | None = None) -> Any:
            return records.of(Letter(letter, element, AT))

        def changed(**changes: Any) -> Rejected:
            return Rejected(**({name: getattr(many, name) for name in Rejected.__slots__} | changes))

        told = of(many)
        assert (bytes(told.value), told.timestamp) == (many.value, AT), "what the letter holds is taken from it"
        for letter in (changed(value=hidden, key=b"k"), changed(offset=1, value=whole[:20], truncated=True)):
            found = of(letter)
            place = Letter(letter, None, AT).place.encode()
            assert (bytes(found.value), bytes(found.key), found.timestamp) == (whole, b"k", AT)
            assert found.headers == [("h", bytearray(b"1")), (REPLAYED_FROM, bytearray(place))]
        for letter in (changed(offset=2, value=hidden), changed(value=hidden, timestamp=AT + timedelta(days=1))):
            assert of(letter) == Impossible("another record is in its place: the topic was made anew")
        assert "Kafka gives it no more" in of(changed(offset=70, value=hidden)).why
        assert of(changed(topic="elsewhere")).why == "the settings read no such topic"
        assert of(changed(partition=70)).why == "there is no such partition any more"
        assert bytes(of(changed(value=b' {"id": 1}'), 3).value) == b'{"day":{"all of":{"id": 1}}}', "its neighbours are scored"
        assert "one element" in of(changed(value=hidden), 3).why
        assert of(changed(reasons=("invalid_timestamp",))).timestamp > AT, "its own time was the fault"
    times = topic_times(kafka, (topics.transactions, topics.scored, "none"))
    assert {name: one.is_appended for name, one in times.items()} == {topics.transactions: False, topics.scored: True}
    with Records(kafka, inputs, {topics.transactions: times[topics.scored]}) as records:
        assert records.of(Letter(many, None, AT)).timestamp > AT, "Kafka takes no time but its own"  # type: ignore[union-attr]
