"""An archiver that is killed before and after each step of a batch, and ten times more at random. The seed is printed."""

import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from harness.dying_archiver import POINTS
from local.postgres import PostgresServer
from tests.dying import Stores

TIMES = {"before_files": 6, "after_files": 6, "before_log": 3, "after_log": 3, "before_copy": 2, "after_copy": 2}
"""How often a batch gets there at least: a file for each dataset of two lakes, a log for each of one, a table."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[PostgresServer]:
    one = PostgresServer(tmp_path / "postgres")
    one.start()
    yield one
    one.stop()


@pytest.mark.timeout(1_800)
def test_no_kill_loses_or_doubles_a_record(
    kafka: KafkaConnection, topics: TopicNames, tmp_path: Path, database: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chosen = random.Random(seed)  # noqa: S311 no secret
    names = [*POINTS, *chosen.choices(list(POINTS), k=10)]
    stores = Stores(kafka, topics, tmp_path, database)
    stores.die([f"{name}:{chosen.randint(1, TIMES.get(name, 1))}" for name in names], monkeypatch)
    stores.check_after_a_run()
