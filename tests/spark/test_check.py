"""`fraud check` tells beforehand what the detector does, and what it proposes can be used as it stands."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastavro
import pytest
import yaml
from pyspark.sql import SparkSession

from configuration import KafkaConnection, TopicNames
from contract import encode
from harness.kafka import read_all, send
from local.check.__main__ import CheckSettings, check
from local.check.proposal import as_yaml, propose
from local.check.report import report
from local.check.samples import of_file, of_topics
from local.errors import NothingToCheck
from spark_jobs.settings import Limits
from spark_jobs.sources import inputs_of
from tests.forms import CARD, FORMS, WIRE
from tests.frames import EVERY_TIME
from tests.records import transaction

USUAL = Limits()
SHOP = {
    "id": "p-{}",
    "timestamp": "2024-03-01T10:00:{:02}Z",
    "user_id": "u-{}",
    "card": "tok-{}",
    "merchant": "Café {}",
    "amount": 12.5,
    "currency": "EUR",
}


def shop(number: int) -> dict[str, Any]:
    return {name: value.format(number) if isinstance(value, str) else value for name, value in SHOP.items()}


def told(spark: SparkSession, file: Path, limits: Limits = USUAL, **settings: Any) -> dict[str, Any]:
    given = CheckSettings(file=file, **settings).model_copy(update={"limits": limits})
    samples = of_file(file, given.topics.transactions, given.records)
    return report(check(spark, samples, inputs_of(given.input, given.topics), given))


def test_every_form_is_told_as_the_detector_decides_it(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "forms.jsonl"
    forms = [form for form in FORMS if form.value and form.value.strip() and b"\n" not in form.value]
    file.write_bytes(b"\n".join(form.value or b"" for form in forms))
    found = told(spark, file, limits=EVERY_TIME)
    assert (found["records"], found["rejected"]) == (len(forms), sum(form.reason is not None for form in forms))
    assert {form.reason for form in forms if form.reason} <= {one["reason"] for one in found["reasons"]}
    assert CARD not in json.dumps(found)
    (amount,) = (one for one in found["reasons"] if one["reason"] == "card_number:card_id")
    assert amount["value_looks_like"] == "9" * 16


def test_a_proposal_needs_little_to_map_the_records(spark: SparkSession, tmp_path: Path) -> None:
    bodies = [shop(number) for number in range(10)]
    file = tmp_path / "shop.jsonl"
    file.write_text("\n".join(map(json.dumps, bodies)))
    assert told(spark, file)["scored"] == 0
    proposed = yaml.safe_load(as_yaml(propose(bodies), "transactions", None))
    found = told(spark, file, **proposed)
    assert (found["scored"], found["rejected"], found["ok"]) == (10, 0, True), found["reasons"]


def test_files_of_each_kind_are_read_alike(spark: SparkSession, tmp_path: Path) -> None:
    bodies = [shop(number) for number in range(3)]
    mapped = yaml.safe_load(as_yaml(propose(bodies), "transactions", None))
    whole, lines, table, blocks = (tmp_path / f"shop.{ending}" for ending in ("json", "jsonl", "csv", "avro"))
    whole.write_text(json.dumps(bodies))
    lines.write_text("\n".join(map(json.dumps, bodies)))
    table.write_text("|".join(SHOP) + "\n" + "".join("|".join(map(str, one.values())) + "\n" for one in bodies))
    schema = {
        "type": "record",
        "name": "Payment",
        "fields": [{"name": name, "type": "double" if name == "amount" else "string"} for name in SHOP],
    }
    with blocks.open("wb") as out:
        fastavro.writer(out, schema, bodies)
    for file in (lines, table, blocks):
        assert told(spark, file, **mapped)["scored"] == 3, file
    mapped["input"]["transactions"]["each"] = "$"
    assert told(spark, whole, **mapped)["scored"] == 3


def test_the_newest_records_of_a_topic_are_read_and_nothing_is_written(
    kafka: KafkaConnection, topics: TopicNames, tmp_path: Path
) -> None:
    paid = (transaction(transaction_id=f"t{number}", card_id=f"c{number}") for number in range(30))
    send(kafka.bootstrap_servers, topics.transactions, ((one.card_id, encode(one)) for one in paid))
    send(kafka.bootstrap_servers, topics.transactions, [("c", b"{}")])
    newest = of_topics(kafka, [topics.transactions], 10)
    assert 5 <= len(newest) <= 10
    file = tmp_path / "detector.yaml"
    file.write_text(yaml.safe_dump({"kafka": {"bootstrap_servers": kafka.bootstrap_servers}}))
    command = [sys.executable, "-m", "local.check", f"--config={file}", f"--topic={topics.transactions}", "--output=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    found = json.loads(done.stdout)
    assert (found["records"], found["scored"], found["rejected"]) == (31, 30, 1)
    assert found["reasons"][0]["first_at"].startswith(topics.transactions)
    assert not read_all(kafka.bootstrap_servers, topics.rejected)


@pytest.mark.parametrize(("name", "text"), [("x.txt", "x"), ("x.avro", "no avro"), ("x.avro", ""), ("x.csv", "")])
def test_a_file_that_cannot_be_read_is_an_error_without_its_content(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(NothingToCheck) as caught:
        of_file(tmp_path / name, "transactions", 10)
    assert "no avro" not in str(caught.value)


def test_contract_records_need_no_proposal(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "wire.jsonl"
    file.write_text(json.dumps(WIRE))
    assert told(spark, file)["ok"]
