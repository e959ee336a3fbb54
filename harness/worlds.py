"""Data sets of the producer, their features by the batch job, and the same events in the order in which they become known."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import merge
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract import Customer, Label, Merchant, Transaction, encode
from harness.ranges import assert_in_range
from spark_jobs.features import FEATURE_COLUMNS


def data_set(folder: Path, *options: str) -> Path:
    """Writes a data set and returns its folder."""
    _run("producer", "dataset", "--out", str(folder), "--json", *options)
    return folder


def corner(data: Path, out: Path, share: float = 0.05) -> Path:
    """Returns a folder with about this share of a data set: those who live in a corner of its map, and all that they do.

    A thinned-out world would have lonely terminals; here cards and terminals have as many payments as in the whole.
    """
    customers = pq.read_table(data / "customers").to_pandas().sort_values("updated_at").drop_duplicates("card_id")
    south, west = (customers[name].quantile(share**0.5) for name in ("home_latitude", "home_longitude"))
    inside = customers[(customers["home_latitude"] < south) & (customers["home_longitude"] < west)]
    theirs = pc.field("card_id").isin(inside["card_id"].tolist())
    kept = {name: pq.read_table(data / name, filters=theirs) for name in ("transactions", "labels", "customers")}
    visited = pc.field("terminal_id").isin(pc.unique(kept["transactions"]["terminal_id"]).to_pylist())
    kept |= {"merchants": pq.read_table(data / "merchants", filters=visited)}
    for name, table in kept.items():
        (out / name).mkdir(parents=True)
        pq.write_table(table, out / name / "part.parquet")
    return out


def batch_features(data: Path, out: Path) -> pd.DataFrame:
    """Returns the features that the batch job computes, indexed by transaction_id; absent is NaN. All are in their ranges."""
    _run("spark_jobs.write_features", "--data", str(data), "--out", str(out), "--log-dir", str(out.parent))
    found = pd.read_parquet(out, columns=["transaction_id", *FEATURE_COLUMNS]).set_index("transaction_id")
    assert_in_range(found)
    return found


def _run(module: str, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class FeaturedWorld(NamedTuple):
    """A data set, and its features by the batch job."""

    data: Path
    features: pd.DataFrame


class Chunk(NamedTuple):
    """What becomes known in one span of time; a profile that changes does so as the span begins."""

    customers: list[tuple[str, bytes]]
    labels: list[tuple[str, bytes]]
    transactions: list[tuple[str, bytes]]


class World:
    """A data set's events as Kafka records (key, value)."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._times = pq.read_table(data / "transactions", columns=["event_time"])["event_time"].sort()
        self._begin: datetime = self._times[0].as_py()
        self.rows = len(self._times)

    def profiles(self) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
        """Returns all customers, as they are before the first transaction, and all merchants."""
        customers = [Customer(**row) for row in self._between("customers", "updated_at", None, self._begin)]
        merchants = [Merchant(**row) for row in pq.read_table(self._data / "merchants").to_pylist()]
        return [(one.card_id, encode(one)) for one in customers], [(one.terminal_id, encode(one)) for one in merchants]

    def chunks(self, number: int, first: int = 0) -> Iterator[Chunk]:
        """Yields what becomes known in spans of time, in order of arrival, from span `first` on.

        Of so many spans each has about equally many transactions. A span in which profiles change is several chunks: each change
        comes after the transactions before it.
        """
        ends = self._ends(number)
        begin: datetime | None = ends[first - 1] if first else None
        customers: list[tuple[str, bytes]] = []
        for end in ends[first:]:
            for row in self._between("customers", "updated_at", begin or self._begin, end):
                before = row["updated_at"] - timedelta(microseconds=1)
                yield self._chunk(customers, begin, before)
                begin, customers = before, [(row["card_id"], encode(Customer(**row)))]
            yield self._chunk(customers, begin, end)
            begin, customers = end, []

    def arrivals(self, chunks: int, number: int) -> Iterator[tuple[str, str, bytes]]:
        """Yields (kind, key, value) of all that the first `chunks` of so many chunks hold, each when it becomes known.

        Profiles that are there before the first transaction are those of `profiles`.
        """
        end = self._ends(number)[chunks - 1]
        known = (
            self._known(0, Customer, "customers", "updated_at", self._begin, end),
            self._known(1, Label, "labels", "labelled_at", None, end),
            self._known(2, Transaction, "transactions", "event_time", None, end),
        )
        for _, place, one in merge(*known, key=lambda one: one[:2]):
            yield ("customer", "label", "transaction")[place], one.card_id, encode(one)

    def _known(
        self, place: int, record: type, name: str, time: str, begin: datetime | None, end: datetime
    ) -> Iterator[tuple[datetime, int, Any]]:
        return ((row[time], place, record(**row)) for row in self._between(name, time, begin, end))

    def _chunk(self, customers: list[tuple[str, bytes]], begin: datetime | None, end: datetime) -> Chunk:
        labels = (Label(**row) for row in self._between("labels", "labelled_at", begin, end))
        paid = (Transaction(**row) for row in self._between("transactions", "event_time", begin, end))
        return Chunk(customers, [(one.card_id, encode(one)) for one in labels], [(one.card_id, encode(one)) for one in paid])

    def _ends(self, number: int) -> list[datetime]:
        return [self._times[place].as_py() for place in np.linspace(0, self.rows - 1, number + 1).astype(int)[1:]]

    def _between(self, name: str, time: str, begin: datetime | None, end: datetime) -> list[dict[str, Any]]:
        filters = pc.field(time) <= end
        if begin is not None:
            filters &= pc.field(time) > begin
        rows: list[dict[str, Any]] = pq.read_table(self._data / name, filters=filters).sort_by(time).to_pylist()
        return rows


def assert_same(found: pd.DataFrame, expected: pd.DataFrame, tolerance: float = 0.0) -> None:
    """Fails where a feature of any row differs by more than the tolerance, relative to values above 1."""
    assert set(found.index) == set(expected.index)
    found = found.reindex(expected.index)
    for name in FEATURE_COLUMNS:
        ours, theirs = found[name].to_numpy(float), expected[name].to_numpy(float)
        absent = np.isnan(theirs)
        differs = (np.isnan(ours) != absent) | (np.abs(ours - theirs) > tolerance * np.maximum(1, np.abs(theirs)))
        examples = [(expected.index[place], ours[place], theirs[place]) for place in np.flatnonzero(differs)[:3]]
        assert not differs.any(), f"{name}: {differs.sum()} of {len(ours)} rows differ, such as {examples}"
