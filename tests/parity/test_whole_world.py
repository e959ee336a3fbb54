"""Every feature of every row of the Handbook's world, by the oracle, in batch and as a stream: `make parity`."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from configuration import KafkaConnection, TopicNames
from harness.detector import MICRO_BATCH, Detector
from harness.oracle import oracle
from harness.worlds import FeaturedWorld, World, assert_same, batch_features, data_set
from producer.campaigns import CAMPAIGNS
from tests.parity.streams import streamed

REAL_TIME_ROWS = 200_000
WAITING_ROWS = 550_000


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> FeaturedWorld:
    """The book's 183 days."""
    folder = tmp_path_factory.mktemp("handbook")
    data = data_set(folder / "world", "--days", "183")
    found = batch_features(data, folder / "features")
    assert len(found) == 1_754_155
    return FeaturedWorld(data, found)


@pytest.mark.timeout(1_500)
def test_the_batch_equals_the_oracle_on_all_rows(handbook: FeaturedWorld) -> None:
    assert_same(handbook.features, oracle(handbook.data), tolerance=1e-9)


@pytest.fixture
def detect(kafka: KafkaConnection, new_topics: Callable[[int], TopicNames], tmp_path: Path) -> Callable[..., pd.DataFrame]:
    def run(data: Path, *, chunks: int, kill_in: int | None = None, waiting: int = 0, **settings: object) -> pd.DataFrame:
        topics = new_topics(1)
        detector = Detector(kafka, topics, tmp_path)
        detector.settings |= {"max_offsets": 1_000_000, "rules": {}, "console": {"enabled": False}, "spark": {}, **settings}
        try:
            return streamed(detector, kafka, topics, World(data), chunks, kill_in=kill_in, waiting=waiting)
        finally:
            detector.kill()

    return run


@pytest.mark.timeout(1_500)
def test_micro_batches_with_a_kill_equal_the_batch_on_all_rows(
    handbook: FeaturedWorld, detect: Callable[..., pd.DataFrame]
) -> None:
    found = detect(handbook.data, chunks=28, kill_in=14, trigger=MICRO_BATCH)
    assert_same(found, handbook.features)


@pytest.mark.timeout(1_200)
def test_real_time_mode_equals_the_batch(detect: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    """Nobody moves: for each profile that changes amid the stream, the world would wait for two checkpoints."""
    attacks = json.dumps(dict.fromkeys(CAMPAIGNS.keys() - {"account_takeover"}, 1))
    data = data_set(tmp_path / "world", "--traffic", "all", "--rows", str(REAL_TIME_ROWS), "--campaigns", attacks)
    found = detect(data, chunks=10, trigger={"mode": "realTime", "duration": "5s"})
    assert_same(found, batch_features(data, tmp_path / "features"))


@pytest.mark.timeout(1_200)
def test_half_a_million_that_wait_and_then_real_time_equal_the_batch(detect: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    """A state that is rebuilt knows what it knew live: labels and profiles come before the payments that followed them."""
    data = data_set(tmp_path / "world", "--traffic", "all", "--rows", str(WAITING_ROWS))
    trigger = {"mode": "realTime", "duration": "5s"}
    found = detect(data, chunks=12, waiting=11, trigger=trigger, max_offsets=60_000)
    assert_same(found, batch_features(data, tmp_path / "features"))
