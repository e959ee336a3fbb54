"""Not more than so many declines a minute, over batches and repeats."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta

from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from configuration import KafkaConnection, TopicNames
from contract import Alert, Ruleset, Scored, decode, encode
from harness.detector import Detector
from harness.kafka import read_all
from tests.records import AT, transaction

RULES = {"labelled": {"when": "is_fraud", "action": "decline", "reason": "It is labelled"}}


def test_above_the_ceiling_of_a_minute_rules_only_ask_for_a_review_and_a_repeat_is_decided_alike(
    detector: Detector, run_here: Callable[..., CollectorRegistry], kafka: KafkaConnection, new_topics: Callable[..., TopicNames]
) -> None:
    topics = new_topics(1)
    detector.topics = topics
    detector.settings |= {"topics": asdict(topics), "state_partitions": 1, "rules": RULES, "max_declines_per_minute": 2}

    def decide(*payments: tuple[str, int, bool]) -> dict[str, list[bytes]]:
        """Sends payments, each with its minute and whether it is fraud, lets them be decided, and returns all scored records."""
        producer = Producer(kafka.librdkafka())
        for name, minute, is_fraud in payments:
            at = AT + timedelta(minutes=minute)
            value = encode(replace(transaction(transaction_id=name, event_time=at, is_fraud=is_fraud), card_id=name))
            producer.produce(topics.transactions, value, key=b"k", timestamp=round(at.timestamp() * 1000))
        assert producer.flush(30) == 0
        run_here(detector)
        found: dict[str, list[bytes]] = {}
        for record in read_all(kafka.bootstrap_servers, topics.scored):
            assert record.value is not None
            found.setdefault(decode(Scored, record.value).transaction.transaction_id, []).append(record.value)
        return found

    decide(("a", 0, True), ("b", 0, False), ("c", 0, True), ("d", 0, True))
    scored = decide(("e", 0, True), ("f", 1, True), ("g", 1, True), ("h", 1, True), ("i", 0, False))
    decisions = {name: decode(Scored, values[0]).decision for name, values in scored.items()}
    assert decisions == {
        **dict.fromkeys("acfg", "decline"),
        **dict.fromkeys("deh", "review"),
        **dict.fromkeys("bi", "approve"),
    }
    alerts = [decode(Alert, one.value or b"") for one in read_all(kafka.bootstrap_servers, topics.alerts)]
    held_back = "Decline ceiling: not more than 2 declines a minute, so this is for review"
    assert {one.transaction_id: one.reasons for one in alerts} == {
        **dict.fromkeys("acfg", ("It is labelled",)),
        **dict.fromkeys("deh", (held_back, "It is labelled")),
    }

    (detector.folder / "checkpoint" / "commits" / "1").unlink()  # as if the second batch had been cut off
    (detector.folder / "checkpoint" / "commits" / ".1.crc").unlink(missing_ok=True)
    (ruleset,) = {one.key: decode(Ruleset, one.value) for one in read_all(kafka.bootstrap_servers, topics.rulesets)}.values()
    (rule,) = ruleset.rules
    assert (ruleset.ruleset_version, rule.when) == (alerts[0].ruleset_version, "is_fraud"), "a version cannot be looked up"
    again = decide(("j", 1, True), ("k", 2, True))
    assert {name for name, values in again.items() if len(values) == 2} == set("efghi"), "the second batch came again"
    assert all(len(set(values)) == 1 for values in again.values()), "a repeat is not byte-identical"
    assert [decode(Scored, again[name][0]).decision for name in "jk"] == ["review", "decline"]
