"""A checkpoint's place is moved in each of its sources, and what Spark itself says there stays."""

from pathlib import Path

import pytest

from spark_jobs.checkpoint_files import Folder
from spark_jobs.errors import UnusableCheckpoint
from spark_jobs.places import ByTopic, Checkpoint

OWN = 'v1\n{"batchWatermarkMs":0}\n'
SAID, LEARNT = '{"scored":{"0":5,"1":7}}', '{"labels":{"0":2}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("offsets", "commits", "sources/0", "sources/1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sources/0/0").write_text(f"\0v1\n{SAID}")
    (tmp_path / "sources/1/0").write_text(f"\0v1\n{LEARNT}")
    return tmp_path


def nine_is_first(_source: int, places: ByTopic) -> ByTopic:
    return {topic: {number: max(place, 9) for number, place in of_one.items()} for topic, of_one in places.items()}


def test_places_of_all_sources_are_one(folder: Path) -> None:
    one = Checkpoint(Folder(folder), "C")
    assert one.places == {"scored": {"0": 5, "1": 7}, "labels": {"0": 2}}
    one.move(nine_is_first)
    assert (folder / "sources/0/0").read_text() == '\0v1\n{"scored": {"0": 9, "1": 9}}'
    assert (folder / "sources/1/0").read_text() == '\0v1\n{"labels": {"0": 9}}'
    assert one.places == Checkpoint(Folder(folder), "C").places == {"scored": {"0": 9, "1": 9}, "labels": {"0": 9}}


def test_a_topic_leaves_and_comes_back_in_its_own_source(folder: Path) -> None:
    one = Checkpoint(Folder(folder), "C")
    one.move(lambda _, places: {topic: of_one for topic, of_one in places.items() if topic != "labels"})
    assert (folder / "sources/1/0").read_text() == "\0v1\n{}"
    assert one.places == {"scored": {"0": 5, "1": 7}}
    one.move(lambda source, places: places | ({"labels": {"0": 2}} if source == 1 else {}))
    assert (folder / "sources/0/0").read_text() == '\0v1\n{"scored": {"0": 5, "1": 7}}'
    assert one.places == {"scored": {"0": 5, "1": 7}, "labels": {"0": 2}}


def test_a_batch_that_was_planned_keeps_its_end(folder: Path) -> None:
    (folder / "offsets/3").write_text(f"{OWN}{SAID}\n-")
    (folder / "commits/3").write_text("v1\n{}")
    (folder / "offsets/4").write_text(OWN + '{"scored":{"0":20,"1":8}}\n' + LEARNT)
    one = Checkpoint(Folder(folder), "C")
    assert one.places == {"scored": {"0": 5, "1": 7}}
    one.move(nine_is_first)
    assert (folder / "offsets/3").read_text() == OWN + '{"scored": {"0": 9, "1": 9}}\n-'
    assert (folder / "offsets/4").read_text() == OWN + '{"scored": {"0": 20, "1": 9}}\n{"labels": {"0": 9}}'
    assert (folder / "sources/0/0").read_text() == f"\0v1\n{SAID}", "it counts no more"


@pytest.mark.parametrize("content", ["", "v1", OWN.strip(), f"{OWN}{SAID[:9]}"])
def test_a_file_that_is_cut_off_is_named(folder: Path, content: str) -> None:
    (folder / "offsets/3").write_text(content)
    (folder / "commits/3").write_text("v1\n{}")
    with pytest.raises(UnusableCheckpoint, match="its file offsets/3 is damaged"):
        Checkpoint(Folder(folder), "C")


def test_before_the_first_start_there_is_no_place(tmp_path: Path) -> None:
    assert Checkpoint(Folder(tmp_path), "C").places is None
