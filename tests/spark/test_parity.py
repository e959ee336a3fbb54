"""One definition of features: an independent oracle, the batch and the stream give the same numbers.

`make parity` compares the same on all rows of the Handbook's world.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from configuration import KafkaConnection, TopicNames
from harness.detector import MICRO_BATCH, Detector
from harness.kafka import read_all, send_all
from harness.oracle import oracle
from harness.worlds import FeaturedWorld, World, assert_same, batch_features, corner, data_set
from spark_jobs.features import FEATURE_COLUMNS
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
    found = streamed(small, kafka, small.topics, World(world.data), chunks=7, kill_in=3)
    assert_same(found, world.features)


@pytest.mark.fresh
@pytest.mark.timeout(900)
def test_what_waits_and_then_real_time_tell_the_same_as_the_batch(
    small: Detector, kafka: KafkaConnection, world: FeaturedWorld
) -> None:
    small.settings |= {"max_offsets": 4_000, "trigger": {"mode": "realTime", "duration": "5s"}}
    found = streamed(small, kafka, small.topics, World(world.data), chunks=10, waiting=9)
    assert_same(found, world.features)


@pytest.mark.timeout(300)
def test_an_address_that_changes_counts_from_then_on_in_the_oracle_the_batch_and_the_stream(
    small: Detector, kafka: KafkaConnection, run_here: Callable[..., None], tmp_path: Path
) -> None:
    takeovers = ("--traffic", "all", "--days", "10", "--campaigns", '{"account_takeover": 1}')
    data = corner(data_set(tmp_path / "world", *takeovers), tmp_path / "corner", share=0.03)
    versions = pd.read_parquet(data / "customers").sort_values("updated_at")
    changes = versions[versions.duplicated("card_id")].drop_duplicates("card_id").set_index("card_id")["updated_at"]
    found = batch_features(data, tmp_path / "features")
    assert_same(found, oracle(data), tolerance=1e-9)

    paid = pd.read_parquet(data / "transactions").set_index("transaction_id").join(found["home_distance_km"])
    paid = paid[paid["card_id"].isin(changes.index) & paid["home_distance_km"].notna()]
    moved = paid["event_time"] >= paid["card_id"].map(changes)
    assert moved.sum() > 10
    assert (~moved).sum() > 10
    assert paid.loc[moved, "home_distance_km"].median() > 3 * paid.loc[~moved, "home_distance_km"].median()

    topics = small.topics
    places = {"customer": topics.customers, "label": topics.labels, "transaction": topics.transactions}
    customers, merchants = World(data).profiles()
    known = [(topics.customers, *one) for one in customers] + [(topics.merchants, *one) for one in merchants]
    send_all(kafka.bootstrap_servers, [*known, *((places[kind], *one) for kind, *one in World(data).arrivals(1, 1))])
    run_here(small, max_offsets=1_000)
    scored = [json.loads(one.value or b"") for one in read_all(kafka.bootstrap_servers, topics.scored)]
    index = pd.Index([one["transaction"]["transaction_id"] for one in scored], name="transaction_id")
    streamed_features = pd.DataFrame([one["features"] for one in scored], index, columns=list(FEATURE_COLUMNS), dtype=float)
    assert_same(streamed_features, found)
