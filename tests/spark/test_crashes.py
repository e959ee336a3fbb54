"""An archiver that is killed between the steps of a batch: every record is there once. `make crashes` has all steps."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from local.postgres import PostgresServer
from tests.dying import Stores


@pytest.fixture
def database(tmp_path: Path) -> Iterator[PostgresServer]:
    one = PostgresServer(tmp_path / "postgres")
    one.start()
    yield one
    one.stop()


@pytest.mark.fresh
def test_a_kill_between_two_steps_of_a_batch_neither_loses_nor_doubles(
    kafka: KafkaConnection,
    topics: TopicNames,
    tmp_path: Path,
    database: PostgresServer,
    archive_here: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stores = Stores(kafka, topics, tmp_path, database)
    stores.die(("after_log:1", "after_copy:1"), monkeypatch)
    archive_here(stores.archiver)
    stores.check()
