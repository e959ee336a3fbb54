"""Twice ten minutes at 500 payments a second, a fault every 20 s: `make chaos`. Nothing is lost, and decisions are the oracle's.

The seed is printed; CHAOS_SEED repeats a run's faults. A detector that has ended is started again, as every runtime does.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest
import yaml
from confluent_kafka.admin import NewPartitions

from configuration import KafkaConnection, TopicNames, reach
from contract import Alert, ContractError, Rejected, Transaction, decode
from harness.detector import Detector, expected_alert
from harness.kafka import read_all, send
from local.broker import Broker
from producer.topics import create_topics
from tests.hostile import hostile
from tests.source import ODD_TIMES, Source

RATE, FAULT_EVERY_S, SECONDS = 500, 20.0, 600
SKIP = re.compile(r"`fraud skip (\S+) (\d+) (\d+)`")


class Chaos:
    """A broker, traffic and a detector, what happens to them, and who starts the detector again."""

    def __init__(self, folder: Path, mode: str, seed: int) -> None:
        self.draws = random.Random(seed)  # noqa: S311 no secret is drawn
        self.broker = Broker(folder / "broker")
        self.kafka = KafkaConnection(bootstrap_servers=self.broker.start())
        self.topics = TopicNames()
        create_topics(self.kafka, self.topics.specs(1))
        self.source = Source(self.kafka, self.topics)
        self.source.configure(self.topics.transactions, "message.timestamp.after.max.ms", 2**63 - 1)
        self.detector = Detector(self.kafka, self.topics, folder)
        self.detector.settings |= {"trigger": {"mode": mode} | ({"duration": "10s"} if mode == "realTime" else {})}
        self.mode, self.folder = mode, folder
        self.said: list[str] = []
        self.skipped = 0
        self.has_damage = False

    def start(self) -> None:
        """Starts the detector, once more; steps over a record first where the last one has asked for it."""
        if found := SKIP.search(self.detector.errors):
            fraud = str(Path(sys.executable).parent / "fraud")
            place = [*found.groups(), "--config", str(self.folder / "detector.yaml"), "--reason", "chaos"]
            subprocess.run([fraud, "skip", *place], check=True, capture_output=True)
            self.skipped += 1
        with suppress(AssertionError):  # it has ended again, and is looked at again
            self.detector.start(self.mode, trigger=self.detector.settings["trigger"])

    def tend(self) -> None:
        """Starts a detector that has ended."""
        if not self.detector.alive:
            self.detector.wait()
            self.said += [line for line in self.detector.errors.splitlines() if line.startswith("error: ")]
            self.start()

    def faults(self) -> dict[str, Callable[[], None]]:
        return {
            "the detector is killed": self.detector.kill,
            "the broker is frozen for ten seconds": self._freeze,
            "the broker is gone and comes back": self._lose_broker,
            "hostile records": lambda: self._send(hostile(100, self.draws.randrange(10**6))),
            "times that no calendar has": lambda: [self.source.pay(1, timestamp=odd) for odd in ODD_TIMES.values()] and None,
            "a payment is taken back": self.source.take_back,
            "a damaged batch": self._damage,
            "a second detector on the checkpoint": self._second,
            "one partition more": self._grow,
            "the newest file of the checkpoint is empty": self._lose_power,
        }

    def _send(self, values: list[bytes | None]) -> None:
        send(self.kafka.bootstrap_servers, self.topics.transactions, ((b"card-1", value) for value in values))

    def _freeze(self) -> None:
        process = psutil.Process(int((self.broker.home / "pid").read_text()))
        process.suspend()
        threading.Timer(10.0, process.resume).start()

    def _lose_broker(self) -> None:
        """Kills the broker; once there is a damaged batch it is only stopped.

        Without another replica a broker that was killed cuts a partition off at its first damaged batch: that loss is Kafka's own.
        """
        if self.has_damage:
            self.broker.stop()
        else:
            self.broker.kill()
        self.broker.start()

    def _damage(self) -> None:
        self.detector.kill()  # or it has read the record before it is damaged
        self.source.pay(1)
        self.source.damage(self.broker, self.source.count)
        self.has_damage = True

    def _lose_power(self) -> None:
        self.detector.kill()
        folder = Path(self.detector.settings["checkpoint"])
        written = [file for name in ("offsets", "commits") for file in (folder / name).glob("[0-9]*")]
        max(written, key=lambda file: file.stat().st_mtime_ns).write_bytes(b"")

    def _second(self) -> None:
        other = Detector(self.kafka, self.topics, self.folder / "second")
        other.folder.mkdir(exist_ok=True)
        other.settings |= {"checkpoint": self.detector.settings["checkpoint"], "trigger": self.detector.settings["trigger"]}
        if not self.detector.alive:
            return
        with suppress(AssertionError):  # it is refused
            other.start(self.mode, trigger=other.settings["trigger"])
        if other.alive:
            self.detector.wait()  # it was about to end, and has let the checkpoint go
            other.kill()
        else:
            assert "is in use by another program" in other.errors

    def _grow(self) -> None:
        admin, cluster = reach(self.kafka)
        count = len(cluster.topics[self.topics.transactions].partitions)
        if count < 3:
            admin.create_partitions([NewPartitions(self.topics.transactions, count + 1)])[self.topics.transactions].result()


@pytest.fixture(params=["microBatch", "realTime"])
def chaos(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chaos]:
    seed = int(os.environ.get("CHAOS_SEED", time.time_ns() % 10**9))
    sys.stderr.write(f"\nCHAOS_SEED={seed}\n")
    one = Chaos(tmp_path, request.param, seed)
    yield one
    one.detector.kill()
    one.broker.kill()


@pytest.mark.timeout(SECONDS + 600)
def test_nothing_is_lost_whatever_happens(chaos: Chaos) -> None:
    producer = _produce(chaos)
    chaos.start()
    faults, began = chaos.faults(), time.monotonic()
    order: list[str] = []
    while producer.poll() is None:
        if time.monotonic() - began > FAULT_EVERY_S * (len(order) + 1) and time.monotonic() - began < SECONDS:
            order.append(chaos.draws.choice(sorted(faults)))
            sys.stderr.write(f"{time.monotonic() - began:6.0f} s: {order[-1]}\n")
            faults[order[-1]]()
        chaos.tend()
        with suppress(subprocess.TimeoutExpired):
            producer.wait(0.2)
    assert producer.returncode == 0, (chaos.folder / "producer.log").read_text()[-2_000:]
    chaos.detector.stop(signal.SIGTERM)
    for _ in range(5):
        if chaos.detector.run("availableNow", trigger={"mode": "availableNow"}) == 0:
            break
        chaos.start()
        chaos.detector.stop()
    _check(chaos)
    assert chaos.skipped == order.count("a damaged batch")


def _produce(chaos: Chaos) -> "subprocess.Popen[bytes]":
    settings = {
        "kafka": {"bootstrap_servers": chaos.kafka.bootstrap_servers},
        "topics": asdict(chaos.topics),
        "traffic": "all",
        "rate": RATE,
        "duration": f"{SECONDS}s",
        "inline_labels": True,
        "ledger": str(chaos.folder / "ledger"),
    }
    file = chaos.folder / "producer.yaml"
    file.write_text(yaml.safe_dump(settings))
    with (chaos.folder / "producer.log").open("w") as log:
        return subprocess.Popen([sys.executable, "-m", "producer", "run", "--config", str(file)], stderr=log)


def _check(chaos: Chaos) -> None:
    address = chaos.kafka.bootstrap_servers
    ledger = set((chaos.folder / "ledger").read_text().split())
    scored = {}
    for record in read_all(address, chaos.topics.scored):
        value = json.loads(record.value)
        scored.setdefault(value["transaction"]["transaction_id"], set()).add((value["decision"], tuple(value["rules"])))
    alerts = {decode(Alert, record.value).transaction_id for record in read_all(address, chaos.topics.alerts)}
    letters = {(one.partition, one.offset) for one in (decode(Rejected, r.value) for r in read_all(address, chaos.topics.rejected))}
    assert len(ledger) > RATE * SECONDS / 2
    assert ledger <= scored.keys(), "a delivered transaction has no result"
    alerted = set()
    for record in read_all(address, chaos.topics.transactions):
        try:
            paid = decode(Transaction, record.value)
        except ContractError:
            assert (record.partition, record.offset) in letters, "a record has no result, and no dead letter"
            continue
        if paid.transaction_id not in ledger:
            assert paid.transaction_id in scored or (record.partition, record.offset) in letters
            continue
        expected = expected_alert(paid)
        assert scored[paid.transaction_id] == {expected or ("approve", ())}
        alerted |= {paid.transaction_id} if expected else set()
    assert alerted <= alerts
    assert not (ledger - alerted) & alerts
    assert all("new checkpoint" not in said for said in chaos.said)
