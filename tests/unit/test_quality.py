"""A clean day is silent; each fault is found by the expectation that is there for it, and no other cries wolf."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import Result
from typer.testing import CliRunner

from local.cli import app
from local.lake.views import connect
from quality.checking import Beside, Outcome, check, failed
from quality.command import app as in_a_pod
from quality.command import training
from quality.days import Days
from quality.errors import DayNotClosed, KafkaNotRead
from spark_jobs.feature_reference import MAY_BE_ABSENT
from spark_jobs.settings import S3
from tests import closed_days
from tests.closed_days import DAY, LIKE, Tables, changed
from tests.models import MADE_AT, description
from training.bundle import MODEL, describe
from training.lake import Lake
from training.store import ModelStore

BESIDE = Beside(label_delay=7.0, null_shares=None, missing_in_lake=None)
SAID = ("scored", "transactions")
ALWAYS = "card_count_1d"
CARD = "4111111111111111"


@cache
def day(of: date) -> Tables:
    return closed_days.tables(of)


def around() -> dict[date, Tables]:
    return {of: day(of) for of in (*LIKE, DAY - timedelta(days=1), DAY, DAY + timedelta(days=1))}


def outcomes(lake: dict[date, Tables], of: date = DAY, beside: Beside = BESIDE) -> dict[str, Outcome]:
    return {one.expectation: one for one in check(Days(closed_days.rows_of(lake)), of, beside)}


def names(found: dict[str, Outcome], severity: str) -> set[str]:
    return {one.expectation for one in failed(list(found.values()), severity)}


def each(of: Callable[[pa.Table], pa.Table], *datasets: str) -> Callable[[Tables], Tables]:
    return lambda found: found | {name: of(found[name]) for name in datasets or SAID}


def put(name: str, value: Any, *place: int, dataset: str = "scored") -> Callable[[Tables], Tables]:
    return each(lambda rows: changed(rows, name, value, *place), dataset)


def later(**by: float) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    return lambda times: pc.add(times, pa.scalar(timedelta(**by), pa.duration("us")))


def without_an_hour(found: Tables) -> Tables:
    time = {"scored": "event_time", "transactions": "event_time", "alerts": "timestamp"}
    return found | {name: found[name].filter(pc.not_equal(pc.hour(found[name][one]), 13)) for name, one in time.items()}


def with_rows_of_the_day_before(found: Tables) -> Tables:
    def and_old(rows: pa.Table) -> pa.Table:
        old = changed(day(DAY - timedelta(days=1))["scored"], "event_time", later(days=1))
        old = old.filter(pc.equal(old["decision"], "approve")).slice(0, 30)
        return pa.concat_tables([rows, old.select(rows.column_names)])

    return each(and_old)(found)


def without_an_alerted_payment(found: Tables) -> Tables:
    gone = pc.not_equal(found["scored"]["transaction_id"], found["alerts"]["transaction_id"][0])
    return found | {name: found[name].filter(gone) for name in SAID}


def twice(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, rows.slice(0, 150)])


FAULTS: dict[str, tuple[Callable[[Tables], Tables], str, bool]] = {
    "an hour dropped": (without_an_hour, "hours", True),
    "a batch twice": (each(twice), "scored_once", True),
    "alerts twice": (each(lambda rows: pa.concat_tables([rows, rows.slice(0, 3)]), "alerts"), "alerts_once", True),
    "payments of the day before": (with_rows_of_the_day_before, "days_apart", True),
    "payments lost on the way to training": (each(lambda rows: rows.slice(5), "transactions"), "transactions", True),
    "a currency swapped": (put("currency", "USD"), "currency_shares", False),
    "a currency that takes no cents": (put("currency", "JPY", 0, 30), "amount_decimals", True),
    "a currency that is none": (put("currency", CARD, 0, 5), "currency", True),
    "cents for euros": (put("amount", lambda old: pc.multiply(old.cast(pa.float64()), 100)), "amount_level", False),
    "negative money": (put("amount", Decimal("-5.00"), 3, 4), "amount_negative", True),
    "a feature all zero": (put("terminal_risk_7d", 0.0), "features_lost", True),
    "a feature absent": (put(ALWAYS, None, 0, 20), "features", True),
    "a feature beyond its range": (put("terminal_risk_7d", 1.5, 0, 1), "feature_ranges", True),
    "late labels": (
        put("event_time", later(days=-20), dataset="labels"),
        "label_delay",
        False,
    ),
    "labels before their payments": (put("event_time", later(days=60), 0, 5, dataset="labels"), "labels_after", True),
    "labels that stop": (each(lambda rows: rows.slice(0, 20), "labels"), "volume", False),
    "a clock ahead": (put("event_time", later(days=1), 0, 40), "times", True),
    "an alert without its payment": (without_an_alerted_payment, "alerts_scored", True),
    "a decision without its alert": (each(lambda rows: rows.slice(1), "alerts"), "alerts_sent", True),
    "a score of 1.2": (put("fraud_score", 1.2, 3, 4), "fraud_score_range", True),
    "scores that are not there": (put("fraud_score", None, 0, 60), "scores", False),
    "a field absent": (put("merchant_id", None, 0, 5), "required_fields", True),
    "a column absent": (each(lambda rows: rows.drop_columns(["merchant_id"]), "scored"), "required_fields", True),
    "an unknown channel": (put("channel", "phone", 0, 5), "channel", True),
    "dead letters": (
        lambda found: found | {"rejected": pa.concat_tables([day(of)["rejected"] for of in (*LIKE, DAY)] * 9)},
        "rejected",
        False,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_its_expectation_and_by_no_critical_other(fault: str) -> None:
    plant, expectation, is_critical = FAULTS[fault]
    lake = around()
    lake[DAY] = plant(lake[DAY])
    if fault == "a column absent":
        lake |= {of: plant(found) for of, found in lake.items() if of != DAY}
    found = outcomes(lake)
    assert names(found, "critical") == ({expectation} if is_critical else set())
    assert is_critical or expectation in names(found, "warning")
    text = repr(found)
    assert not re.search(rf"card-\d|{DAY}-\d|alert-\d|old-|{CARD}", text), "an identifier is in the report"


@pytest.mark.parametrize("of", [DAY, DAY + timedelta(days=3)], ids=["Wednesday", "Saturday"])
def test_a_clean_day_is_silent(of: date) -> None:
    """Thirty of them: tests/faults/test_clean_days.py."""
    days = (*(of - timedelta(weeks=weeks) for weeks in range(1, 5)), of - timedelta(days=1), of, of + timedelta(days=1))
    found = outcomes({one: day(one) for one in days}, of)
    assert names(found, "critical") | names(found, "warning") == set()
    assert {one.expectation for one in found.values() if one.success is None} == {"kafka", "null_shares"}


def test_what_is_usual_is_not_known_in_the_first_week() -> None:
    found = outcomes({DAY: day(DAY)})
    told = {one.expectation: one.observed for one in found.values() if one.success is None}
    assert set(told) == {"kafka", "null_shares", "hours", "currency_shares", "amount_level", "volume", "features_lost"}
    assert "same weekdays" in told["hours"]
    assert names(found, "critical") == set()


def test_a_day_without_payments_fails() -> None:
    lake = around()
    del lake[DAY]
    assert "payments" in names(outcomes(lake), "critical")


def test_a_feature_is_absent_as_often_as_in_training() -> None:
    trained = dict.fromkeys(MAY_BE_ABSENT, 0.3)
    lake = around()
    assert names(outcomes(lake, beside=BESIDE._replace(null_shares=trained)), "warning") == set()
    lake[DAY] = put("is_vpn", None)(lake[DAY])
    found = outcomes(lake, beside=BESIDE._replace(null_shares=trained))
    assert (names(found, "warning"), found["null_shares"].observed) == ({"null_shares"}, "is_vpn")


def test_what_kafka_has_and_the_lake_has_not_is_critical() -> None:
    found = outcomes(around(), beside=BESIDE._replace(missing_in_lake=3))
    assert (names(found, "critical"), found["kafka"].observed) == ({"kafka"}, "3")


def test_training_is_what_the_champion_says(home: Path) -> None:
    store = ModelStore(str(home / "models"), S3())
    assert training(str(home / "models"), S3()) == (7.0, None)
    counts = {"payments": {"is_vpn": {"edges": [0.0], "counts": [10, 20, 10]}}}
    files = {MODEL: b"model", "reference.json": json.dumps(counts).encode()}
    known = description()
    assert known.trained_on is not None
    trained_on = known.trained_on.model_copy(update={"label_delay_days": 10.0})
    manifest = describe("xgboost", known.model_copy(update={"trained_on": trained_on}), files, MADE_AT)
    store.add(manifest, files)
    store.point("champion", manifest.version, "it is the first")
    assert training(str(home / "models"), S3()) == (10.0, {"is_vpn": 0.25})


def fraud(lake: Path, *arguments: str, of: date = DAY) -> Result:
    return CliRunner().invoke(app, ["quality", "check", "--data", str(lake), "--day", str(of), *arguments])


@pytest.mark.parametrize("write", [closed_days.write_delta, closed_days.write_parquet], ids=["delta", "parquet"])
def test_the_command_tells_shows_and_keeps(home: Path, write: Callable[[Path, date, Tables], None]) -> None:
    lake = around()
    for plant in (
        "a score of 1.2",
        "negative money",
        "an alert without its payment",
        "a clock ahead",
        "labels before their payments",
    ):
        lake[DAY] = FAULTS[plant][0](lake[DAY])
    for of, tables in lake.items():
        write(home / "lake", of, tables)
    clean = fraud(home / "lake", of=LIKE[-1])
    assert (clean.exit_code, "0 critical and 0 warnings" in clean.output) == (0, True), clean.output or clean.exception
    done = fraud(home / "lake", "--json", "--html", "report.html")
    assert done.exit_code == 1, done.exception
    told = json.loads(done.stdout)
    wrong = {one["expectation"]: one for one in told["expectations"] if one["success"] is False}
    critical = {"fraud_score_range", "amount_negative", "alerts_scored", "times", "labels_after"}
    assert ({name for name, one in wrong.items() if one["severity"] == "critical"}, told["ok"]) == (critical, False)
    asked = connect(str(home / "lake"))
    for name in critical:
        assert len(asked.sql(wrong[name]["query"]).fetchall()) > 0, name
    page = Path("report.html").read_text()
    assert all(name in page for name in critical)
    assert not re.search(rf"card-\d|{DAY}-\d", page)
    again = fraud(home / "lake")
    assert (again.exit_code, "fraud lake sql" in again.output) == (1, True)
    query = "SELECT date, count(*) FROM quality WHERE severity = 'critical' AND NOT success GROUP BY ALL ORDER BY 1"
    assert connect(str(home / "lake")).sql(query).fetchall() == [(DAY, len(critical))], (
        "a day that is checked again replaces itself"
    )
    assert Lake(str(home / "lake"), S3()).rows("quality") is not None


def test_a_day_that_is_not_over_is_refused(home: Path) -> None:
    closed_days.write_parquet(home / "lake", DAY, day(DAY))
    refused = fraud(home / "lake", of=datetime.now(UTC).date() + timedelta(days=1)).exception
    assert isinstance(refused, DayNotClosed)


def test_a_pod_does_not_read_kafka(tmp_path: Path) -> None:
    done = CliRunner().invoke(in_a_pod, ["check", "--data", str(tmp_path), "--day", str(DAY), "--kafka"])
    assert isinstance(done.exception, KafkaNotRead)
