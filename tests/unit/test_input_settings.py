"""The settings `input`: what is taken, and what is refused by name."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from configuration import InvalidSettings
from contract import Transaction
from contract.fields import fields_of
from spark_jobs.input_settings import InputSettings
from spark_jobs.settings import DetectorSettings

FIELDS = {one.name: "$.x" for one in fields_of(Transaction) if one.required}


def load(home: Path, **given: Any) -> DetectorSettings:
    file = home / "detector.yaml"
    file.write_text(yaml.safe_dump({"input": given}))
    return DetectorSettings.load(["--config", str(file)], "tests")


def test_without_input_the_topics_are_read_as_contract_json(home: Path) -> None:
    settings = load(home)
    assert settings.input_topics == settings.topics.inputs()
    assert all(one.fields is None for inputs in settings.inputs.values() for one in inputs)


def test_one_input_or_a_list_and_the_topic_of_the_contract_where_none_is_named(home: Path) -> None:
    one = load(home, transactions={"fields": FIELDS})
    assert one.input_topics == one.topics.inputs()
    several = load(home, transactions=[{"topic": "a", "fields": FIELDS}, {"topic": "b"}], labels={"topic": "c"})
    assert several.input_topics == ("a", "b", "c", "customers", "merchants")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"transactions": {"fields": FIELDS | {"merchant": "$.m"}}},
            "`merchant` is no field of a transaction, the nearest is `merchant_id`",
        ),
        ({"transactions": {"fields": {"amount": "$.a"}}}, "`card_id` has no source"),
        ({"labels": {"fields": {"is_fraud": "true"}}}, "`labelled_at` has no source"),
        ({"transactions": {"fields": FIELDS | {"vpn": True}}}, "`input.transactions.0.fields.vpn`"),
        ({"transactions": {"field": FIELDS}}, "`input.transactions.0.field` is not a setting"),
        ({"transactions": {"each": "$.a"}}, "`each` needs `fields`"),
        ({"transactions": {"format": "avro"}}, "`format` needs `fields`"),
        ({"transactions": {"format": "avro", "fields": FIELDS}}, "`format: avro` needs `registry`, or a `schema_file`"),
        ({"transactions": {"schema_file": "x", "fields": FIELDS}}, "`schema_file` is of Avro"),
        ({"registry": {"url": "https://me:hidden@registry"}}, "use username and password_file"),
        ({"transactions": {"topic": "fraud.alerts"}}, "the detector writes to the topic fraud.alerts"),
        (
            {"transactions": {"topic": "a"}, "labels": {"topic": "a"}},
            "the topic a is read twice: then each of its inputs needs `fields`",
        ),
        ({"transactions": [{"topic": "a", "fields": FIELDS}] * 2}, "all its inputs but the last need `where`"),
        (
            {"transactions": [{"topic": "a", "fields": FIELDS, "where": "true"}, {"topic": "a", "fields": FIELDS, "each": "$"}]},
            "need the same `format`, `schema_file` and `each`",
        ),
        ({"registry": {"url": "registry:8081"}}, "`input.registry.url`"),
        ({"registry": {"url": "http://r", "username": "me"}}, "username and password_file belong together"),
        ({"registry": {"url": "http://r", "key_file": "k"}}, "certificate_file and key_file belong together"),
        ({"files": {"folder": "in"}}, "set trigger.mode to availableNow"),
        ({"files": {"folder": "s3://b/in"}}, "S3 is reached as s3a://bucket/folder"),
        (
            {"files": {"folder": "in", "topic": "customers"}},
            "`input.files.topic` is customers, and no input of transactions reads it",
        ),
        (
            {"transactions": {"format": "avro", "schema_file": "x", "fields": FIELDS}, "files": {"folder": "in"}},
            "the topic transactions is read as Avro: set `input.files.topic`",
        ),
    ],
)
def test_a_mistake_is_told_by_its_name(home: Path, given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(home, **given)
    assert says in str(refused.value)


def test_files_go_to_the_first_topic_of_transactions_or_to_the_one_that_is_named(home: Path) -> None:
    asked = ["--trigger.mode", "availableNow", "--input.files.folder", "s3a://b/in"]
    settings = DetectorSettings.load(asked, "tests")
    assert settings.input.topic_of_files(settings.topics) == "transactions"
    assert settings.s3a_paths == ("s3a://b/in",)
    named = InputSettings.model_validate(
        {"transactions": [{}, {"topic": "batches", "fields": FIELDS}], "files": {"folder": "in", "topic": "batches"}}
    )
    assert named.topic_of_files(settings.topics) == "batches"
    assert InputSettings().topic_of_files(settings.topics) is None
    with pytest.raises(InvalidSettings, match="a new checkpoint cannot start at latest"):
        DetectorSettings.load([*asked, "--start", "latest"], "tests")
