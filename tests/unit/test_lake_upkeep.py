"""Small files become large ones and old ones go, and no reader and no archiver notices. Delta tables made without Spark."""

import json
import os
import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from deltalake import DeltaTable
from typer.testing import CliRunner

from configuration import FraudDetectionError
from local.cli import app
from spark_jobs import maintain_lake, upkeep
from spark_jobs.errors import LakeBusy
from tests.lake import IDENTITY, write_delta, write_parquet
from tests.records import AT, alert, scored, transaction
from training.lake import NoLake, NoTable

DAY, NEXT = AT.date(), AT.date() + timedelta(days=1)


def paid(number: int) -> Any:
    return transaction(transaction_id=f"t{number}", event_time=AT + timedelta(days=number % 2))


@pytest.fixture
def lake(home: Path) -> Path:
    """Six batches of two days' payments and of one day's alerts."""
    place = home / "delta"
    for batch in range(6):
        some = [paid(2 * batch), paid(2 * batch + 1)]
        write_delta(place, "scored", [scored(one) for one in some], batch)
        write_delta(place, "alerts", [alert(some[0])], batch)
    return place


def fraud(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["lake", *map(str, arguments)])


def answer(*arguments: Any) -> Any:
    done = fraud(*arguments, "--json")
    assert done.exit_code == 0, done.output or done.exception
    return json.loads(done.stdout)


def rows(table: DeltaTable) -> list[dict[str, Any]]:
    return sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: str(row["transaction_id"]))


def files(lake: Path, name: str) -> list[Path]:
    return [one for one in (lake / name).rglob("*.parquet") if "_delta_log" not in one.parts]


def test_compaction_changes_files_and_no_row(lake: Path) -> None:
    before = rows(DeltaTable(lake / "scored"))
    old, stale = DeltaTable(lake / "scored").version(), DeltaTable(lake / "scored")
    done = answer("compact", lake, "--before", NEXT)
    assert [(one["table"], one["day"], one["files_before"], one["files_after"]) for one in done] == [
        ("alerts", str(DAY), 6, 1),
        ("scored", str(DAY), 6, 1),
    ]
    assert [one["day"] for one in answer("compact", lake, "--day", NEXT)] == [str(NEXT)]
    assert answer("compact", lake) == [], "there is nothing left to do"
    table = DeltaTable(lake / "scored")
    assert len(table.file_uris()) == 2
    assert rows(table) == before
    assert rows(DeltaTable(lake / "scored", version=old)) == before, "what was known then"
    assert rows(stale) == before, "a reader that had begun before"
    assert (lake / "scored" / "_delta_log" / "_last_checkpoint").exists()
    assert table.transaction_version(IDENTITY) == 5, "or the archiver would write its last batch again"
    fast = table.get_add_actions(flatten=True)
    assert sum(fast.column(fast.schema.names.index("num_records")).to_pylist()) == 12


def test_an_archiver_goes_on_with_what_it_has_opened_before(lake: Path) -> None:
    theirs = DeltaTable(lake / "scored")
    answer("compact", lake)
    theirs.update_incremental()
    assert theirs.transaction_version(IDENTITY) == 5
    ours = DeltaTable(lake / "scored")
    write_delta(lake, "scored", [scored(paid(12)), scored(paid(14))], 6)
    write_delta(lake, "scored", [scored(paid(16))], 7)
    assert upkeep.compact(ours, DAY) == (0, 0), "it has looked before the archiver wrote: one file a day"
    ours.update_incremental()
    assert upkeep.compact(ours, DAY) == (3, 1)
    assert len(rows(DeltaTable(lake / "scored"))) == 15


def test_a_stop_leaves_what_is_done_and_a_whole_table(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, done = rows(DeltaTable(lake / "scored")), []
    original = upkeep.compact

    def stopped(table: DeltaTable, day: date) -> tuple[int, int]:
        if done:
            raise KeyboardInterrupt
        done.append(day)
        return original(table, day)

    monkeypatch.setattr(upkeep, "compact", stopped)
    stop = fraud("compact", lake)
    assert (stop.exit_code != 0, "Traceback" in stop.output) == (True, False)
    monkeypatch.undo()
    assert rows(DeltaTable(lake / "scored")) == before
    assert len(answer("compact", lake)) == 2, "of three days"


def test_of_two_that_compact_at_once_the_later_one_counts(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, original = rows(DeltaTable(lake / "scored")), upkeep.compact

    def overtaken(table: DeltaTable, day: date) -> tuple[int, int]:
        monkeypatch.undo()
        assert len(answer("compact", lake)) == 3, "another run, from its beginning to its end"
        return original(table, day)

    monkeypatch.setattr(upkeep, "compact", overtaken)
    refused = fraud("compact", lake).exception
    assert isinstance(refused, LakeBusy)
    assert "Nothing is lost" in str(refused)
    assert rows(DeltaTable(lake / "scored")) == before


def test_vacuum_takes_what_nobody_needs_and_nothing_younger(lake: Path) -> None:
    answer("compact", lake)
    before, named = rows(DeltaTable(lake / "scored")), set(DeltaTable(lake / "scored").file_uris())
    young, old = (lake / "scored" / f"date={DAY}" / f"batch_id={number}" / "part-0.parquet" for number in (7, 8))
    for one in (young, old):
        one.parent.mkdir()
        one.write_bytes(b"of a batch that was not committed")
        one.with_name(f".{one.name}.crc").write_bytes(b"sum")
    long_ago = (datetime.now(UTC) - timedelta(days=30)).timestamp()
    for one in old.parent.iterdir():
        os.utime(one, (long_ago, long_ago))
    assert answer("vacuum", lake, "--dry-run") == {"is_dry_run": True, "files": {"alerts": 0, "scored": 2}}
    assert old.exists()
    assert answer("vacuum", lake, "--keep", "1d")["files"] == {"alerts": 0, "scored": 2}
    assert (old.parent.exists(), young.exists()) == (False, True)
    assert len(files(lake, "scored")) == 12 + 2 + 1, "what compaction has replaced is kept for its readers"
    table = DeltaTable(lake / "scored")
    assert upkeep.vacuum(table, lake / "scored", timedelta(0), dry_run=False) == 12
    assert {str(one) for one in files(lake, "scored")} == {one.removeprefix("file://") for one in named} | {str(young)}
    assert rows(DeltaTable(lake / "scored")) == before
    assert answer("compact", lake) == []


def test_a_reader_is_not_robbed(lake: Path) -> None:
    done = fraud("vacuum", lake, "--keep", "23h")
    assert done.exit_code == 2
    assert "1d at least" in done.output
    assert fraud("vacuum", lake, "--keep", "soon").exit_code == 2
    assert fraud("compact", lake, "--day", DAY, "--before", NEXT).exit_code == 2


@pytest.mark.parametrize("command", ["compact", "vacuum"])
def test_plain_parquet_is_left_alone(home: Path, command: str) -> None:
    place = home / "lake"
    for batch in range(3):
        write_parquet(place, "scored", [scored(paid(batch))], batch)
    before = {one: one.stat().st_mtime_ns for one in place.rglob("*")}
    refused = fraud(command, place).exception
    assert isinstance(refused, NoTable)
    assert "type `delta`" in str(refused)
    assert before == {one: one.stat().st_mtime_ns for one in place.rglob("*")}


def test_a_place_without_a_lake_is_named(home: Path) -> None:
    write_delta(home / "delta", "scored", [scored(paid(0))], 0)
    (home / "empty").mkdir()
    for place in (home / "nowhere", home / "empty", home / "delta" / "scored"):
        refused = fraud("compact", place).exception
        assert isinstance(refused, NoLake)
        assert str(place) in str(refused)
    (home / "file").write_text("x")
    assert isinstance(fraud("compact", home / "file").exception, FraudDetectionError)


def maintained(home: Path, *lakes: Path, **settings: Any) -> int:
    sinks = {one.name: {"type": "delta", "path": str(one)} for one in lakes}
    told = {"sinks": {"plain": {"type": "parquet", "path": str(home / "plain")}, **sinks}, **settings}
    (home / "archive.yaml").write_text(yaml.safe_dump(told))
    return maintain_lake.main(["--config", str(home / "archive.yaml")])


def test_the_archivers_settings_say_which_tables_are_maintained(lake: Path, home: Path) -> None:
    before = rows(DeltaTable(lake / "scored"))
    write_delta(home / "other", "scored", [scored(paid(0))], 0)
    write_delta(home / "other", "scored", [scored(paid(2))], 1)
    assert maintained(home, lake, home / "other", keep="2d", checkpoint=str(home / "checkpoint")) == 0
    assert [len(DeltaTable(one / "scored").file_uris()) for one in (lake, home / "other")] == [2, 1]
    assert rows(DeltaTable(lake / "scored")) == before
    assert len(files(lake, "scored")) == 12 + 2, "what was replaced is kept for two days"
    assert (lake / "scored" / "_delta_log" / "_last_checkpoint").exists()
    assert answer("compact", lake) == [], "the command finds nothing left to do"


def test_a_lake_that_fails_stops_no_other(lake: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = home / "broken" / "scored" / "_delta_log"
    broken.mkdir(parents=True)
    (broken / "00000000000000000000.json").write_text("{no log")
    assert maintained(home, home / "broken", lake) == 1
    assert f"error: The Delta log of {home / 'broken' / 'scored'} cannot be used" in capsys.readouterr().err
    assert len(DeltaTable(lake / "scored").file_uris()) == 2


def test_without_a_delta_sink_there_is_nothing_to_maintain(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintained(home) == 1
    assert "no sink of type delta" in capsys.readouterr().err


def test_a_maintenance_that_is_stopped_leaves_whole_tables(lake: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, original = rows(DeltaTable(lake / "scored")), upkeep.compact

    def stopped(table: DeltaTable, day: date) -> tuple[int, int]:
        signal.raise_signal(signal.SIGTERM)
        return original(table, day)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(upkeep, "compact", stopped)
        assert maintained(home, lake) == 0
    assert rows(DeltaTable(lake / "scored")) == before
    assert len(answer("compact", lake)) == 2, "of three days: the one at work was done"
