"""What the doctor finds in a checkpoint whose newest batch is not done; tests/faults has the files that Spark writes."""

import json
import zipfile
from pathlib import Path

import pytest

from spark_jobs.checkpoint_files import Folder
from spark_jobs.examine_checkpoint import SPARE, examine

LOG = "v1\n{}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Batch 0 is done, and its state is one snapshot; batch 1 has begun."""
    write(tmp_path, "metadata", json.dumps({"id": "a-name"}))
    for name in ("offsets/0", "offsets/1"):
        write(tmp_path, name, LOG)
    write(tmp_path, "commits/0", "v2\n" + json.dumps({"stateUniqueIds": {"0": [["unique"]]}}))
    write(tmp_path, "state/0/_metadata/v2/0", LOG)
    write(tmp_path, "state/0/_stateSchema/default/0", "a schema")
    (tmp_path / "state/0/0").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "state/0/0/1_unique.zip", "w") as snapshot:
        snapshot.writestr("metadata", 'v1\n{"sstFiles": []}')
    return tmp_path


def write(folder: Path, name: str, content: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)


def problems(folder: Path) -> dict[str, tuple[str, str]]:
    return {one.name: (one.found, one.advice) for one in examine(Folder(folder)) if not one.ok}


def test_a_batch_that_has_begun_is_no_fault(folder: Path) -> None:
    assert problems(folder) == {}


def test_a_commit_that_is_missing_between_two_batches_has_a_way_back(folder: Path) -> None:
    write(folder, "offsets/2", LOG)
    found = problems(folder)
    assert found["commits/1"] == ("is missing", "")
    assert found["way back"][0] == "batch 0 is whole"
    assert "for every N above 0" in found["way back"][1]


@pytest.mark.parametrize(("content", "found"), [("", "is empty"), ('v1\n{"a', "is cut off or overwritten")])
def test_what_a_first_attempt_at_a_batch_has_left_of_an_operator_may_go(folder: Path, content: str, found: str) -> None:
    write(folder, "state/0/_metadata/v2/1", content)
    assert problems(folder) == {"batches": ("done up to batch 0, batch 1 has begun", ""), "state/0/_metadata/v2/1": (found, SPARE)}
