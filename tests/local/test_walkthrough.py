"""The walkthrough is what its cells make, and its text says no number that a cell has not printed and checked."""

import re
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest

from notebooks.__main__ import PAGE, run

STEPS, BYTES = 12, 1_000_000
NUMBER = re.compile(r"(?<![\w.,-])\d[\d,_]*(?:\.\d+)?")


@pytest.fixture(scope="module")
def page() -> Any:
    return nbformat.read(PAGE, as_version=4)


def shown(cell: Any) -> Iterator[str]:
    """Yields what a cell has printed and drawn; a picture by its kind, as its bytes are matplotlib's business."""
    for output in cell.get("outputs", ()):
        found = output.get("data", {"text/plain": output.get("text")})
        yield from (text if kind.startswith("text/") else kind for kind, text in sorted(found.items()))


def test_what_is_committed_is_what_its_cells_make(page: Any) -> None:
    ran = run()
    assert [(one.cell_type, one.source) for one in page.cells] == [(one.cell_type, one.source) for one in ran.cells]
    for committed, new in zip(page.cells, ran.cells, strict=True):
        assert list(shown(committed)) == list(shown(new)), f"run `make notebook`: {committed.source}"
    assert not {one.get("name") for cell in page.cells for one in cell.get("outputs", ())} & {"stderr"}


def numbers(text: str) -> set[str]:
    return {one.replace(",", "").replace("_", "") for one in NUMBER.findall(text)}


def test_every_number_of_the_text_is_printed_and_checked(page: Any) -> None:
    told = numbers("\n".join(one.source for one in page.cells if one.cell_type == "markdown"))
    checks = re.findall(r"^assert .*", "\n".join(one.source for one in page.cells), re.MULTILINE)
    assert len(told) > 10
    assert told <= numbers("\n".join(text for cell in page.cells for text in shown(cell)))
    assert told <= numbers("\n".join(checks))


def test_it_has_few_steps_and_opens_in_a_browser(page: Any) -> None:
    assert 1 < sum(one.source.startswith("## ") for one in page.cells) <= STEPS
    assert PAGE.stat().st_size < BYTES
    assert page.metadata.kernelspec.name == "python3"
    assert "widgets" not in page.metadata
