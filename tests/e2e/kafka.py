"""The tests' broker in the cluster, and the account of what went in and what came out."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from string import Template

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from contract import Topics
from tests.e2e import strimzi
from tests.e2e.cluster import Namespace, free_port

IMAGE = "localhost/fraud-detection/test-servers:0.1.0"
CLUSTER = "fraud"
POD = "kafka-0"
HOST_PORT = 9094
TIMEOUT_S = 30.0


class Broker:
    """One broker; `address` is its address on this machine, for as long as `forward` has been called after the pod's last start."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._forward: subprocess.Popen[str] | None = None
        self._clients = strimzi.identity("clients-ca")

    def start(self) -> None:
        """Returns once the broker answers."""
        authority = strimzi.identity("cluster-ca")
        host = f"{CLUSTER}-kafka-bootstrap"
        own = strimzi.identity(host, authority, (host, f"{host}.{self.namespace.name}.svc"))
        self.namespace.secret(f"{CLUSTER}-cluster-ca-cert", strimzi.cluster_secret(CLUSTER, authority))
        self.namespace.secret("kafka-broker", {"broker.pem": own.key_pem + own.pem, "clients.crt": self._clients.pem})
        manifest = Template((Path(__file__).parent / "kafka.yaml").read_text())
        self.namespace.apply_yaml(manifest.substitute(namespace=self.namespace.name, port=self._port, image=IMAGE))
        self.forward()

    def forward(self) -> None:
        """Makes `address` lead to the broker, once it is ready."""
        self.stop_forward()
        self._forward = self.namespace.forward(POD, HOST_PORT, self._port)
        self.admin.list_topics(timeout=TIMEOUT_S)

    def stop_forward(self) -> None:
        if self._forward is not None:
            self._forward.kill()
            self._forward.wait()
            self._forward = None

    def kill(self) -> None:
        """SIGKILL for the broker; returns once the next one answers."""
        before = self.namespace.get("v1", "Pod", POD)
        assert before is not None
        restarts = _restarts(before)
        self.namespace.kill(POD)
        self.namespace.wait("v1", "Pod", POD, lambda pod: pod is not None and _restarts(pod) > restarts, 60)
        self.forward()

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def user(self, name: str) -> None:
        """Makes the Secret of a user with a certificate."""
        self.namespace.secret(name, strimzi.user_secret(name, self._clients))


def _restarts(pod: dict) -> int:
    return sum(item["restartCount"] for item in pod["status"].get("containerStatuses", ()))


class Account:
    """What is in the topics, read further and further. Every reading fails at once where a repeat is not the same bytes."""

    def __init__(self, broker: Broker, topics: Topics) -> None:
        self._broker, self._topics = broker, topics
        self._positions: dict[TopicPartition, int] = {}
        self.sent: set[str] = set()
        self.scored: dict[str, bytes] = {}
        self.alerts: dict[str, bytes] = {}
        self._suspected: set[str] = set()
        self.repeats = 0

    def settle(self, seconds: float = 420.0) -> None:
        """Returns once every transaction that Kafka has now is scored, and every alert for it is there.

        The detector publishes a batch's scored records and alerts together: an alert may be one batch behind.
        """
        for value in self._new(self._topics.transactions):
            self.sent.add(json.loads(value)["transaction_id"])
        wanted, deadline = set(self.sent), time.monotonic() + seconds
        while missing := self._missing(wanted):
            assert time.monotonic() < deadline, f"{len(missing)} of {len(wanted)} not within {seconds:g} s: {sorted(missing)[:5]}"
            self.read()

    def read(self) -> None:
        """Takes in the scored records and alerts that Kafka has now."""
        self._read(self.scored, self._topics.scored)
        self._read(self.alerts, self._topics.alerts)

    def versions(self) -> set[str]:
        """Returns the versions of the rules that scored anything."""
        return {json.loads(value)["ruleset_version"] for value in self.scored.values()}

    def models(self) -> list[str | None]:
        """Returns the versions of the models that scored the alerts, in the order in which they were read."""
        return [json.loads(value).get("model_version") for value in self.alerts.values()]

    def until_scored_by(self, version: str, seconds: float) -> None:
        """Returns once an alert that was not there before has a score of that version."""
        seen, deadline = len(self.alerts), time.monotonic() + seconds
        while version not in self.models()[seen:]:
            assert time.monotonic() < deadline, f"no alert by {version} within {seconds:g} s, but by {set(self.models()[seen:])}"
            self.read()

    def rejected(self) -> list[bytes]:
        """Returns the dead letters since the last call."""
        return list(self._new(self._topics.rejected))

    def _missing(self, wanted: set[str]) -> set[str]:
        unscored = wanted - self.scored.keys()
        if unscored:
            return unscored
        return (wanted & self._suspected) - self.alerts.keys()

    def _read(self, known: dict[str, bytes], topic: str) -> None:
        for value in self._new(topic, wait_s=0.5):
            record = json.loads(value)
            name = record.get("transaction_id") or record["transaction"]["transaction_id"]
            if name in known:
                self.repeats += 1
                assert known[name] == value, f"{topic}: {name} came twice and differs: {known[name]!r} {value!r}"
            known[name] = value
            if record["decision"] != "approve":
                self._suspected.add(name)

    def _new(self, topic: str, wait_s: float = 0.0) -> Iterator[bytes]:
        """Yields the values that have come to a topic since the last call; blocks for a while where there are none."""
        consumer = Consumer(
            {"bootstrap.servers": self._broker.address, "group.id": "e2e", "enable.auto.commit": False, "log_level": 0}
        )
        try:
            places = [
                TopicPartition(topic, number) for number in consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
            ]
            ends = {place: consumer.get_watermark_offsets(place, timeout=TIMEOUT_S, cached=False)[1] for place in places}
            behind = {place for place in places if self._positions.get(place, 0) < ends[place]}
            consumer.assign([TopicPartition(topic, place.partition, self._positions.get(place, 0)) for place in places])
            if not behind:
                consumer.poll(wait_s)
            while behind:
                for message in consumer.consume(10_000, timeout=1.0):
                    assert not message.error(), message.error()
                    place = TopicPartition(topic, message.partition() or 0)
                    self._positions[place] = (message.offset() or 0) + 1
                    if self._positions[place] >= ends[place]:
                        behind.discard(place)
                    yield message.value() or b""
        finally:
            consumer.close()


def named(release: str) -> tuple[Topics, dict[str, str]]:
    """Returns topics of a release's own, and the chart's value for them."""
    topics = Topics().prefixed(f"{release}.")
    return topics, asdict(topics)
