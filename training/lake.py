"""A lake as it is now: Delta tables or Parquet files, in a folder or in S3, as Arrow and DuckDB read them. No JVM is started."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from pyarrow import fs
from pyarrow.lib import ArrowException

from configuration import FraudDetectionError
from spark_jobs.delta_log import busy, opened, storage_options, told
from spark_jobs.errors import UnusableStorage
from spark_jobs.settings import S3, on_s3
from training.files import file_system

FOLDERS = pa.schema([("date", pa.date32()), ("batch_id", pa.int64())])
"""What the folders of plain Parquet say: LAKE/scored/date=2026-11-24/batch_id=17/."""

PART = "part-0.parquet"

MARKER = "_checkpoint"
"""Made when an archiver begins to fill a path (spark_jobs/sinks/ownership.py)."""

KEYS: Mapping[str, str] = {
    "scored": "concat_ws(chr(10), transaction_id, card_id)",
    "alerts": "alert_id",
    "labels": "concat_ws(chr(10), transaction_id, card_id, coalesce(source, ''), CAST(epoch_us(event_time) AS VARCHAR))",
}
"""In DuckDB's SQL what the database has the SHA-256 of in `key` (spark_jobs/sinks/postgres/lines.py)."""


class NoLake(FraudDetectionError):
    """There is no lake in the place, or not what is asked for."""


class NoTable(FraudDetectionError):
    """What is asked can be done with Delta tables alone."""


class Lake:
    """The datasets below LAKE, each a folder with its name."""

    def __init__(self, place: str, s3: S3) -> None:
        """Looks what is there.

        Raises:
            NoLake: nothing is.
            UnusableStorage: it cannot be reached.
        """
        self.place, self._s3 = place.rstrip("/"), s3
        with self.reached():
            self._system = file_system(place, s3)
            inside = self._system.get_file_info(fs.FileSelector("", allow_not_found=True))
        hidden = ("_", ".")
        self.names = sorted(
            one.base_name for one in inside if one.type == fs.FileType.Directory and not one.base_name.startswith(hidden)
        )
        if not self.names or "=" in self.names[0]:
            what = "is one dataset, and no lake" if self.names else "has no datasets"
            raise NoLake(f"{place} {what}", "Name the `path` of one of the archiver's sinks.")

    def table(self, name: str) -> DeltaTable | None:
        """Returns a dataset's Delta table as it is now; None where it is plain Parquet."""
        with self.reached():
            return opened(f"{self.place}/{name}", storage_options(self._s3))

    @property
    def begun(self) -> date:
        """The day on which an archiver has begun to fill it."""
        with self.reached():
            marker = self._system.get_file_info(MARKER)
        return marker.mtime.date() if marker.is_file else date.min

    def folder(self, name: str) -> Path | None:
        """Returns a dataset's folder; None where it is in S3."""
        return None if on_s3(self.place) else Path(self.place) / name

    def tables(self, what: str) -> dict[str, DeltaTable]:
        """Returns the Delta tables of all datasets by name.

        Raises:
            NoTable: one is plain Parquet, of which `what` cannot be done.
        """
        found = {name: self.table(name) for name in self.names}
        if plain := [name for name, table in found.items() if table is None]:
            raise NoTable(
                f"{self.place}/{plain[0]} is plain Parquet, and cannot {what}: nothing says to a reader which files count, so it "
                "would see rows twice or not at all while files are changed",
                "Keep a lake in a sink of type `delta` for that, or leave this one as it is: docs/how-to/archive.md.",
            )
        return {name: table for name, table in found.items() if table is not None}

    def rows(self, name: str) -> ds.Dataset | None:
        """Returns a dataset's rows as they are now; None where there is no such dataset. A reader passes over files by `date`."""
        if name not in self.names:
            return None
        table = self.table(name)
        with self.reached():
            return self._parquet(name) if table is None else table.to_pyarrow_dataset()

    def put(self, name: str, rows: pa.Table, day: date) -> None:
        """Writes a day of a dataset of ours, in place of what it has of that day, in the form that `scored` has."""
        with self.reached():
            if self.table("scored") is not None:
                self._put_delta(name, rows, day)
                return
            folder, plain = f"{name}/date={day.isoformat()}", rows.drop_columns(["date"])
            if on_s3(self.place):  # an object is there whole or not at all
                pq.write_table(plain, f"{folder}/{PART}", filesystem=self._system)
                return
            self._system.create_dir(folder)
            pq.write_table(plain, f"{folder}/.{PART}", filesystem=self._system)
            self._system.move(f"{folder}/.{PART}", f"{folder}/{PART}")  # nobody reads a half

    def _put_delta(self, name: str, rows: pa.Table, day: date) -> None:
        place, options = f"{self.place}/{name}", storage_options(self._s3)
        only = None if opened(place, options) is None else f"date = '{day.isoformat()}'"
        write_deltalake(place, rows, mode="overwrite", predicate=only, partition_by=["date"], storage_options=options)

    def _parquet(self, name: str) -> ds.Dataset | None:
        inside = self._system.get_file_info(fs.FileSelector(name, recursive=True))
        files = [one for one in inside if one.is_file and one.path.endswith(".parquet") and not _is_hidden(one.path)]
        if not files:
            return None
        # The newest has every column: fields of the contract are only added.
        newest = max(files, key=lambda one: one.mtime_ns or 0).path
        columns = pq.read_schema(newest, filesystem=self._system).remove_metadata()
        return ds.dataset(
            [one.path for one in files],
            schema=pa.schema([*columns, *FOLDERS]),
            format="parquet",
            filesystem=self._system,
            partitioning=ds.partitioning(FOLDERS, flavor="hive"),
        )

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Tells in one paragraph what is wrong with the place.

        Raises:
            LakeBusy: somebody else has changed the same files of a table.
            UnusableStorage: it cannot be read or written.
        """
        try:
            yield
        except CommitFailedError as error:
            raise busy(self.place, error) from None
        except (DeltaError, ArrowException, OSError) as error:
            raise UnusableStorage(
                f"{self.place} cannot be used: {told(error)}", "Check the place; on S3 the settings under `s3` too."
            ) from None


def _is_hidden(path: str) -> bool:
    return any(part.startswith(("_", ".")) for part in path.split("/"))
