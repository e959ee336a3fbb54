"""A real Avro producer, a real registry, a real topic: payments that reach scored records by settings alone."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from configuration import KafkaConnection, TopicNames
from contract import Rejected, Scored, decode
from harness.detector import Detector
from harness.kafka import read_all
from tests.schema_registry import SchemaRegistry
from tests.spark.test_your_own_payments import cases

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchemaRegistry]:
    one = SchemaRegistry(tmp_path_factory.mktemp("registry"))
    one.start()
    yield one
    one.stop()


def payment(number: int, **changes: Any) -> dict[str, Any]:
    value = json.loads(cases()["Avro with a schema registry"]["json record"])
    return value | {"id": number, "paid_at": AT, "amount": Decimal("12.50")} | changes


def test_framed_avro_reaches_scored_records(
    registry: SchemaRegistry, kafka: KafkaConnection, topics: TopicNames, detector: Detector, run_here: Callable[..., None]
) -> None:
    """Two writers with schemas of their own, and one value that is none of theirs."""
    case = cases()["Avro with a schema registry"]
    schema = json.loads(case["json schema"])
    wider = {**schema, "fields": [{"name": "wallet", "type": "string", "default": ""}, *schema["fields"]]}
    client = SchemaRegistryClient({"url": registry.url})
    context = SerializationContext(topics.transactions, MessageField.VALUE)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for number, form in enumerate((schema, wider)):
        value = AvroSerializer(client, json.dumps(form))(payment(number, wallet="w"), context)
        producer.produce(topics.transactions, value, b"k", timestamp=int(AT.timestamp() * 1000))
    producer.produce(topics.transactions, b"\x00\x00\x00\x00\x00\x00", b"k", timestamp=int(AT.timestamp() * 1000))
    producer.flush()
    sources = yaml.safe_load(case["yaml"])["input"]["transactions"]["fields"]
    run_here(detector, input={"registry": {"url": registry.url}, "transactions": {"format": "avro", "fields": sources}})
    scored = [decode(Scored, record.value).transaction for record in read_all(kafka.bootstrap_servers, topics.scored)]
    assert sorted((one.transaction_id, one.amount, one.channel) for one in scored) == [
        ("0", Decimal("12.50"), "pos"),
        ("1", Decimal("12.50"), "pos"),
    ]
    dead = [decode(Rejected, record.value) for record in read_all(kafka.bootstrap_servers, topics.rejected)]
    assert [one.reasons for one in dead] == [("unknown_schema",)]
