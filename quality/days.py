"""Days of the lake, read column by column: nothing else of a dataset is in memory."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

Rows = Callable[[str], ds.Dataset | None]
"""Returns a dataset of the lake by its name, with the column `date`; None where there is no such dataset."""

DATASETS = ("scored", "transactions", "alerts", "labels", "rejected")
BATCH_ROWS = 32_768
"""Rows in memory at a time, of each feature 256 KiB."""
WEEKS = 4
"""How many of the same weekdays before tell what is usual: a Monday is like Mondays."""


class Days:
    """The datasets that are looked at, as they were when this was made."""

    def __init__(self, rows: Rows) -> None:
        self._datasets = {name: rows(name) for name in DATASETS}

    def count(self, name: str, day: date) -> int:
        """Returns how many rows a dataset has of a day."""
        dataset = self._datasets[name]
        return 0 if dataset is None else dataset.count_rows(filter=_is(day))

    def like(self, day: date) -> tuple[date, ...]:
        """Returns those of the WEEKS same weekdays before that have payments."""
        before = (day - timedelta(weeks=weeks) for weeks in range(1, WEEKS + 1))
        return tuple(one for one in before if self.count("scored", one))

    def batches(self, name: str, columns: Sequence[str], day: date) -> Iterator[pa.RecordBatch]:
        """Yields a day's rows with those of the columns that the dataset has."""
        dataset = self._datasets[name]
        if dataset is None:
            return
        there = [one for one in columns if one in dataset.schema.names]
        scanner = dataset.scanner(columns=there, filter=_is(day), batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1)
        yield from scanner.to_batches()

    def table(self, name: str, columns: Sequence[str], day: date) -> pa.Table:
        """Returns a day's rows; a column that the dataset has not is null."""
        found = list(self.batches(name, columns, day))
        rows = sum(one.num_rows for one in found)
        there = pa.Table.from_batches(found) if found else pa.table({})
        return pa.table({one: there[one] if one in there.column_names else pa.nulls(rows, pa.string()) for one in columns})


def _is(day: date) -> pc.Expression:
    return pc.field("date") == pa.scalar(day, pa.date32())
