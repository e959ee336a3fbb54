"""A topic gets more partitions while real-time mode runs."""

from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from confluent_kafka.admin import NewPartitions
from prometheus_client import CollectorRegistry
from pyspark.sql import SparkSession
from structlog.testing import capture_logs

from configuration import KafkaConnection, TopicNames, reach
from contract import Scored, decode, encode
from harness.detector import QUICK_START, Detector
from harness.kafka import read_all, send_until_taken
from spark_jobs import slots
from spark_jobs.errors import TooFewSlots
from spark_jobs.metrics import StreamMetrics
from spark_jobs.settings import DetectorSettings, RealTimeTrigger
from tests.records import AT, transaction


def grow(kafka: KafkaConnection, topic: str, partitions: int) -> None:
    admin, _ = reach(kafka)
    for future in admin.create_partitions([NewPartitions(topic, partitions)]).values():
        future.result()


def pay(kafka: KafkaConnection, topics: TopicNames, name: str, partition: int) -> None:
    value = encode(replace(transaction(transaction_id=name), card_id=name))
    at = round(AT.timestamp() * 1000)
    send_until_taken(kafka.bootstrap_servers, topics.transactions, name.encode(), value, timestamp=at, partition=partition)


@pytest.mark.fresh
def test_it_goes_on_while_slots_suffice_and_ends_with_a_paragraph_that_helps(
    detector: Detector, run_here: Callable[..., CollectorRegistry], kafka: KafkaConnection, new_topics: Callable[..., TopicNames]
) -> None:
    topics = new_topics(1)
    detector.topics = topics
    everything = {"everything": {"when": "true", "action": "decline", "reason": "For the ceiling, which this mode has too"}}
    detector.settings |= {"topics": asdict(topics), "state_partitions": 1, "rules": everything, "max_declines_per_minute": 1}
    spark = {"master": "local[7]", "conf": QUICK_START}  # four topics and two steps take six
    pay(kafka, topics, "a", 0)
    detector.start("realTime", trigger={"mode": "realTime", "duration": "5s", "catch_up": False}, spark=spark)
    detector.until_scored(1)
    grow(kafka, topics.transactions, 2)
    pay(kafka, topics, "b", 1)
    detector.until_scored(2)

    grow(kafka, topics.transactions, 3)
    pay(kafka, topics, "c", 2)
    assert detector.wait() == 1
    (told,) = [line for line in detector.errors.splitlines() if line.startswith("error: ")]
    assert "8 together; Spark has 7 task slots" in told
    assert "fewer state_partitions" not in told, "they cannot change while the history is to stay"

    with capture_logs() as logs:
        run_here(detector)
    assert {"topic": topics.transactions, "before": 2, "now": 3}.items() <= next(
        one.items() for one in logs if "has grown" in one["event"]
    )
    scored = [decode(Scored, one.value or b"") for one in read_all(kafka.bootstrap_servers, topics.scored)]
    first = {one.transaction.transaction_id: one.decision for one in reversed(scored)}
    assert first == {"a": "decline", "b": "review", "c": "review"}


def test_it_is_told_before_the_batch_that_could_not_begin(
    spark: SparkSession, kafka: KafkaConnection, new_topics: Callable[..., TopicNames], monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = new_topics(1)
    settings = DetectorSettings(kafka=kafka, topics=topics, trigger=RealTimeTrigger())
    registry = CollectorRegistry()
    watch = slots.Slots(spark, settings, StreamMetrics(registry))
    had = spark.sparkContext.defaultParallelism

    def needed() -> tuple[float | None, float | None]:
        return registry.get_sample_value("fraud_slots_needed"), registry.get_sample_value("fraud_slots_had")

    with pytest.raises(TooFewSlots, match=f"8 together; Spark has {had} task slots"):
        watch.require()
    assert needed() == (8, had)
    monkeypatch.setattr(slots, "LOOK_S", 0)
    grow(kafka, topics.labels, 4)
    with capture_logs() as logs:
        watch.look()
        watch.look()
    assert needed() == (11, had)
    (said,) = logs
    assert (said["log_level"], said["needed"], said["partitions"][topics.labels]) == ("warning", 11, 4)
