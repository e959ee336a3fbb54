"""One definition, four forms: JSON Schema files and Spark schemas are the classes'."""

import json
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from contract import RECORDS, Customer, Label, Merchant, Topics, Transaction, encode
from contract.json_schema import file_name, render
from spark_jobs.schema import schema
from tests.forms import FORMS
from tests.records import record

FILES = Path(__file__).parent.parent.parent / "docs" / "reference" / "schemas"


def test_the_files_are_what_the_classes_say() -> None:
    assert {file.name: file.read_text() for file in FILES.iterdir()} == {file_name(kind): render(kind) for kind in RECORDS}, (
        "run `make schemas`"
    )


@pytest.mark.parametrize("kind", RECORDS)
def test_every_record_is_valid_by_its_file(kind: type) -> None:
    validator = Draft202012Validator(json.loads((FILES / file_name(kind)).read_text()))

    @settings(max_examples=30, deadline=None, derandomize=True)
    @given(record(kind))
    def is_valid(one: object) -> None:
        validator.validate(json.loads(encode(one)))

    is_valid()


def test_a_file_says_what_the_codec_does() -> None:
    """But for what no schema can say, and for what is read as a kindness."""
    validator = Draft202012Validator(json.loads((FILES / "transaction.schema.json").read_text()))
    compared = 0
    for form in FORMS:
        with suppress(ValueError, RecursionError):
            found = json.loads((form.value or b"").decode(), parse_constant=int)
            assert validator.is_valid(found) == (form.unsaid or (form.reason is None and not form.lenient)), form
            compared += 1
    assert compared > 300


@pytest.mark.parametrize("kind", [Transaction, Label, Customer, Merchant])
def test_spark_reads_the_same_fields_in_the_same_order(kind: type) -> None:
    names = [one.name for one in fields(kind)]
    assert schema(kind).names == names


def test_two_topics_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"fraud\.alerts"):
        Topics(scored="fraud.alerts")


def test_profiles_rulesets_and_receipts_are_compacted_and_results_bear_the_brokers_time() -> None:
    specs = {spec.name: spec for spec in Topics().specs(4)}
    compacted = {name for name, spec in specs.items() if spec.settings.get("cleanup.policy") == "compact"}
    assert compacted == {"customers", "merchants", "fraud.rulesets", "fraud.files"}
    assert {name for name, spec in specs.items() if "message.timestamp.type" in spec.settings} == set(Topics().outputs())
    assert specs["transactions"].partitions == specs["fraud.alerts"].partitions == 4


def test_dead_letters_which_may_hold_card_numbers_are_kept_no_longer_than_alerts() -> None:
    kept = {spec.name: int(spec.settings["retention.ms"]) for spec in Topics().specs(1) if "retention.ms" in spec.settings}
    assert 0 < kept["transactions.rejected"] <= kept["fraud.alerts"]
