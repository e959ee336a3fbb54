"""A card number that somebody sends goes no further than the dead letter that repeats his record."""

import threading
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry, generate_latest
from pyspark.sql import SparkSession

from configuration import KafkaConnection, TopicNames
from contract import Rejected, decode
from harness.detector import Detector
from harness.kafka import read_all
from spark_jobs.detect_fraud import stream
from spark_jobs.metrics import StreamMetrics
from spark_jobs.settings import DetectorSettings
from tests.checkpoints import contents
from tests.forms import CARD, IDS, changed

NUMBER = CARD.encode()
MAPPED = {
    "input": {
        "transactions": {
            "fields": {
                name: f"$.{name}" for name in ("transaction_id", "event_time", "terminal_id", "merchant_id", "amount", "currency")
            }
            | {name: f"$.{name}" for name in ("merchant_category", "channel", "country", "response_code")}
            | {"card_id": "token_of(body:card_id)", "customer_id": "token_of(body:customer_id)"}
        }
    }
}


def _records() -> list[bytes]:
    in_a_field = [
        changed(**{name: CARD, "transaction_id": CARD if name == "transaction_id" else f"t-{name}"}) for name in (*IDS, "device_id")
    ]
    elsewhere = [
        changed(pan=CARD, transaction_id="t-pan"),
        changed(amount=CARD),
        b"no JSON " + NUMBER,
        changed(vpn=CARD, transaction_id="t-vpn"),
    ]
    return [*in_a_field, *elsewhere, changed(transaction_id="t-usual")]


@pytest.mark.parametrize("mapped", [False, True], ids=["contract", "mapped"])
def test_a_card_number_is_in_no_key_no_state_no_log_and_no_metric(
    spark: SparkSession,
    kafka: KafkaConnection,
    topics: TopicNames,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    mapped: bool,
) -> None:
    producer = Producer(kafka.librdkafka())
    for value in _records():
        producer.produce(topics.transactions, value, key=NUMBER, headers=[("pan", NUMBER)])
    assert producer.flush(30) == 0
    detector = Detector(kafka, topics, tmp_path)
    key_file = tmp_path / "card.key"
    key_file.write_bytes(b"k" * 32)
    settings: dict[str, Any] = MAPPED | {"input": MAPPED["input"] | {"card_key_file": str(key_file)}} if mapped else {}
    registry = CollectorRegistry()
    given = DetectorSettings.load(["--config", str(detector.write("availableNow", **settings))], "tests")
    metrics = StreamMetrics(registry)
    here = spark.newSession()
    here.streams.addListener(metrics)
    stream(here, given, threading.Event(), metrics)
    here.streams.removeListener(metrics)

    written = [one for topic in topics.outputs() for one in read_all(kafka.bootstrap_servers, topic)]
    assert len(written) >= len(_records())
    assert not [one for one in written if NUMBER in (one.key or b"")]
    letters = [one for one in written if one.topic == topics.rejected]
    assert not [one for one in written if one.topic != topics.rejected and NUMBER in one.value]
    repeated = [one for one in letters if NUMBER in (decode(Rejected, one.value).value or b"")]
    assert bool(repeated) is not mapped, "a mapped record's dead letter has it masked; another is repeated as it came"
    assert NUMBER not in generate_latest(registry)
    found = {
        str(file)
        for folder in (tmp_path / "checkpoint", tmp_path / "logs")
        for file, data in contents(spark, folder)
        if NUMBER in data
    }
    assert not found
    assert any(b"t-usual" in data for _, data in contents(spark, tmp_path / "checkpoint")), "what is in the state can be seen"
    logs = [log.read_bytes() for log in tmp_path_factory.getbasetemp().rglob("spark.log")]
    assert logs
    assert not [log for log in logs if NUMBER in log]
