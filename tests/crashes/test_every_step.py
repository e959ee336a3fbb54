"""An archiver that is killed at each step of a batch, and ten times more at random. The seed is printed; CRASH_SEED repeats it."""

from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from harness.dying_archiver import POINTS
from local.postgres import PostgresServer
from tests.dying import Stores, drawn, some_time


@pytest.mark.timeout(1_800)
def test_no_kill_loses_or_doubles_a_record(
    kafka: KafkaConnection, topics: TopicNames, tmp_path: Path, database: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = drawn()
    stores = Stores(kafka, topics, tmp_path, database)
    stores.die([some_time(chosen, name) for name in (*POINTS, *chosen.choices(list(POINTS), k=10))], monkeypatch)
    stores.check_after_a_run()
