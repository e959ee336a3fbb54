"""One definition of features: an independent oracle, the batch and the stream give the same numbers.

`make parity` compares the same on all rows of the Handbook's world.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from harness.detector import MICRO_BATCH, Detector
from harness.oracle import oracle
from harness.worlds import World, assert_same, batch_features, corner, data_set
from tests.parity.streams import streamed

DAYS = 45
"""More than the longest window and its delay, 37 days: what is older must have been forgotten."""


@pytest.mark.fresh
@pytest.mark.timeout(900)
def test_oracle_and_batch_and_a_stream_of_many_batches_with_a_kill_tell_the_same(
    kafka: KafkaConnection, new_topics: Callable[[int], TopicNames], tmp_path: Path
) -> None:
    data = corner(data_set(tmp_path / "world", "--traffic", "all", "--days", str(DAYS)), tmp_path / "corner")
    batch = batch_features(data, tmp_path / "features")
    assert len(batch) > 15_000
    assert_same(batch, oracle(data), tolerance=1e-9)
    detector = Detector(kafka, new_topics(1), tmp_path)
    detector.settings |= {"max_offsets": 1_000_000, "trigger": MICRO_BATCH}
    try:
        found = streamed(detector, kafka, detector.topics, World(data), chunks=10, kill_in=5)
    finally:
        detector.kill()
    assert_same(found, batch)
