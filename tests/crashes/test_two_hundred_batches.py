"""Two hundred batches of a second, with compaction and vacuum beside them: nothing is lost, and files stay few."""

from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from harness.detector import Archiver
from tests.beside import Busy

BATCHES = 200


@pytest.mark.timeout(1_800)
def test_files_stay_few_over_two_hundred_batches(kafka: KafkaConnection, topics: TopicNames, tmp_path: Path) -> None:
    busy, archiver = Busy(kafka, topics, tmp_path / "delta"), Archiver(kafka, topics, tmp_path)
    archiver.settings |= busy.sinks
    archiver.start("microBatch", trigger={"mode": "microBatch", "interval": "1s"})
    failed: list[Exception] = []
    try:
        with busy.maintained(failed, pause_s=3):
            busy.pay(BATCHES, failed)
        assert archiver.stop() == 0, archiver.errors
    finally:
        archiver.kill()
    assert not failed
    busy.check()
    assert len(list((tmp_path / "delta" / "scored" / "_delta_log").glob("*.json"))) > BATCHES
    assert busy.most_files < BATCHES // 4, "without compaction they would be two a batch"
    print(f"{busy.compactions} compactions; at most {busy.most_files} files in a table")
