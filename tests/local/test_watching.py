"""The watcher beside a real broker: what it says a moment after it happened, and what does not end it."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import NewPartitions

from configuration import KafkaConnection, TopicNames, reach
from contract import Rejected, encode
from harness.kafka import Record, read_all, send
from harness.watching import watching
from local.broker import Broker
from producer.topics import create_topics
from tests.records import AT, alert, scored, transaction


def headers(topic: str, partition: int, offset: int, timestamp: int) -> list[tuple[str, bytes]]:
    """As the detector writes them."""
    named = {"topic": topic, "partition": partition, "offset": offset, "timestamp": timestamp}
    return [(f"input-{name}", str(value).encode()) for name, value in named.items()]


@pytest.fixture
def pay(kafka: KafkaConnection, topics: TopicNames) -> Callable[[int], None]:
    """Returns a function that sends so many payments, over both partitions."""
    return lambda count: _pay(kafka, topics, count)


def _pay(kafka: KafkaConnection, topics: TopicNames, count: int) -> None:
    send(kafka.bootstrap_servers, topics.transactions, ((f"k{number}".encode(), b"anything") for number in range(count)))


@pytest.fixture
def decide(kafka: KafkaConnection, topics: TopicNames) -> Callable[[int], None]:
    """Returns a function that stands in for a detector: it gives the payments from the so-manieth on their results."""
    return lambda first: _decide(kafka, topics, first)


def _decide(kafka: KafkaConnection, topics: TopicNames, first: int) -> None:
    _give_results(kafka, topics, read_all(kafka.bootstrap_servers, topics.transactions)[first:])


def _give_results(kafka: KafkaConnection, topics: TopicNames, paid: Iterable[Record]) -> None:
    """Sends a dead letter for each third record, a scored record and an alert for the others."""
    decided = replace(scored(transaction()), features={"a": 1.0}, fraud_score=0.5, model_version="m-1")
    results: dict[str, list[tuple[Any, ...]]] = {topics.scored: [], topics.alerts: [], topics.rejected: []}
    for number, one in enumerate(paid):
        origin = headers(one.topic, one.partition, one.offset, one.timestamp)
        if number % 3 == 2:
            letter = Rejected(
                topic=one.topic, partition=one.partition, offset=one.offset, timestamp=AT, reasons=("empty",), schema_version=3
            )
            results[topics.rejected].append((b"k", encode(letter), origin))
        else:
            results[topics.scored].append((b"k", encode(decided), origin))
            results[topics.alerts].append((b"k", encode(alert(transaction())), origin))
    for topic, records in results.items():
        send(kafka.bootstrap_servers, topic, records)


def test_what_happens_is_told_at_once(
    kafka: KafkaConnection, topics: TopicNames, pay: Callable[[int], None], decide: Callable[[int], None]
) -> None:
    pay(6)
    decide(0)
    with watching(kafka, topics) as says:
        says.until(lambda says: says("up_to_date") == 1)
        assert says("out_records_total", topic=topics.scored) == 0, "what was there before is not counted"
        assert says("newest_scored_age_seconds") < 60, "but its age is known"
        pay(9)
        says.until(lambda says: says("oldest_unscored_seconds") > 1.5)
        assert says("in_records_total", topic=topics.transactions) == 9
        assert says("newest_scored_age_seconds") > 1.5
        decide(6)
        says.until(lambda says: says("oldest_unscored_seconds") == 0)
        says.until(lambda says: says("alert_latency_seconds_count") == 6)
        assert says("decisions_total", decision="review") == 6
        assert says("model_decisions_total", model_version="m-1") == 6
        assert says("rejected_total", reason="empty") == 3
        assert says("out_records_total", topic=topics.rejected) == 3
        assert 1.5 < says("scored_latency_seconds_sum") / says("scored_latency_seconds_count") < 60
        assert says("broker_reachable") == 1


def test_a_topic_of_which_all_is_deleted_is_read_to_its_end(kafka: KafkaConnection, topics: TopicNames) -> None:
    send(kafka.bootstrap_servers, topics.rejected, [(b"k", b"x")] * 3)
    admin, _ = reach(kafka)
    for future in admin.delete_records([TopicPartition(topics.rejected, 0, 3)]).values():
        future.result()
    with watching(kafka, topics) as says:
        says.until(lambda says: says("up_to_date") == 1)


def test_results_that_the_last_watcher_did_not_see_are_asked_for(
    kafka: KafkaConnection, topics: TopicNames, pay: Callable[[int], None], decide: Callable[[int], None]
) -> None:
    pay(8)
    decide(0)
    pay(8)
    with watching(kafka, topics) as says:
        says.until(lambda says: says("oldest_unscored_seconds") > 0)


def test_what_nobody_reads_does_not_wait(kafka: KafkaConnection, topics: TopicNames) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": topics.transactions})
    producer.init_transactions()
    with watching(kafka, topics) as says:
        says.until(lambda says: says("up_to_date") == 1)
        for end in (producer.commit_transaction, producer.abort_transaction):
            producer.begin_transaction()
            for _ in range(3):
                producer.produce(topics.transactions, b"x", partition=0)
            producer.flush()
            end()
        says.until(lambda says: says("in_records_total", topic=topics.transactions) == 8)
        _give_results(kafka, topics, [Record(topics.transactions, 0, offset, 0, None, b"x") for offset in range(3)])
        says.until(lambda says: says("out_records_total", topic=topics.rejected) == 1)
        # The end lies behind a marker, three aborted records and their marker; nobody is to read what is there.
        says.until(lambda says: says("oldest_unscored_seconds") == 0)


def test_what_is_foreign_or_new_is_taken_as_it_comes(
    kafka: KafkaConnection, topics: TopicNames, pay: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.watch.PARTITIONS_EVERY_S", 0.1)
    admin, _ = reach(kafka)
    with watching(kafka, topics) as says:
        says.until(lambda says: says("up_to_date") == 1)
        for topic in topics.outputs():
            send(kafka.bootstrap_servers, topic, [(b"k", None), (b"k", b"\xff"), (b"k", b"{}")])
        says.until(lambda says: says("unreadable_total") == 9)
        asked = admin.create_partitions([NewPartitions(topics.transactions, 8), NewPartitions(topics.scored, 8)])
        for future in asked.values():
            future.result()
        pay(200)
        results = [(f"k{number}".encode(), encode(scored(transaction()))) for number in range(200)]
        send(kafka.bootstrap_servers, topics.scored, results)
        says.until(lambda says: says("in_records_total", topic=topics.transactions) == 200)
        says.until(lambda says: says("decisions_total", decision="review") == 200)


def test_topics_that_are_made_anew_are_read_on(
    kafka: KafkaConnection,
    topics: TopicNames,
    pay: Callable[[int], None],
    decide: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("watcher.watch.PARTITIONS_EVERY_S", 0.1)
    pay(30)
    decide(0)
    admin, _ = reach(kafka)
    with watching(kafka, topics) as says:
        says.until(lambda says: says("up_to_date") == 1)
        for future in admin.delete_topics([topics.transactions, topics.scored]).values():
            future.result()
        create_topics(kafka, topics.specs(2))
        pay(3)
        decide(0)
        says.until(lambda says: says("decisions_total", decision="review") == 2)
        says.until(lambda says: says("oldest_unscored_seconds") == 0)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    one = Broker(tmp_path / "kafka")
    one.start()
    yield one
    one.kill()


@pytest.mark.timeout(180)
def test_a_broker_that_is_away_is_waited_for(own_broker: Broker) -> None:
    kafka, topics = KafkaConnection(bootstrap_servers=own_broker.address), TopicNames()
    create_topics(kafka, topics.specs(1))
    own_broker.stop()
    with watching(kafka, topics) as says:
        assert says("broker_reachable") == 0
        own_broker.start()
        says.until(lambda says: says("up_to_date") == 1)
        pid = int((own_broker.home / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        says.until(lambda says: says("broker_reachable") == 0)
        os.kill(pid, signal.SIGCONT)
        says.until(lambda says: says("broker_reachable") == 1)
        _pay(kafka, topics, 3)
        _decide(kafka, topics, 0)
        says.until(lambda says: says("decisions_total", decision="review") == 2)


def test_the_program_serves_and_stops(kafka: KafkaConnection, topics: TopicNames, home: Path) -> None:
    (home / "watcher.yaml").write_text(
        yaml.safe_dump({"kafka": {"bootstrap_servers": kafka.bootstrap_servers}, "topics": asdict(topics), "metrics": {"port": 0}})
    )
    command = [sys.executable, "-m", "watcher", "--config", str(home / "watcher.yaml")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr
        address = re.search(r"metrics=(http://127.0.0.1:\d+)/metrics", program.stderr.readline())
        assert address
        for path, said in (("healthz", b"200 OK"), ("metrics", b"fraud_watch_newest_scored_age_seconds")):
            with urllib.request.urlopen(f"{address[1]}/{path}") as answer:  # noqa: S310 http
                assert said in answer.read()
        program.send_signal(signal.SIGTERM)
        told = program.stderr.read()
        assert program.wait() == 0, told
    assert "watcher stopped" in told
    assert "Traceback" not in told
    done = subprocess.run([sys.executable, "-m", "watcher", "--metrics.prot", "1"], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "the nearest name is `port`" in done.stderr
