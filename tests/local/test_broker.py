"""The laptop's broker: a real Kafka that starts, stops, and keeps what it was given."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import local.broker
from configuration import FraudDetectionError, KafkaConnection, NoJava, TopicNames
from harness.kafka import read_all, send
from local.broker import Broker
from local.errors import MissingJars, PortTaken, ServerFailed
from producer.topics import create_topics


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Broker]:
    one = Broker(tmp_path / "kafka")
    yield one
    one.kill()


def pid(broker: Broker) -> int:
    return int((broker.home / "pid").read_text())


def test_records_outlive_a_stop_and_a_power_cut(own: Broker) -> None:
    address = own.start()
    topics = TopicNames()
    assert len(create_topics(KafkaConnection(bootstrap_servers=address), topics.specs(1))) == 9
    send(address, topics.transactions, [(b"k", b"first")])
    own.stop()
    assert not own.running
    assert own.start() == address, "the port is kept"
    send(address, topics.transactions, [(b"k", b"second")])
    own.kill()
    assert not own.running
    own.start()
    assert [record.value for record in read_all(address, topics.transactions)] == [b"first", b"second"]
    assert create_topics(KafkaConnection(bootstrap_servers=address), topics.specs(1)) == []


def test_a_second_start_leaves_it_alone_and_any_process_finds_and_stops_it(own: Broker) -> None:
    own.start()
    first = pid(own)
    other = Broker(own.home)
    assert other.running
    assert other.start() == own.address
    assert pid(own) == first
    other.stop()
    assert not own.running
    assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE


def test_a_pid_file_whose_number_is_another_programs_harms_nobody(own: Broker) -> None:
    own.home.mkdir()
    (own.home / "pid").write_text(str(os.getpid()))
    assert not own.running
    own.stop()  # and this test still runs
    (own.home / "pid").write_text("what?")
    assert not own.running


def test_a_taken_port_is_named(own: Broker) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} is in use. Name another for Kafka"):
            own.start(port)
    assert not own.running


def test_without_java_it_says_what_to_install(own: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoJava, match="Install a JDK 17 or newer"):
        own.start()


def test_without_jars_it_says_so(own: Broker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local.broker, "JARS", tmp_path)
    with pytest.raises(MissingJars, match="Run `make setup`"):
        own.start()


def test_ruined_data_is_one_paragraph(own: Broker) -> None:
    data = own.home / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=7\n")
    with pytest.raises(ServerFailed) as told:
        own.start()
    paragraph = str(told.value)
    assert "\n" not in paragraph
    assert f"Its log is {own.log}" in paragraph
    assert isinstance(told.value, FraudDetectionError)
    assert not own.running
