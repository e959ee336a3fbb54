"""A Delta lake is compacted and vacuumed while the archiver fills it: nothing is lost. `make crashes` has two hundred batches."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from harness.detector import Archiver
from tests.beside import Busy


@pytest.mark.long
def test_maintenance_beside_the_archiver_loses_nothing(
    kafka: KafkaConnection, topics: TopicNames, archiver: Archiver, archive_here: Callable[..., None], tmp_path: Path
) -> None:
    busy = Busy(kafka, topics, tmp_path / "delta")
    archiver.settings |= busy.sinks
    stop = threading.Event()
    failed: list[Exception] = []

    def work() -> None:
        try:
            archive_here(archiver, stop, trigger={"mode": "microBatch", "interval": "1s"})
        except Exception as error:  # told by the test's end
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with busy.maintained(failed, pause_s=0.5):
            busy.pay(4, failed)
    finally:
        stop.set()
        thread.join()
    assert not failed
    busy.check()
    busy.say()
    archive_here(archiver)  # by an archiver that opens the tables anew
    busy.check()
