"""A batch that cannot hold all that waits ends at one instant in all topics."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from configuration import KafkaConnection, TopicNames, reach
from spark_jobs import sources
from spark_jobs.settings import AvailableNowTrigger

Batches = Callable[..., list[list[tuple[str, int]]]]


@pytest.fixture
def batches(spark: SparkSession, kafka: KafkaConnection, topics: TopicNames, tmp_path: Path) -> Batches:
    """Returns a function that reads all topics in batches of at most so many records: of each record its topic and timestamp."""

    def read(most: int, start: str = "earliest") -> list[list[tuple[str, int]]]:
        found: list[list[tuple[str, int]]] = []

        def keep(batch: DataFrame, _: int) -> None:
            found.append([tuple(row) for row in batch.select("topic", F.unix_millis("timestamp")).collect()])

        raw = sources.read_stream(spark, kafka, topics.inputs(), AvailableNowTrigger(), most, start)
        query = (
            raw.writeStream.foreachBatch(keep).trigger(availableNow=True).option("checkpointLocation", str(tmp_path / "cp")).start()
        )
        query.awaitTermination()
        return found

    return read


def _send(kafka: KafkaConnection, records: list[tuple[str, int]]) -> None:
    producer = Producer(kafka.librdkafka())
    refused: list[object] = []
    for number, (topic, timestamp) in enumerate(records):
        producer.produce(topic, b"x", key=str(number).encode(), timestamp=timestamp, on_delivery=lambda e, _: refused.append(e))
    assert producer.flush(30) == 0
    assert set(refused) == {None}, "what was sent is not what is read"


def test_what_came_earlier_is_in_no_later_batch(batches: Batches, kafka: KafkaConnection, topics: TopicNames) -> None:
    begin = 1_700_000_000_000
    # All profiles come first, labels come ever more often, and half of the payments come in the last tenth of the time.
    sent = [(topics.customers, begin + one) for one in range(200)]
    sent += [(topics.labels, begin + 1_000 + round(10_000 * (one / 100) ** 0.5)) for one in range(100)]
    sent += [(topics.transactions, begin + 1_000 + (36 * one if one < 250 else 9_000 + 4 * (one - 250))) for one in range(500)]
    _send(kafka, sent)
    found = batches(100)
    assert sorted(one for batch in found for one in batch) == sorted(sent)
    assert len(found) > 8
    assert max(len(batch) for batch in found) <= 100
    for before, after in pairwise(found):
        assert max(at for _, at in before) < min(at for _, at in after)
    assert {topic for topic, _ in found[0]} == {topics.customers}, "profiles were not read first"


def test_where_no_instant_divides_them_all_are_read(batches: Batches, kafka: KafkaConnection, topics: TopicNames) -> None:
    sent = [(topic, 1_700_000_000_000) for topic in (topics.transactions, topics.labels) for _ in range(150)]
    _send(kafka, sent)
    found = batches(100)
    assert max(len(batch) for batch in found) <= 100
    assert sorted(one for batch in found for one in batch) == sorted(sent)


def test_a_clock_that_is_ahead_holds_nothing_back(batches: Batches, kafka: KafkaConnection, topics: TopicNames) -> None:
    """Kafka's index shows nothing behind a record that is stamped too late; what is behind it comes in its turn all the same."""
    _take_any_timestamp(kafka, topics)
    begin, far = 1_700_000_000_000, 32_000_000_000_000
    labels = [(topics.labels, begin + 20 * one) for one in range(100)]
    payments = [(topics.transactions, begin + 4 * one) for one in range(500)]
    stamped = [(topics.transactions, far), (topics.labels, far)]
    _send(kafka, [stamped[0], *payments[:200], stamped[0], *payments[200:], *labels[:50], stamped[1], *labels[50:]])
    found = batches(100)
    assert sorted(one for batch in found for one in batch) == sorted([*payments, *labels, stamped[0], *stamped])
    in_their_turn = [[at for _, at in batch if at < far] for batch in found]
    assert len(in_their_turn) > 5
    for before, after in pairwise(one for one in in_their_turn if one):
        assert max(before) < min(after)


@pytest.mark.parametrize(("start", "payments"), [("earliest", 10), ("latest", 0), (5, 5), (100, 0)])
def test_a_new_checkpoint_begins_where_it_is_told_and_knows_all_profiles(
    batches: Batches, kafka: KafkaConnection, topics: TopicNames, start: str | int, payments: int
) -> None:
    begin = 1_700_000_000
    _send(kafka, [(topics.customers, 1000 * begin), *((topics.transactions, 1000 * (begin + second)) for second in range(10))])
    at = datetime.fromtimestamp(begin + start, UTC) if isinstance(start, int) else start
    places = sources.offsets_at(kafka, topics.inputs(), (topics.customers, topics.merchants), at)
    found = [topic for batch in batches(100, places) for topic, _ in batch]
    assert Counter(found) == Counter({topics.customers: 1, topics.transactions: payments})


def test_what_a_sender_took_back_is_not_read(batches: Batches, kafka: KafkaConnection, topics: TopicNames) -> None:
    producer = Producer({**kafka.librdkafka(), "transactional.id": topics.transactions})
    producer.init_transactions()
    for number, ends in enumerate((producer.commit_transaction, producer.abort_transaction, producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topics.transactions, b"x", timestamp=1_700_000_000_000 + number)
        ends()
    assert sorted(at % 1000 for batch in batches(100) for _, at in batch) == [0, 2]


def _take_any_timestamp(kafka: KafkaConnection, topics: TopicNames) -> None:
    """As brokers before Kafka 4 do, and topics that say so."""
    admin, _ = reach(kafka)
    entry = ConfigEntry("message.timestamp.after.max.ms", str(2**63 - 1), incremental_operation=AlterConfigOpType.SET)
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[entry]) for name in topics.inputs()]
    for changed in admin.incremental_alter_configs(resources).values():
        changed.result()
    for resource in resources:  # the broker hears of it a moment later
        while admin.describe_configs([resource])[resource].result()[entry.name].value != entry.value:
            pass
