"""The data set holds the stream's own records, column for column; and what the two programs say when they cannot do it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from configuration import InvalidSettings
from contract import Customer, Label, Merchant, Transaction
from producer import dataset
from producer.__main__ import main
from producer.dataset import write
from producer.errors import CannotWrite, FolderInUse
from producer.handbook import world
from producer.imports.settings import ImportSettings
from producer.layout import arrow_schema
from producer.payments import Event, ProfileChange
from producer.people import Population, populate
from producer.settings import DatasetSettings, RunSettings
from producer.traffic import Traffic

START = datetime(2018, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(START)


@pytest.fixture(autouse=True)
def one_population(monkeypatch: pytest.MonkeyPatch, population: Population) -> None:
    monkeypatch.setattr(dataset, "populate", lambda *_: population)


def written(out: Path, **settings: Any) -> dict[str, float]:
    return write(DatasetSettings(out=out, **settings))


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(out / name).to_pylist()


def test_it_holds_what_the_stream_sends(tmp_path: Path, population: Population) -> None:
    counts = written(tmp_path, traffic="all", rows=3_000)
    arrivals = Traffic(population, START, "all", days=183).arrivals()
    expected: list[Event] = []
    changed: list[Customer] = []
    while len(expected) < 3_000:
        one = next(arrivals)
        if isinstance(one, Event):
            expected.append(one)
        else:
            changed.append(one.profile)
    assert rows(tmp_path, "transactions") == [asdict(event.transaction) for event in expected]
    labels = rows(tmp_path, "labels")
    assert [one["transaction_id"] for one in labels] == [event.transaction.transaction_id for event in expected]
    assert [(one["is_fraud"], one["scenario"], one["campaign_id"]) for one in labels] == [event[2:] for event in expected]
    assert all(one["labelled_at"] - one["event_time"] == timedelta(days=7) for one in labels)
    assert rows(tmp_path, "customers") == [asdict(one) for one in (*population.customers, *changed)]
    assert rows(tmp_path, "merchants") == [asdict(one) for one in population.merchants]
    frauds = sum(event.is_fraud for event in expected)
    assert (counts["transactions"], counts["labels"], counts["frauds"]) == (3_000, 3_000, frauds)
    assert frauds


def test_a_profile_that_changes_has_a_row_a_version(tmp_path: Path, population: Population) -> None:
    counts = written(tmp_path, traffic="hacker", campaigns={"account_takeover": 1.0}, days=5)
    traffic = Traffic(population, START, "hacker", days=5, campaigns={"account_takeover": 1.0})
    changed = [one.profile for one in traffic.arrivals() if isinstance(one, ProfileChange)]
    assert counts["profile_changes"] == len(changed) > 50
    assert rows(tmp_path, "customers") == [asdict(one) for one in (*population.customers, *changed)]
    first_fraud = {one["card_id"]: one["event_time"] for one in reversed(rows(tmp_path, "transactions"))}
    first_change = {one.card_id: one.updated_at for one in reversed(changed)}
    assert all(START < first_change[card] < paid for card, paid in first_fraud.items())


def test_a_change_behind_the_last_row_is_left_out(tmp_path: Path) -> None:
    counts = written(tmp_path, traffic="hacker", campaigns={"account_takeover": 1.0}, rows=1)
    last = rows(tmp_path, "transactions")[-1]["event_time"]
    assert counts["profile_changes"] > 0
    assert all(one["updated_at"] <= last for one in rows(tmp_path, "customers"))


def test_its_columns_are_the_contracts(tmp_path: Path) -> None:
    written(tmp_path, rows=1)
    for name, kind in (("transactions", Transaction), ("labels", Label), ("customers", Customer), ("merchants", Merchant)):
        assert pq.read_schema(tmp_path / name / "part-00000.parquet") == arrow_schema(kind)


def test_days_are_whole_days(tmp_path: Path) -> None:
    assert written(tmp_path, days=2)["transactions"] == sum(len(day.seconds) for day in world(2))


def test_the_truth_is_in_transactions_only_where_it_is_asked_for(tmp_path: Path) -> None:
    written(tmp_path / "without", rows=100)
    written(tmp_path / "with", rows=100, inline_labels=True)
    assert {one["is_fraud"] for one in rows(tmp_path / "without", "transactions")} == {None}
    assert None not in {one["is_fraud"] for one in rows(tmp_path / "with", "transactions")}


def test_frauds_that_nobody_reports_have_no_label(tmp_path: Path) -> None:
    counts = written(tmp_path, traffic="hacker", days=5, label_never_reported=1)
    assert counts["frauds"] > 50
    assert counts["labels"] == counts["transactions"] - counts["frauds"]


def test_a_data_set_is_not_overwritten(tmp_path: Path) -> None:
    written(tmp_path, rows=1)
    with pytest.raises(FolderInUse, match="holds a data set already"):
        written(tmp_path, rows=1)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="file/out cannot be written: Not a directory"):
        written(tmp_path / "file" / "out", rows=1)


def test_a_day_may_be_named_without_an_hour(tmp_path: Path) -> None:
    for text in ("2018-04-01", "2018-04-01T00:00:00Z", "2018-04-01T02:00:00+02:00"):
        assert DatasetSettings(out=tmp_path, start=text).start == START  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "mistake",
    [
        ["--speed", "0"],
        ["--speed", "nan"],
        ["--speed", "fast"],
        ["--rate", "-1"],
        ["--base-rate", "3"],
        ["--traffic", "strange"],
        ["--label-delay", "7"],
        ["--label-never-reported", "1.5"],
        ["--count", "0"],
        ["--days", "0"],
        ["--partitions", "0"],
    ],
)
def test_a_wrong_setting_is_named(home: Path, mistake: list[str]) -> None:
    with pytest.raises(InvalidSettings, match=mistake[0].lstrip("-").replace("-", "_")):
        RunSettings.load(mistake, "python -m producer run")


def test_every_setting_is_described() -> None:
    for kind in (RunSettings, DatasetSettings, ImportSettings):
        assert [name for name, field in kind.model_fields.items() if not field.description] == []


def test_the_summary_is_json_alone_on_standard_output(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "--out", "here", "--rows", "10", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["transactions"], summary["customers"], summary["merchants"]) == (10, 5_000, 10_000)


def test_an_error_is_one_paragraph(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1


def test_the_programs_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "python -m producer dataset" in capsys.readouterr().out
    assert main(["fly"]) == 2
    assert main([]) == 2
