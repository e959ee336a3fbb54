"""Delta tables say what Kafka says, to every reader, whenever the archiver is cut off."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from typer.testing import CliRunner

from contract import Topics, encode
from harness.detector import Archiver
from harness.kafka import send
from local.cli import app
from local.s3 import BUCKET, S3Server
from spark_jobs.delta_log import storage_options
from spark_jobs.settings import S3
from spark_jobs.sinks.delta import DeltaSink
from spark_jobs.sources import read_history
from spark_jobs.transforms.stored import datasets, said
from tests.records import AT, alert, scored, transaction

TOPICS = Topics()
PAID = [transaction(transaction_id=f"t{one}", amount=Decimal(one), event_time=AT + timedelta(days=one % 2)) for one in range(6)]


@pytest.fixture
def found(raw: Callable[..., DataFrame]) -> Callable[..., dict[str, DataFrame]]:
    """Returns a function that makes the datasets of some payments."""

    def make(numbers: range) -> dict[str, DataFrame]:
        told = [(TOPICS.scored, encode(scored(PAID[one])), {"timestamp": AT}) for one in numbers]
        warned = [(TOPICS.alerts, encode(alert(PAID[one])), {"timestamp": AT}) for one in numbers]
        every = datasets(said(raw(*told, *warned), TOPICS))
        return {name: every[name] for name in ("scored", "alerts")}

    return make


def ids(path: str, name: str, options: dict[str, str] | None = None, version: int | None = None) -> list[str]:
    table = DeltaTable(f"{path}/{name}", storage_options=options, version=version)
    return sorted(table.to_pyarrow_table(columns=["transaction_id"])["transaction_id"].to_pylist())


def test_a_batch_is_there_once_wherever_it_was_cut_off(tmp_path: Path, found: Callable[..., Any], monkeypatch: Any) -> None:
    path = str(tmp_path / "delta")

    def sink() -> DeltaSink:
        return DeltaSink(path, 2, "one", S3())

    sink().write(found(range(2)), 0)
    cut_off = sink()
    with monkeypatch.context() as patched:
        patched.setattr(DeltaTable, "create_write_transaction", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            cut_off.write(found(range(2, 4)), 1)
    assert ids(path, "scored") == ["t0", "t1"]  # files without a commit are seen by nobody
    for number, some in ((1, range(2, 4)), (1, range(2, 4)), (0, range(2)), (2, range(4, 6))):
        sink().write(found(some), number)
    for name in ("scored", "alerts"):
        assert ids(path, name) == [f"t{one}" for one in range(6)]
        named = {re.sub("^file://", "", one) for one in DeltaTable(f"{path}/{name}").file_uris()}
        assert named == {str(one) for one in Path(path, name).glob("date=*/*/*.parquet")}, "files that no commit names"
    assert ids(path, "scored", version=DeltaTable(f"{path}/scored").version() - 1) == ["t0", "t1", "t2", "t3"]


def _interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_readers_agree_and_skip_what_they_do_not_need(tmp_path: Path, found: Callable[..., Any]) -> None:
    sink = DeltaSink(str(tmp_path / "delta"), 1, "one", S3())
    for number in range(3):
        sink.write(found(range(2 * number, 2 * number + 2)), number)
    table = DeltaTable(f"{tmp_path}/delta/scored")
    by_duckdb = duckdb.from_arrow(table.to_pyarrow_dataset()).order("transaction_id").to_arrow_table().to_pylist()
    assert by_duckdb == sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: row["transaction_id"])
    assert [row["amount"] for row in by_duckdb] == [one.amount for one in PAID]
    assert [row["event_time"] for row in by_duckdb] == [one.event_time for one in PAID]
    files = table.get_add_actions(flatten=True)
    names = files.schema.names
    told = {name: files.column(names.index(name)).to_pylist() for name in ("num_records", "min.event_time", "max.event_time")}
    assert sum(told["num_records"]) == 6
    for first, last in zip(told["min.event_time"], told["max.event_time"], strict=True):
        assert {one.event_time for one in PAID if first <= one.event_time <= last}


def lake(command: str, path: str, archiver: Archiver, *more: str) -> Any:
    """Returns what `fraud lake` says, as JSON has it."""
    done = CliRunner().invoke(app, ["lake", command, path, *more, f"--config={archiver.write('availableNow')}", "--json"])
    assert done.exit_code == 0, done.output or done.exception
    return json.loads(done.stdout)


def test_the_archiver_keeps_it_on_s3_where_it_is_compacted_and_a_trainer_reads_it(
    archiver: Archiver, archive_here: Callable[..., None], s3: S3Server, tmp_path: Path, spark: SparkSession
) -> None:
    path = f"s3a://{BUCKET}/{tmp_path.name}"
    archiver.settings |= {"sinks": {"delta": {"type": "delta", "path": path}}, "s3": s3.settings}
    for some in (PAID[:2], PAID[2:4], PAID[4:]):
        send(archiver.kafka.bootstrap_servers, archiver.topics.scored, [(b"k", encode(scored(one))) for one in some])
        archive_here(archiver)
        if some == PAID[2:4]:  # so that there are small files beside large ones
            compacted = lake("compact", path, archiver)
    assert {(one["table"], one["files_before"], one["files_after"]) for one in compacted} >= {("transactions", 2, 1)}
    assert lake("vacuum", path, archiver)["files"]["transactions"] == 0
    assert lake("verify", path, archiver, "--kafka", "--lag=0s")["ok"]
    assert lake("sql", path, archiver, "SELECT sum(payments) AS n FROM alerts_by_country") == [{"n": 6}]
    options = storage_options(S3.model_validate(s3.settings))
    assert ids(path, "transactions", options) == [f"t{one}" for one in range(6)]
    events = read_history(spark, path, S3.model_validate(s3.settings)).select("transaction.transaction_id", "transaction.amount")
    assert sorted(tuple(row) for row in events.collect()) == [(one.transaction_id, one.amount) for one in PAID]
