"""Runs an import in an empty folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from producer.__main__ import main
from tests.imported import KEY, Import


@pytest.fixture
def key(home: Path) -> str:
    (home / "card.key").write_text(f"{KEY}\n")
    return "card.key"


@pytest.fixture
def imported(home: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    """Returns a function that runs the import into `out` and returns its account."""

    def run(*arguments: str, **mapping: Any) -> dict[str, Any]:
        if mapping:
            (home / "mapping.yaml").write_text(yaml.safe_dump(mapping))
            arguments = (*arguments, "--config", "mapping.yaml")
        assert main(["import", *arguments, "--output", "out", "--json"]) == 0, capsys.readouterr().err
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


@pytest.fixture
def refused(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Returns a function that runs an import that fails, leaves nothing, and returns its one paragraph."""

    def run(*arguments: str, **mapping: Any) -> str:
        if mapping:
            (home / "mapping.yaml").write_text(yaml.safe_dump(mapping))
            arguments = (*arguments, "--config", "mapping.yaml")
        before = set(home.iterdir())
        assert main(["import", *arguments, "--output", "out"]) == 1
        assert set(home.iterdir()) == before, "something is left"
        told = capsys.readouterr().err
        assert told.count("error: ") == 1
        return told[told.index("error: ") :]

    return run
