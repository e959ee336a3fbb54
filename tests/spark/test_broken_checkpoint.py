"""A checkpoint with a file that is empty, cut off or gone: it is mended or told, and what is advised keeps the history.

tests/faults breaks each kind of file in each way, in both modes.
"""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from configuration import KafkaConnection
from spark_jobs.errors import UnusableCheckpoint
from tests.broken import BATCHES, SIZE, Copy, Harm, World, cut, empty, gone


@pytest.fixture(scope="module")
def world(spark: SparkSession, kafka: KafkaConnection, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(spark, kafka, tmp_path_factory.mktemp("broken"))


def test_a_newest_batch_that_was_cut_off_is_run_again(world: World, tmp_path: Path) -> None:
    copy = Copy(world, tmp_path / "checkpoint")
    assert all(one.ok for one in copy.findings())
    copy.undo()
    empty(copy.folder / "offsets" / str(BATCHES - 1))
    cut(copy.file("the newest commit"))
    gone(copy.file("metadata"))
    world.send(1)
    assert copy.goes_on("microBatch") is None
    assert world.known() == world.sent
    assert all(one.ok for one in copy.findings())


@pytest.mark.parametrize(
    ("kind", "harm", "says"),
    [
        ("a changelog", gone, "does not exist"),
        ("the operator", empty, "NullPointerException"),
        ("the newest plan", cut, "is damaged"),
    ],
)
def test_what_is_advised_keeps_the_history(world: World, tmp_path: Path, kind: str, harm: Harm, says: str) -> None:
    copy = Copy(world, tmp_path / "checkpoint")
    harm(copy.file(kind))
    world.send(1)
    told = copy.goes_on("microBatch")
    assert isinstance(told, UnusableCheckpoint)
    assert says in str(told)
    assert f"`fraud doctor --checkpoint {copy.folder}`" in str(told)
    assert "Nothing is lost" not in str(told)
    copy.follow_advice()
    assert copy.goes_on("microBatch") is None
    assert world.known() == world.sent


def test_a_new_checkpoint_is_advised_only_where_no_batch_is_whole_and_then_what_it_loses(world: World, tmp_path: Path) -> None:
    copy = Copy(world, tmp_path / "checkpoint")
    assert world.sent >= BATCHES * SIZE
    gone(copy.file("a snapshot"))
    told = copy.goes_on("microBatch")
    assert isinstance(told, UnusableCheckpoint)
    assert "new `checkpoint`" not in str(told)
    (way,) = [one for one in copy.findings() if one.name == "way back"]
    assert "Restore the checkpoint from a copy. Where there is none a new `checkpoint` is all that is left" in way.advice
    assert "Lost is the history of all cards and terminals but for what Kafka still holds" in way.advice
