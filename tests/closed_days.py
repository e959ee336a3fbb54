"""Closed days of a lake, of random numbers, by the archiver's schema: what a detector says of payments, and labels that come."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import write_deltalake

from contract import Alert, Label, Rejected, Scored, Transaction
from producer.layout import arrow_schema
from quality.days import Rows
from spark_jobs.feature_reference import MAY_BE_ABSENT, RANGES
from spark_jobs.features import FEATURE_COLUMNS

DAY = date(2026, 3, 18)
LIKE = tuple(DAY - timedelta(weeks=weeks) for weeks in (4, 3, 2, 1))
ROWS, LABELS = 600, 200
_BY_HOUR = 1 - 0.8 * np.cos(np.arange(24) / 24 * 2 * np.pi)
_CURRENCIES = ("EUR", "USD", "JPY")

Tables = dict[str, pa.Table]

_REST = [one for one in arrow_schema(Scored) if one.name not in ("transaction", "features")]
SCHEMAS: Mapping[str, pa.Schema] = {
    "scored": pa.schema([*arrow_schema(Transaction), *((name, pa.float64()) for name in FEATURE_COLUMNS), *_REST]),
    "transactions": arrow_schema(Transaction),
    "alerts": arrow_schema(Alert),
    "labels": arrow_schema(Label),
    "rejected": arrow_schema(Rejected),
}


def tables(day: date, seed: int = 0) -> Tables:
    """Returns a day's rows by dataset; the same day and seed give the same."""
    draws = np.random.default_rng((seed, day.toordinal()))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    scored = _scored(day, midnight, draws)
    warned = scored[scored["decision"] != "approve"]
    alerts = warned[["transaction_id", "decision", "rules", "card_id", "amount", "currency", "ruleset_version", "fraud_score"]]
    alerts = alerts.assign(
        alert_id="alert-" + warned["transaction_id"], user_id=warned["customer_id"], merchant=warned["merchant_id"]
    )
    alerts = alerts.assign(timestamp=warned["event_time"], reasons=[["Fraud score"]] * len(warned))
    known = midnight + pd.to_timedelta(np.sort(draws.integers(0, 86_400, draws.poisson(LABELS))), unit="s")
    paid = known - pd.to_timedelta(7 * np.exp(0.3 * draws.standard_normal(len(known))), unit="D")
    labels = pd.DataFrame({"event_time": paid.floor("us"), "labelled_at": known, "is_fraud": draws.random(len(known)) < 0.05})
    labels["transaction_id"] = [f"old-{day}-{number}" for number in range(len(labels))]
    labels["card_id"], labels["terminal_id"] = "card-1", "T1"
    letters = pd.DataFrame({"offset": np.arange(draws.poisson(1))}).assign(topic="transactions", partition=0, timestamp=midnight)
    letters = letters.assign(reasons=[["empty"]] * len(letters), schema_version=3)
    found = {"scored": scored, "transactions": scored, "alerts": alerts, "labels": labels, "rejected": letters}
    return {name: _table(name, frame) for name, frame in found.items()}


def _scored(day: date, midnight: datetime, draws: np.random.Generator) -> pd.DataFrame:
    rows = draws.poisson(ROWS * (0.8 if day.weekday() >= 5 else 1.0))
    seconds = draws.choice(24, rows, p=_BY_HOUR / 24) * 3600 + draws.integers(0, 3600, rows)
    frame = pd.DataFrame({"event_time": midnight + pd.to_timedelta(np.sort(seconds), unit="s")})
    frame["transaction_id"] = [f"{day}-{number}" for number in range(rows)]
    frame["card_id"] = [f"card-{number}" for number in draws.integers(0, 150, rows)]
    for name in ("customer_id", "terminal_id", "merchant_id"):
        frame[name] = [f"{name}-{number}" for number in draws.integers(0, 40, rows)]
    frame = frame.assign(merchant_category="5411", country="FR", response_code="approved", ruleset_version="v", model_version="m")
    frame["currency"], frame["channel"] = draws.choice(_CURRENCIES, rows, p=[0.7, 0.25, 0.05]), draws.choice(["pos", "ecom"], rows)
    amounts = np.round(draws.lognormal(3.0, 0.6, rows), 2)
    frame["amount"] = np.where(frame["currency"] == "JPY", np.round(amounts * 150), amounts)
    for name in FEATURE_COLUMNS:
        frame[name] = _feature(name, rows, draws)
    frame["is_weekend"] = float(day.weekday() >= 5)
    frame["fraud_score"] = draws.beta(1, 30, rows)
    frame["decision"] = np.where(frame["fraud_score"] > 0.1, "review", "approve")
    return frame.assign(rules=[[]] * rows)


def _feature(name: str, rows: int, draws: np.random.Generator) -> np.ndarray:
    least, greatest = RANGES[name].least, RANGES[name].greatest
    share = greatest == 1
    values = draws.random(rows) * (draws.random(rows) < 0.5) if share else draws.gamma(2.0, 5.0, rows)
    values = np.clip(values, least, greatest) if least is not None else values
    return np.where(draws.random(rows) < 0.3, np.nan, values) if name in MAY_BE_ABSENT else values


def _table(name: str, frame: pd.DataFrame) -> pa.Table:
    columns = {}
    for one in SCHEMAS[name]:
        values = frame.get(one.name)
        if values is None:
            columns[one.name] = pa.nulls(len(frame), one.type)
        elif pa.types.is_decimal(one.type):
            columns[one.name] = pa.array(values, pa.float64()).cast(one.type)
        else:
            columns[one.name] = pa.array(values.tolist() if pa.types.is_list(one.type) else values, one.type, from_pandas=True)
    return pa.table(columns, schema=SCHEMAS[name])


def rows_of(lake: Mapping[date, Tables]) -> Rows:
    """Returns the days as a lake that is in memory."""
    names = {name for found in lake.values() for name in found}
    whole = {
        name: pa.concat_tables([_dated(found[name], day) for day, found in lake.items()], promote_options="default")
        for name in names
    }
    return lambda name: ds.dataset(whole[name]) if name in whole else None


def write_delta(place: Path, day: date, found: Tables) -> None:
    """Writes a day as Delta tables."""
    for name, rows in found.items():
        write_deltalake(place / name, _dated(rows, day), mode="append", partition_by=["date"])


def write_parquet(place: Path, day: date, found: Tables) -> None:
    """Writes a day as plain Parquet, in two batches."""
    for name, rows in found.items():
        for batch in range(2):
            folder = place / name / f"date={day}" / f"batch_id={batch}"
            folder.mkdir(parents=True)
            pq.write_table(rows.slice(batch * (len(rows) // 2), len(rows) // 2 if batch == 0 else None), folder / "part-0.parquet")


def _dated(rows: pa.Table, day: date) -> pa.Table:
    return rows.append_column("date", pa.array([day] * len(rows), pa.date32()))


def changed(rows: pa.Table, name: str, value: Any, begin: int = 0, end: int | None = None) -> pa.Table:
    """Returns the rows with another value in a column: a value, or what a function makes of the old ones."""
    old = rows[name]
    new = value(old).cast(old.type) if callable(value) else pa.scalar(value, old.type)
    places = pa.array(np.arange(len(rows)))
    inside = pc.and_(pc.greater_equal(places, begin), pc.less(places, len(rows) if end is None else end))
    return rows.set_column(rows.schema.get_field_index(name), name, pc.if_else(inside, new, old).cast(old.type))
