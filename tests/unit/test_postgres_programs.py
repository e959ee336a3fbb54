"""Which PostgreSQL the laptop and the tests start."""

import os
from pathlib import Path

import pytest

from local import postgres
from local.errors import MissingProgram


def folder(place: Path) -> Path:
    """Returns a folder with an `initdb` in it."""
    place.mkdir(parents=True)
    (place / "initdb").touch(mode=0o755)
    return place


def test_what_path_has_comes_before_the_distributions_newest(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "DEBIAN", home / "debian")
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(MissingProgram, match="`postgresql`"):
        postgres._programs()
    debian = [folder(home / "debian" / version / "bin") for version in ("9", "15")]
    assert postgres._programs() == debian[1]
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder(home / "own")), str(home)]))
    assert postgres._programs() == home / "own"
