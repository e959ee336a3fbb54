"""An archiver that is cut off between the steps of a batch: every record is there once. `make crashes` kills it at each step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configuration import KafkaConnection, TopicNames
from harness.dying_archiver import POINTS
from local.postgres import PostgresServer
from tests.dying import Stores, drawn, some_time

KILLS = 10


@pytest.mark.fresh
def test_no_cut_between_two_steps_of_a_batch_loses_or_doubles_a_record(
    kafka: KafkaConnection,
    new_topics: Callable[..., TopicNames],
    tmp_path: Path,
    database: PostgresServer,
    archive_here: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = drawn()
    stores = Stores(kafka, new_topics(1), tmp_path, database)
    stores.die(["amid_copy"], monkeypatch)
    stores.cut_off([some_time(chosen, name) for name in chosen.choices(list(POINTS), k=KILLS)], chosen, archive_here)
    stores.repeat()
    archive_here(stores.archiver)
    stores.check()
