"""What the demo's screen knows."""

import os
import signal
from pathlib import Path

from configuration import KafkaConnection, TopicNames
from harness.kafka import send
from local.broker import Broker
from local.demo import Watch
from local.screen import State
from producer.topics import create_topics


def test_a_broker_too_busy_to_answer_is_asked_again(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "kafka")
    topics = TopicNames()
    kafka = KafkaConnection(bootstrap_servers=broker.start())
    try:
        create_topics(kafka, topics.specs(1))
        state = State(mode="realTime")
        watch = Watch(kafka, topics, state, rate=1)
        watch.look()
        pid = int((broker.home / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        while state.seconds < 3:
            watch.look()
        assert state.transactions == 0
        os.kill(pid, signal.SIGCONT)
        send(kafka.bootstrap_servers, topics.transactions, [(b"k", b"v")])
        while state.transactions == 0:
            watch.look()
        watch.close()
    finally:
        broker.kill()
