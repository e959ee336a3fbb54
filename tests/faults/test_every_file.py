"""Each kind of file of a checkpoint, empty, cut off and gone, in both modes: `make faults`."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from configuration import KafkaConnection
from tests.broken import FILES, MODES, Copy, Harm, World, cut, empty, gone

STANDS_ON = ("a snapshot", "a table", "the schema")
"""What the state of each of so few batches needs."""


@pytest.fixture(scope="module")
def world(spark: SparkSession, kafka: KafkaConnection, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(spark, kafka, tmp_path_factory.mktemp("broken"))


@pytest.mark.parametrize("undone", [False, True])
@pytest.mark.parametrize("harm", [empty, cut, gone])
@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("mode", MODES)
def test_it_is_mended_or_told_and_what_is_advised_keeps_the_history(
    world: World, tmp_path: Path, mode: str, kind: str, harm: Harm, undone: bool
) -> None:
    copy = Copy(world, tmp_path / "checkpoint")
    file = copy.file(kind)
    if undone:
        copy.undo()
    if file.exists():
        harm(file)
    world.send(1)
    told = copy.goes_on(mode)
    if told is not None:
        assert "\n" not in str(told)
        assert f"`fraud doctor --checkpoint {copy.folder}`" in str(told)
        assert any(not one.ok for one in copy.findings()), "the doctor finds nothing"
        if any(one.found == "no batch is whole" for one in copy.findings()):
            assert kind in STANDS_ON, "what else stands on it?"
            return
        copy.follow_advice()
        assert copy.goes_on(mode) is None
    assert world.known() == world.sent
