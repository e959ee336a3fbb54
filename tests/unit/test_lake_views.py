"""A lake is asked in SQL, whatever form it has. That it says what the database says is in tests/spark/test_lake_in_sql.py."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from local.cli import app
from local.errors import QueryRefused
from local.lake.views import VIEWS, connect
from tests.lake import write_delta, write_parquet
from tests.records import AT, alert, scored, transaction
from training.lake import NoLake

PAID = [transaction(transaction_id=f"t{one}", event_time=AT + timedelta(days=one % 2)) for one in range(4)]


@pytest.fixture(params=[write_delta, write_parquet], ids=["delta", "parquet"])
def lake(request: pytest.FixtureRequest, home: Path) -> str:
    write: Callable[..., None] = request.param
    for batch in range(2):
        some = PAID[2 * batch : 2 * batch + 2]
        write(home / "lake", "scored", [scored(one) for one in some], batch)
        write(home / "lake", "alerts", [alert(one) for one in some], batch)
    return str(home / "lake")


def ask(lake: str, query: str) -> Any:
    done = CliRunner().invoke(app, ["lake", "sql", lake, query, "--json"])
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def test_views_and_datasets_are_there(lake: str) -> None:
    assert ask(lake, "SELECT alerts FROM alerts_by_rule ORDER BY day") == [{"alerts": 2}, {"alerts": 2}]
    assert ask(lake, "SELECT count(*) AS n FROM labels") == [{"n": 0}], "none have come yet"
    assert ask(lake, "SELECT count(*) AS n FROM matured_quality") == [{"n": 2}]
    (one,) = ask(lake, f"FROM scored WHERE date = '{AT.date()}' AND transaction_id = 't0'")
    assert (one["amount"], one["event_time"], one["rules"]) == ("12.500", AT.isoformat(), ["over"])


def test_a_query_that_is_wrong_is_one_paragraph(lake: str) -> None:
    for query in ("SELEC 1", "FROM nothing_of_that_name"):
        refused = CliRunner().invoke(app, ["lake", "sql", lake, query]).exception
        assert isinstance(refused, QueryRefused)
    assert CliRunner().invoke(app, ["lake", "sql", lake, "SET threads = 1"]).exit_code == 0


def test_a_column_that_came_later_is_absent_in_older_files(home: Path) -> None:
    write_parquet(home / "lake", "scored", [scored(PAID[0])], 0)
    write_parquet(home / "lake", "scored", [scored(PAID[1])], 1)
    (old,) = (home / "lake").rglob("batch_id=0/*.parquet")
    before = old.stat()
    pq.write_table(pq.read_table(old, partitioning=None).drop_columns(["shadow_rules"]), old)
    import os

    os.utime(old, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ask(str(home / "lake"), "SELECT count(*) AS n FROM scored WHERE shadow_rules IS NULL") == [{"n": 2}]


def test_a_folder_without_payments_is_no_lake(home: Path) -> None:
    write_parquet(home / "lake", "alerts", [alert(PAID[0])], 0)
    with pytest.raises(NoLake, match="no scored payments"):
        connect(str(home / "lake"))


def test_duckdb_alone_can_do_it_as_the_how_to_says(home: Path) -> None:
    for name, make in (("scored", scored), ("alerts", alert)):
        write_parquet(home / "lake", name, [make(one) for one in PAID], 0)
    alone = duckdb.connect()
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "archive.md").read_text()
    (statement,) = [line for line in guide.splitlines() if line.strip().startswith("CREATE VIEW alerts AS")]
    for name in ("alerts", "scored"):
        alone.execute(statement.replace("/data/lake", str(home / "lake")).replace("alerts", name))
    alone.execute(
        "CREATE TABLE labels (transaction_id VARCHAR, card_id VARCHAR, labelled_at TIMESTAMPTZ, event_time TIMESTAMPTZ,"
        " is_fraud BOOLEAN, source VARCHAR)"
    )
    for views in VIEWS:
        alone.execute(views.read_text())
    assert alone.sql("SELECT sum(alerts) FROM alerts_by_rule").fetchall() == [(4,)]
