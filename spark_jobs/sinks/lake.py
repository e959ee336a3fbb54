"""A lake of files, with every record in it exactly once: batches by their number, a detector's repeats by their input."""

from collections.abc import Callable, Mapping
from typing import Protocol

from pyspark.sql import DataFrame, SparkSession

from spark_jobs.checkpoint_files import files_of
from spark_jobs.sinks.ownership import claim
from spark_jobs.sinks.seen import FirstOffsets, Seen
from spark_jobs.transforms.stored import TRANSACTIONS, datasets


class Files(Protocol):
    """Writes datasets by name; a batch that comes again under its number replaces itself."""

    def write(self, datasets: Mapping[str, DataFrame], batch_id: int) -> None:
        """Writes a batch; on return it is there for any reader."""


class Lake:
    """A sink of the archiver. `files` makes the writer for a checkpoint's identity."""

    def __init__(self, path: str, checkpoint: str, files: Callable[[str], Files], first_offsets: FirstOffsets) -> None:
        self._path, self._checkpoint, self._make_files, self._first_offsets = path, checkpoint, files, first_offsets

    def open(self, session: SparkSession) -> None:
        """Looks whether the path is this checkpoint's.

        Raises:
            NotOurs: it belongs to another.
        """
        identity = claim(session, self._path, self._checkpoint)
        self._seen = Seen(files_of(session, f"{self._checkpoint}/seen"), self._first_offsets)
        self._files = self._make_files(identity)

    def write(self, rows: DataFrame, batch_id: int) -> None:
        """Writes a batch without what the lake has already; on return it is there for any reader."""
        batch = self._seen.look(rows, batch_id)
        there = {name for name, count in batch.rows.items() if count}
        if "scored" in there:
            there.add(TRANSACTIONS)
        found = datasets(self._seen.fresh(rows, batch))
        self._files.write({name: found[name] for name in found if name in there}, batch_id)
        self._seen.keep(batch, batch_id)
