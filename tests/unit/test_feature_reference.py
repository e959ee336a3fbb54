"""The features' page and listing are the definition's, in plain English."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract import Customer, Label
from local.cli import app
from spark_jobs.aggregations import GroupBy
from spark_jobs.feature_reference import described, of_group, render
from spark_jobs.features import FEATURE_COLUMNS, FEATURE_SET, GROUPS
from spark_jobs.vocabulary import Aggregation, Condition, Operation, days, hours, minutes, spoken

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "features.md"
DECLINED = Condition("declined", "transaction.response_code <> 'approved'")
FRAUD = Condition("fraud", "label.is_fraud")
SENTENCES = {
    "Number of the card's transactions in the last 10 minutes, this one included": Aggregation(
        Operation.COUNT, windows=(minutes(10),)
    ),
    "Number of the card's declined transactions in the last hour, this one included if declined": Aggregation(
        Operation.COUNT, where=DECLINED, windows=(hours(1),)
    ),
    "Number of the card's transactions known to be fraud in the 30 days that end 7 days before this one": Aggregation(
        Operation.COUNT, of=Label, where=FRAUD, windows=(days(30),), delay=days(7)
    ),
    "Number of the card's labelled transactions in the day that ends an hour before this one": Aggregation(
        Operation.COUNT, of=Label, windows=(days(1),), delay=hours(1)
    ),
    "Mean amount of the card's transactions in the last day, this one included": Aggregation(
        Operation.AVERAGE, "amount", windows=(days(1),)
    ),
    "Mean amount of the card's transactions before this one, within the last 7 days": Aggregation(
        Operation.PAST_AVERAGE, "amount", windows=(days(7),)
    ),
    "Sum of the amounts of the card's transactions in the last 90 minutes, this one included": Aggregation(
        Operation.SUM, "amount", windows=(minutes(90),)
    ),
    "Number of different terminals among the card's transactions in the last hour, this one included": Aggregation(
        Operation.UNIQUE_COUNT, "terminal_id", windows=(hours(1),)
    ),
    "Number of the card's transactions in the last 30 days, this one included, that have the same device as this one": Aggregation(
        Operation.COUNT_SAME, "device_id", windows=(days(30),)
    ),
    "Seconds since the card's last transaction before this one, within the last 30 days": Aggregation(
        Operation.SECONDS_SINCE_LAST, windows=(days(30),)
    ),
    "Latitude of the card's last transaction that has one, before this one, within the last 30 days": Aggregation(
        Operation.LAST, "latitude", windows=(days(30),)
    ),
    "Holder's first day as a customer, by the newest profile that has arrived": Aggregation(
        Operation.LAST, "signup_date", of=Customer
    ),
    "Number of different values of `country` among the card's transactions in the last day, this one included": Aggregation(
        Operation.UNIQUE_COUNT, "country", windows=(days(1),)
    ),
}


def test_the_page_is_what_the_definition_says() -> None:
    assert PAGE.read_text() == render() + "\n", "run `make schemas`"


def test_the_page_has_every_feature_once_and_names_the_set() -> None:
    page = PAGE.read_text()
    listed = re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
    kept = [output.name for group in GROUPS for output in group.outputs if not output.feature]
    assert sorted(listed) == sorted((*FEATURE_COLUMNS, *kept))
    assert f"feature set `{FEATURE_SET}`" in page
    assert all(f"plan `{group.plan_hash[:16]}`" in page for group in GROUPS)
    assert "(t - w, t], the current event included; with a delay: (t - d - w, t - d]" in page


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_reads_as_english(sentence: str) -> None:
    (found,) = of_group(GroupBy("card", "card_id", days(37), (SENTENCES[sentence],))).values()
    assert found.sentence == sentence


def test_every_value_has_a_unit_and_says_when_it_is_absent() -> None:
    found = {one.name: one for one in described()}
    assert all(one.unit and one.sentence and one.of and one.range for one in found.values())
    assert {name: found[name].unit for name in ("card_seconds_since_last_30d", "home_distance_km", "card_sum_amount_1h")} == {
        "card_seconds_since_last_30d": "seconds",
        "home_distance_km": "km",
        "card_sum_amount_1h": "currency",
    }
    absent = {name: found[name].absent for name in ("card_count_1h", "card_average_amount_1d", "card_count_same_terminal_id_30d")}
    assert set(absent.values()) == {""}
    assert found["card_count_same_device_id_30d"].absent == "this one has no device"
    assert found["card_seconds_since_last_30d"].absent == "there is none"
    ranges = {name: found[name].range for name in ("terminal_risk_1d", "card_count_1h", "terminal_fraud_count_1d_delay_7d")}
    assert list(ranges.values()) == ["0 to 1", "from 1", "from 0"]


def test_spans_in_words() -> None:
    assert [spoken(span) for span in (days(1), days(7), hours(36), minutes(1), timedelta(seconds=1.5))] == [
        *("day", "7 days", "36 hours", "minute", "1.5 seconds")
    ]


def test_fraud_features_lists_them_for_scripts_and_people(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["features", "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["feature_set"] == FEATURE_SET
    assert [one["name"] for one in found["features"]] == list(FEATURE_COLUMNS)
    assert next(one for one in found["features"] if one["name"] == "terminal_fraud_count_7d_delay_7d") == {
        "name": "terminal_fraud_count_7d_delay_7d",
        "sentence": "Number of the terminal's transactions known to be fraud in the 7 days that end 7 days before this one",
        "unit": "transactions",
        "range": "from 0",
        "absent": "",
        "kind": "count",
        "group": "terminal",
        "window": "7d",
        "delay": "7d",
        "of": ["label fraud"],
        "feature": True,
    }
    monkeypatch.setattr("local.cli.out.width", 200)
    table = CliRunner().invoke(app, ["features"])
    assert table.exit_code == 0
    assert all(name in table.stdout for name in (FEATURE_SET, *FEATURE_COLUMNS))


def test_a_checkpoint_without_a_key_is_a_mistake() -> None:
    done = CliRunner().invoke(app, ["features", "--checkpoint", "somewhere"])
    assert done.exit_code == 2
    assert "--explain KEY" in done.output
