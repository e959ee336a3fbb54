"""An archiver that is killed at each step of a batch, and ten times at random. The seed is printed; CRASH_SEED repeats it."""

from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from harness.dying_archiver import POINTS
from local.postgres import PostgresServer
from tests.dying import Stores, drawn, some_time

KILLS = 10


@pytest.mark.timeout(900)
@pytest.mark.parametrize("at_random", [False, True], ids=["each step", "at random"])
def test_no_kill_loses_or_doubles_a_record(
    kafka: KafkaConnection,
    topics: TopicNames,
    tmp_path: Path,
    database: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    at_random: bool,
) -> None:
    chosen = drawn()
    names = chosen.choices(list(POINTS), k=KILLS) if at_random else list(POINTS)
    stores = Stores(kafka, topics, tmp_path, database)
    stores.die([some_time(chosen, name) for name in names], monkeypatch)
    stores.check_after_a_run()
