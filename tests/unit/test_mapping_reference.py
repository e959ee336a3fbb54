"""The mappings' page is the code's."""

from pathlib import Path

from producer.imports.proposals import CATEGORIES as IMPORTED
from spark_jobs.mapping_reference import render
from spark_jobs.transforms.mapping_functions import CATEGORIES, FUNCTIONS

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "mapping.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == render().rstrip() + "\n", "run `make schemas`"


def test_every_function_has_an_example() -> None:
    assert all(one.example.startswith(f"{one.name}(") and one.returns for one in FUNCTIONS)


def test_a_history_and_its_stream_have_one_code_for_a_category() -> None:
    assert {name: CATEGORIES.get(name) for name in IMPORTED} == dict(IMPORTED)
