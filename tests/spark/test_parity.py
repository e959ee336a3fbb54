"""One definition of features: an independent oracle, the batch and the stream give the same numbers."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from configuration import KafkaConnection, TopicNames
from harness.detector import MICRO_BATCH, Detector
from harness.oracle import features
from harness.worlds import World, assert_same, batch_features, data_set
from tests.parity.streams import streamed

ROWS = 100_000
COLUMNS = [
    *("transaction_id", "event_time", "card_id", "terminal_id", "amount", "response_code", "latitude", "longitude", "device_id"),
    *("vpn", "is_fraud"),
]


@pytest.mark.timeout(1_500)
def test_the_batch_equals_the_oracle_on_every_row_of_the_handbooks_world(tmp_path: Path) -> None:
    data = data_set(tmp_path / "world", "--days", "183")
    found = batch_features(data, tmp_path / "features")
    transactions = pd.read_parquet(data / "transactions", columns=COLUMNS)
    labels = pd.read_parquet(data / "labels", columns=["transaction_id", "is_fraud"])
    expected = features(transactions, labels, pd.read_parquet(data / "customers"), pd.read_parquet(data / "merchants"))
    assert len(expected) == 1_754_155
    assert_same(found, expected, tolerance=1e-9)


@pytest.mark.fresh
@pytest.mark.timeout(900)
def test_a_stream_of_many_batches_with_a_kill_equals_the_batch(
    kafka: KafkaConnection, new_topics: Callable[[int], TopicNames], tmp_path: Path
) -> None:
    data = data_set(tmp_path / "world", "--traffic", "all", "--rows", str(ROWS))
    topics = new_topics(1)
    detector = Detector(kafka, topics, tmp_path)
    detector.settings |= {"max_offsets": 1_000_000, "trigger": MICRO_BATCH}
    try:
        found = streamed(detector, kafka, topics, World(data), chunks=10, kill_in=5)
    finally:
        detector.kill()
    assert_same(found, batch_features(data, tmp_path / "features"))
