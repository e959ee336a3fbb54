"""What the expectations look at: small tables of a day, and one of its payments. None has an identifier, so no report can show one.

Keys are hashed when they are read: GX sees 64 bits of each. A table of named things (fields, features, hours) has a row for each,
and the name is what a report shows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from contract import Alert, Label, Scored, Transaction
from contract.currencies import CURRENCIES
from contract.fields import Amount, CurrencyCode, OneOf, fields_of
from contract.scalars import SCALE
from quality.days import Days
from quality.profiles import features

KEY = ("transaction_id", "card_id")
"""What a payment is known by, as everywhere in the lake."""
MONEY: Mapping[str, str] = {one.name: one.limit.currency for one in fields_of(Transaction) if isinstance(one.limit, Amount)}
"""Amounts, each with the field of its currency."""
CODES = tuple(one.name for one in fields_of(Transaction) if isinstance(one.limit, CurrencyCode))
CHOICES: Mapping[str, tuple[str, ...]] = {
    one.name: one.shape.allowed for kind in (Transaction, Scored) for one in fields_of(kind) if isinstance(one.shape, OneOf)
}
"""Fields that have one of a few texts."""
SCORES = ("fraud_score", "challenger_score")
REQUIRED: Mapping[str, tuple[str, ...]] = {
    name: tuple(
        one.name for kind in kinds for one in fields_of(kind) if one.required and one.name not in ("transaction", "features")
    )
    for name, kinds in {"scored": (Transaction, Scored), "alerts": (Alert,), "labels": (Label,)}.items()
}
"""Fields that no row lacks, by dataset; the lake has a scored record's transaction and features as columns of their own."""

ENOUGH = 100
"""Rows of which a share or a median can be told; of fewer it may be chance."""
HOURLY = 20.0
"""Payments usual in an hour, from which on a fifth of them is not chance: of 20 at random, 4 or fewer come once in 60,000 hours."""
WHOLE = "whole"
"""Name of the index of the table whose one row is the day."""
OTHER = "another"
"""Stands for a currency that is none: its text may be anything."""


class Measured(NamedTuple):
    """A day, as tables by name, and what the limits of the expectations follow from."""

    tables: Mapping[str, pd.DataFrame]
    payments: int
    usual_rejected: float
    """Share of records that were rejected on the same weekdays before; 0 where there are none."""
    has_usual: bool
    """Whether the lake has one of the same weekdays before."""
    has_labels: bool


def measure(days: Days, day: date, null_shares: Mapping[str, float] | None, missing_in_lake: int | None) -> Measured:
    """Returns what there is of a day.

    `null_shares` is the share of absent values of each feature in training, `missing_in_lake` how many of Kafka's records of the
    day the lake has not; None: not known.
    """
    like = days.like(day)
    alerted = days.table("alerts", KEY, day)
    scored, keys = _scored(days, day, _keys(alerted))
    usual = [_flow(days.table("scored", ("event_time", *MONEY, *CODES), one), one) for one in like]
    delays = _delays(days, day)
    whole = {
        "payments": len(scored),
        "missing_transactions": abs(days.count("transactions", day) - len(scored)),
        "missing_in_lake": missing_in_lake,
        "rejected_share": _rejected(days, [day]),
    }
    tables = {
        "day": pd.DataFrame([whole], index=pd.Index([day], name=WHOLE)).astype(float),
        "scored": scored,
        "alerts": _alerts(days, day, _keys(alerted), keys),
        "labels": delays,
        "fields": _fields(days, day),
        "features": features(days, day, like, null_shares),
        "hours": _hours(scored, usual),
        "currencies": _currencies(scored, usual),
        "volumes": _volumes(days, day, like),
    }
    return Measured(tables, len(scored), _rejected(days, like), bool(like), len(delays) > 0)


def _scored(days: Days, day: date, alerted: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    columns = (*KEY, "event_time", "model_version", *SCORES, *MONEY, *CODES, *CHOICES)
    table = days.table("scored", columns, day)
    rows, keys = _flow(table, day), _keys(table)
    for name in CHOICES:
        rows[name] = _few(table[name])
    for name in SCORES:
        rows[name] = _numbers(table[name])
    rows["key"] = keys
    beside = [_keys(days.table("scored", KEY, day + timedelta(days=step))) for step in (-1, 1)]
    rows["is_of_this_day_alone"] = ~np.isin(keys, np.concatenate(beside))
    rows["has_its_score"] = _is_null(table["model_version"]) | ~_is_null(table["fraud_score"])
    rows["has_its_alert"] = (rows["decision"] == "approve").to_numpy() | np.isin(keys, alerted)
    return rows, keys


def _flow(table: pa.Table, day: date) -> pd.DataFrame:
    """Returns of each payment `seconds` since the day began, its amounts, whether they are whole units, and the currencies."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    micros = _numbers(table["event_time"], pa.timestamp("us", "UTC"), pa.int64()) - begin.timestamp() * 1_000_000
    rows = pd.DataFrame({"seconds": micros / 1_000_000})
    for name in CODES:
        rows[name] = _few(table[name])
    units = {code: 10.0 ** (SCALE - one.decimals) for code, one in CURRENCIES.items()}
    for name, currency in MONEY.items():
        rows[name] = _numbers(table[name])
        thousandths = (rows[name] * 10**SCALE).round()
        unit = rows[currency].map(units).astype(float).fillna(1.0)
        rows[f"{name}_is_whole"] = rows[name].isna() | (thousandths % unit == 0)
    return rows


def _alerts(days: Days, day: date, keys: np.ndarray, scored: np.ndarray) -> pd.DataFrame:
    ids = days.table("alerts", ("alert_id",), day).to_pandas()
    return pd.DataFrame({"key": pd.util.hash_pandas_object(ids, index=False), "has_its_payment": np.isin(keys, scored)})


def _delays(days: Days, day: date) -> pd.DataFrame:
    """Returns how many days after its payment each label came that came on this day."""
    table = days.table("labels", ("event_time", "labelled_at"), day)
    paid, known = (_numbers(table[name], pa.timestamp("us", "UTC"), pa.int64()) for name in ("event_time", "labelled_at"))
    return pd.DataFrame({"delay": (known - paid) / (86_400 * 1_000_000)}).dropna()


def _fields(days: Days, day: date) -> pd.DataFrame:
    """Returns in how many rows each required field is absent."""
    found = []
    for dataset, names in REQUIRED.items():
        nulls: Counter[str] = Counter()
        for batch in days.batches(dataset, names, day):
            there = batch.schema.names
            nulls.update({name: batch.column(name).null_count if name in there else batch.num_rows for name in names})
        found += [(f"{dataset}.{name}", float(nulls[name])) for name in names]
    return pd.DataFrame(found, columns=["name", "absent"])


def _hours(scored: pd.DataFrame, usual: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Returns for each hour the share of the usual payments that came; NaN where few are usual."""
    came, before = _by_hour(scored), np.mean([_by_hour(one) for one in usual], axis=0) if usual else np.zeros(24)
    names = [f"{hour:02}:00 ({came[hour]:,} payments, usually {before[hour]:,.0f})" for hour in range(24)]
    return pd.DataFrame({"name": names, "share_of_usual": np.where(before >= HOURLY, came / np.maximum(before, HOURLY), np.nan)})


def _by_hour(rows: pd.DataFrame) -> np.ndarray:
    seconds = rows["seconds"].to_numpy()
    inside = seconds[(seconds >= 0) & (seconds < 86_400)]
    return np.bincount((inside // 3600).astype(int), minlength=24)


def _currencies(scored: pd.DataFrame, usual: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Returns for each currency how far its share of payments is from the usual one, and its median amount as part of that."""
    columns = ["currency", "amount"]
    now, before = (_by_currency(pd.concat([one[columns] for one in rows])) for rows in ([scored], usual or [scored.iloc[:0]]))
    both = now.join(before, how="outer", lsuffix="_now", rsuffix="_before")
    shares = both[["share_now", "share_before"]].fillna(0.0)
    median = both["median_now"] / both["median_before"].where(both["median_before"] > 0)
    enough = (both["rows_now"] >= ENOUGH) & (both["rows_before"] >= ENOUGH)
    names = [f"{code} ({now:.1%} of payments, usually {before:.1%})" for code, now, before in shares.itertuples()]
    away = (shares["share_now"] - shares["share_before"]).abs()
    return pd.DataFrame({"name": names, "share_away": away, "median_to_usual": median.where(enough)}).reset_index(drop=True)


def _by_currency(rows: pd.DataFrame) -> pd.DataFrame:
    code = rows["currency"].astype(object)
    amounts = rows["amount"].groupby(code.where(code.isin(CURRENCIES), OTHER))
    found = pd.DataFrame({"rows": amounts.size(), "median": amounts.median()})
    return found.assign(share=found["rows"] / max(len(rows), 1))


def _volumes(days: Days, day: date, like: Sequence[date]) -> pd.DataFrame:
    """Returns for the datasets of steady flow the rows as part of the usual ones; NaN where few are usual."""
    found: list[dict[str, Any]] = []
    for name in ("scored", "labels"):
        rows, usual = days.count(name, day), float(np.mean([days.count(name, one) for one in like])) if like else 0.0
        to_usual = rows / usual if usual >= ENOUGH else np.nan
        found.append({"name": f"{name} ({rows:,} rows, usually {usual:,.0f})", "to_usual": to_usual})
    return pd.DataFrame(found)


def _rejected(days: Days, all_of: Sequence[date]) -> float:
    rejected, scored = (sum(days.count(name, one) for one in all_of) for name in ("rejected", "scored"))
    return rejected / max(rejected + scored, 1)


def _keys(table: pa.Table) -> np.ndarray:
    frame = table.select(KEY).to_pandas()
    return np.asarray(pd.util.hash_pandas_object(frame, index=False, categorize=False))


def _few(column: pa.ChunkedArray) -> pd.Series:
    """Returns texts of which there are few different ones, as categories."""
    return column.cast(pa.string()).dictionary_encode().to_pandas()


def _numbers(column: pa.ChunkedArray, *types: pa.DataType) -> np.ndarray:
    """Returns a column, cast to each of the types in turn, as doubles; NaN where it is null."""
    for one in (*types, pa.float64()):
        column = pc.cast(column, one, safe=False)
    return np.asarray(column.to_numpy(), float)


def _is_null(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.is_null().to_numpy(), bool)
