"""Every feature of every row of the Handbook's world, stream against batch: `make parity`."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from configuration import KafkaConnection, TopicNames
from harness.detector import MICRO_BATCH, Detector
from harness.worlds import World, assert_same, batch_features, data_set
from tests.parity.streams import streamed

REAL_TIME_ROWS = 200_000


@pytest.fixture
def detect(kafka: KafkaConnection, new_topics: Callable[[int], TopicNames], tmp_path: Path) -> Callable[..., pd.DataFrame]:
    def run(data: Path, chunks: int, kill_in: int | None, **settings: object) -> pd.DataFrame:
        topics = new_topics(1)
        detector = Detector(kafka, topics, tmp_path)
        detector.settings |= {"max_offsets": 1_000_000, "rules": {}, "sinks": {"kafka": {"type": "kafka"}}, "spark": {}, **settings}
        try:
            return streamed(detector, kafka, topics, World(data), chunks, kill_in)
        finally:
            detector.kill()

    return run


@pytest.mark.timeout(1_500)
def test_micro_batches_with_a_kill_equal_the_batch_on_all_rows(detect: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    data = data_set(tmp_path / "world", "--days", "183")
    found = detect(data, 20, 10, trigger=MICRO_BATCH)
    assert len(found) == 1_754_155
    assert_same(found, batch_features(data, tmp_path / "features"))


@pytest.mark.timeout(1_200)
def test_real_time_mode_equals_the_batch(detect: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    """One task a step: with several, two payments of a card within milliseconds may overtake each other on the way."""
    data = data_set(tmp_path / "world", "--traffic", "all", "--rows", str(REAL_TIME_ROWS))
    found = detect(data, 10, None, trigger={"mode": "realTime", "duration": "5s"}, state_partitions=1)
    assert_same(found, batch_features(data, tmp_path / "features"))
