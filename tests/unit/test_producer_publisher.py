"""The publisher counts deliveries, waits where the queue is full, and writes to the ledger what Kafka has and nothing else."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from configuration import KafkaConnection
from producer import publisher as module
from producer.errors import CannotWrite, NotDelivered
from producer.publisher import AskedToStop, Publisher
from tests.records import transaction


class FakeProducer:
    """librdkafka's queue: `room` records, delivered by poll where `alive`, refused where `refuses`."""

    room, alive, refuses = 3, True, False

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.queue: list[Callable[..., None]] = []
        self.keys: list[str] = []

    def produce(self, topic: str, value: bytes, key: str, on_delivery: Callable[..., None]) -> None:
        if len(self.queue) >= self.room:
            raise BufferError
        self.queue.append(on_delivery)
        self.keys.append(key)

    def poll(self, timeout: float) -> int:
        while self.alive and self.queue:
            self.queue.pop(0)(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE) if self.refuses else None, None)
        return 0

    def flush(self, timeout: float) -> int:
        self.poll(timeout)
        return len(self.queue)

    def __len__(self) -> int:
        return len(self.queue)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeProducer]:
    kind = type("Fake", (FakeProducer,), {})
    monkeypatch.setattr(module, "Producer", kind)
    return kind


def send(publisher: Publisher, count: int) -> None:
    for number in range(count):
        publisher.send("transactions", f"card-{number}", transaction(), ledger_id=f"t{number}")


def test_nothing_is_lost_or_reordered_where_the_queue_is_full(fake: type[FakeProducer]) -> None:
    with Publisher(KafkaConnection()) as publisher:
        send(publisher, 10)
    assert (publisher.sent, publisher.delivered, publisher.failed) == (10, 10, 0)
    assert publisher._producer.keys == [f"card-{number}" for number in range(10)]  # type: ignore[attr-defined]


def test_delivery_is_idempotent_and_acknowledged_by_all(fake: type[FakeProducer]) -> None:
    settings = Publisher(KafkaConnection())._producer.settings  # type: ignore[attr-defined]
    assert (settings["enable.idempotence"], settings["acks"], settings["partitioner"]) == (True, "all", "murmur2_random")
    assert (settings["compression.type"], settings["linger.ms"]) == ("lz4", 5)


def test_the_ledger_holds_what_is_delivered_and_nothing_else(fake: type[FakeProducer], tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_text("earlier\n")
    with Publisher(KafkaConnection(), ledger) as publisher:
        send(publisher, 3)
        assert ledger.read_text() == "earlier\n"
        publisher.wait(0)
        assert ledger.read_text() == "earlier\nt0\nt1\nt2\n"
        publisher.send("customers", "card-1", transaction())
    assert ledger.read_text().count("\n") == 4


def test_a_refused_record_ends_the_run_and_is_not_in_the_ledger(fake: type[FakeProducer], tmp_path: Path) -> None:
    fake.refuses = True
    with pytest.raises(NotDelivered, match=r"0 of 2 records; 2 were refused"), Publisher(KafkaConnection(), tmp_path / "a") as one:
        send(one, 2)
    assert (tmp_path / "a").read_text() == ""
    with pytest.raises(NotDelivered, match="refused"), Publisher(KafkaConnection()) as one:
        send(one, 5)  # the first refusal is known once the queue was full
    assert one.sent < 5


def test_records_without_an_answer_are_not_taken_for_delivered(fake: type[FakeProducer]) -> None:
    fake.alive = False
    with pytest.raises(NotDelivered, match="2 not answered"), Publisher(KafkaConnection()) as publisher:
        send(publisher, 2)


def test_a_stop_ends_the_wait_for_room(fake: type[FakeProducer]) -> None:
    fake.alive = False
    stop = threading.Event()
    stop.set()
    publisher = Publisher(KafkaConnection(), stop=stop)
    with pytest.raises(AskedToStop):
        send(publisher, 4)
    assert publisher.sent == 3


def test_a_ledger_that_cannot_be_written_is_named(fake: type[FakeProducer], tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="ledger cannot be written: No such file"):
        Publisher(KafkaConnection(), tmp_path / "nowhere" / "ledger")
    full = Path("/dev/full")  # Linux's full disk
    publisher = Publisher(KafkaConnection(), full)
    send(publisher, 1)
    with pytest.raises(CannotWrite, match="No space left"):
        publisher.wait(0)
