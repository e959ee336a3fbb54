"""The probe against a real broker: what it sends is a transaction, what it waits for is the alert of that one."""

import json
import threading
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from configuration import BrokerUnreachable, KafkaConnection, MissingTopic, TopicNames
from contract import Transaction, decode
from harness.kafka import read_all, send
from producer.__main__ import main
from producer.errors import NoAlert
from producer.probe import PREFIX, ProbeSettings, probe

Detector = Callable[[Callable[[Transaction], list[tuple[bytes, bytes]]]], None]


@pytest.fixture
def detector(kafka: KafkaConnection, topics: TopicNames) -> Iterator[Detector]:
    """Starts a stand-in: it answers the first transaction with the records that a function makes of it."""
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def run(answer: Callable[[Transaction], list[tuple[bytes, bytes]]]) -> None:
        consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "stand-in"})
        consumer.assign([TopicPartition(topics.transactions, number, 0) for number in range(2)])
        while not ended.is_set():
            if (message := consumer.poll(0.1)) is not None and not message.error():
                send(kafka.bootstrap_servers, topics.alerts, answer(decode(Transaction, message.value())))
                break
        consumer.close()

    def start(answer: Callable[[Transaction], list[tuple[bytes, bytes]]]) -> None:
        threads.append(threading.Thread(target=run, args=(answer,)))
        threads[-1].start()

    yield start
    ended.set()
    for thread in threads:
        thread.join()


def alert(key: str, transaction_id: str, **more: float | str) -> tuple[bytes, bytes]:
    return key.encode(), json.dumps({"transaction_id": transaction_id, **more}).encode()


def test_the_alert_of_the_probe_ends_it(kafka: KafkaConnection, topics: TopicNames, detector: Detector) -> None:
    # An old alert and a stranger's come first.
    send(kafka.bootstrap_servers, topics.alerts, [alert("old", f"{PREFIX}old")])
    detector(lambda sent: [alert("stranger", "t1"), (sent.card_id.encode(), b"{}"), alert(sent.card_id, sent.transaction_id)])
    assert 0 <= probe(ProbeSettings(kafka=kafka, topics=topics)).seconds < 60
    (record,) = read_all(kafka.bootstrap_servers, topics.transactions)
    sent = decode(Transaction, record.value)
    assert record.key == sent.card_id.encode()
    assert sent.transaction_id.startswith(PREFIX)
    assert {sent.card_id, sent.customer_id, sent.terminal_id} == {sent.transaction_id}, "nobody's history is touched"


def test_no_alert_is_an_error_that_names_topic_and_rule(kafka: KafkaConnection, topics: TopicNames, detector: Detector) -> None:
    detector(lambda sent: [alert("stranger", "t1")])
    with pytest.raises(NoAlert, match=rf"{topics.alerts} has no alert for it.*LIKE '{PREFIX}%'"):
        probe(
            ProbeSettings.load(["--timeout", "1s", "--kafka.bootstrap-servers", kafka.bootstrap_servers, *named(topics)], "probe")
        )


def named(topics: TopicNames) -> list[str]:
    return ["--topics.transactions", topics.transactions, "--topics.alerts", topics.alerts]


def test_a_missing_topic_is_named(kafka: KafkaConnection) -> None:
    with pytest.raises(MissingTopic, match="nowhere"):
        probe(ProbeSettings(kafka=kafka, topics=TopicNames(alerts="nowhere")))


def test_the_command_prints_the_latency(
    kafka: KafkaConnection, topics: TopicNames, detector: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    detector(lambda sent: [alert(sent.card_id, sent.transaction_id)])
    assert main(["probe", "--kafka.bootstrap-servers", kafka.bootstrap_servers, *named(topics)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("alert after ")
    assert out.endswith(" ms\n")


def test_the_command_says_which_model_has_scored(
    kafka: KafkaConnection, topics: TopicNames, detector: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    detector(lambda sent: [alert(sent.card_id, sent.transaction_id, fraud_score=0.0312, model_version="xgboost-1a2b3c4d")])
    assert main(["probe", "--kafka.bootstrap-servers", kafka.bootstrap_servers, *named(topics)]) == 0
    assert capsys.readouterr().out.endswith(" ms, fraud_score 0.0312 by xgboost-1a2b3c4d\n")


@pytest.mark.timeout(60)
def test_no_broker_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokerUnreachable):
        probe(ProbeSettings(kafka=KafkaConnection(bootstrap_servers="127.0.0.1:9")))
