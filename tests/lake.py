"""A lake as the archiver leaves it, written without Spark: batches of records, as Delta tables or plain Parquet."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, Transaction, write_deltalake

from contract import Alert, Customer, Label, Merchant, Rejected, Scored
from contract import Transaction as Payment
from producer.layout import arrow_schema

IDENTITY = "checkpoint"
"""Of the checkpoint that the lake belongs to."""

DAYS = {
    "scored": "event_time",
    "transactions": "event_time",
    "alerts": "timestamp",
    "labels": "labelled_at",
    "rejected": "timestamp",
    "customers": "updated_at",
    "merchants": "updated_at",
}
KINDS = {
    **{"transactions": Payment, "alerts": Alert, "rejected": Rejected},
    **{"labels": Label, "customers": Customer, "merchants": Merchant},
}


def arrow(name: str, records: Sequence[Any]) -> pa.Table:
    """Returns records as a dataset has them, with `date`."""
    if name == "scored":
        rest = [one for one in arrow_schema(Scored) if one.name not in ("transaction", "features")]
        rows = [{**asdict(one.transaction), **{part.name: getattr(one, part.name) for part in rest}} for one in records]
        schema = pa.schema([*arrow_schema(Payment), *rest])
    else:
        rows, schema = [asdict(one) for one in records], arrow_schema(KINDS[name])
    days = pa.array([row[DAYS[name]].date() for row in rows], pa.date32())
    return pa.Table.from_pylist(rows, schema=schema).append_column("date", days)


def write_delta(lake: Path, name: str, records: Sequence[Any], batch_id: int) -> None:
    """Writes a batch as a commit of a Delta table."""
    told = CommitProperties(app_transactions=[Transaction(IDENTITY, batch_id)])
    rows = arrow(name, records)
    write_deltalake(lake / name, rows, mode="append", partition_by=["date"], commit_properties=told, schema_mode="merge")


def write_parquet(lake: Path, name: str, records: Sequence[Any], batch_id: int) -> None:
    """Writes a batch to folders of its own."""
    rows = arrow(name, records)
    for day in rows["date"].unique().to_pylist():
        folder = lake / name / f"date={day}" / f"batch_id={batch_id}"
        folder.mkdir(parents=True)
        pq.write_table(rows.filter(pc.equal(rows["date"], day)).drop_columns(["date"]), folder / "part-0.parquet")
