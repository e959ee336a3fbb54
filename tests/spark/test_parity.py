"""One definition of features: an independent oracle, the batch and the stream give the same numbers.

`make parity` compares the same on all rows of the Handbook's world.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from harness.detector import MICRO_BATCH, Detector
from harness.oracle import oracle
from harness.worlds import FeaturedWorld, World, assert_same, batch_features, corner, data_set
from tests.parity.streams import streamed

DAYS = 45
"""More than events are kept, 38 days: what is older must have been forgotten."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> FeaturedWorld:
    folder = tmp_path_factory.mktemp("world")
    data = corner(data_set(folder / "world", "--traffic", "all", "--days", str(DAYS)), folder / "corner")
    return FeaturedWorld(data, batch_features(data, folder / "features"))


@pytest.fixture
def small(kafka: KafkaConnection, new_topics: Callable[[int], TopicNames], tmp_path: Path) -> Iterator[Detector]:
    """A detector of topics with one partition: events are read in the order of their arrival."""
    detector = Detector(kafka, new_topics(1), tmp_path)
    yield detector
    detector.kill()


@pytest.mark.fresh
@pytest.mark.timeout(900)
def test_oracle_and_batch_and_a_stream_of_many_batches_with_a_kill_tell_the_same(
    small: Detector, kafka: KafkaConnection, world: FeaturedWorld
) -> None:
    assert len(world.features) > 15_000
    assert_same(world.features, oracle(world.data), tolerance=1e-9)
    small.settings |= {"max_offsets": 1_000_000, "trigger": MICRO_BATCH}
    found = streamed(small, kafka, small.topics, World(world.data), chunks=10, kill_in=5)
    assert_same(found, world.features)


@pytest.mark.fresh
@pytest.mark.timeout(900)
def test_what_waits_and_then_real_time_tell_the_same_as_the_batch(
    small: Detector, kafka: KafkaConnection, world: FeaturedWorld
) -> None:
    trigger = {"mode": "realTime", "duration": "5s"}
    small.settings |= {"max_offsets": 4_000, "trigger": trigger, "state_partitions": 1}
    found = streamed(small, kafka, small.topics, World(world.data), chunks=10, waiting=9)
    assert_same(found, world.features)
