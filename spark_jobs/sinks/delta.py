"""Delta sink: the files of the Parquet sink, committed to a Delta log. Exactly once, for any reader of Delta tables.

    PATH/NAME/_delta_log/        one table a dataset, partitioned by date

Spark's tasks write the files, and this driver commits their names by delta-rs: no row passes through it. Each commit carries the
checkpoint's identity and the batch's number. Whether a batch is in the log already is asked before Spark writes: to write it again
would remove files that the log names. Files that no commit names are overwritten when their batch comes again.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.delta_log import opened, storage_options, unusable
from spark_jobs.settings import S3
from spark_jobs.sinks.parquet import ParquetSink
from spark_jobs.transforms.stored import DAYS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class DeltaSink:
    """Writes datasets by name, each into a table. `identity` is the checkpoint's: another one's numbers mean other batches."""

    def __init__(self, path: str, tasks: int, identity: str, s3: S3) -> None:
        self._path, self._identity, self._s3 = path, identity, s3
        self._files = ParquetSink(path, tasks)
        self._tables: dict[str, DeltaTable] = {}

    def write(self, datasets: Mapping[str, DataFrame], batch_id: int) -> None:
        """Writes a batch by its rows' column `date`; on return each of its tables has it, once.

        Raises:
            UnusableStorage: the log cannot be read or written.
        """
        for name, rows in datasets.items():
            try:
                self._write_one(name, rows, batch_id)
            except (DeltaError, OSError) as error:
                raise unusable(f"{self._path}/{name}", error) from None

    def _write_one(self, name: str, rows: DataFrame, batch_id: int) -> None:
        schema = Schema.from_json(rows.schema.json())
        table = self._table(name, schema)
        committed = table.transaction_version(self._identity)
        if committed is not None and committed >= batch_id:
            return
        days = [day for (day,) in rows.select("date").distinct().collect()]
        self._files.write_one(name, rows, batch_id)
        actions = _added(rows.sparkSession, f"{self._path}/{name}", days, batch_id, DAYS[name])
        told = CommitProperties(app_transactions=[Transaction(self._identity, batch_id)])
        try:
            table.create_write_transaction([*actions], "append", schema, ["date"], commit_properties=told)
        except CommitFailedError:  # a compaction has begun meanwhile, and shuts out others by a change of the table's properties
            table.update_incremental()
            table.create_write_transaction([*actions], "append", schema, ["date"], commit_properties=told)

    def _table(self, name: str, schema: Schema) -> DeltaTable:
        """Returns the table as it is now, made or with the columns that it lacks."""
        if name not in self._tables:
            place, options = f"{self._path}/{name}", storage_options(self._s3)
            self._tables[name] = opened(place, options) or DeltaTable.create(
                place, schema, mode="ignore", partition_by=["date"], storage_options=options
            )
        table = self._tables[name]
        table.update_incremental()
        there = {field.name for field in table.schema().fields}
        missing = [field for field in schema.fields if field.name not in there]
        if missing:
            table.alter.add_columns(list(missing))
        return table


def _added(session: SparkSession, table: str, days: list[date], batch_id: int, time: str) -> list[AddAction]:
    """Returns the files of a batch, with what their footers say: rows, and the first and last `time`."""
    jvm: Any = session.sparkContext._jvm
    conf = session._jsparkSession.sessionState().newHadoopConf()
    parquet = jvm.org.apache.parquet.hadoop
    actions = []
    for day in days:
        folder = f"date={day.isoformat()}/batch_id={batch_id}"
        path = jvm.org.apache.hadoop.fs.Path(f"{table}/{folder}")
        for file in path.getFileSystem(conf).listStatus(path):
            reader = parquet.ParquetFileReader.open(parquet.util.HadoopInputFile.fromStatus(file, conf))
            try:
                stats = _stats(reader, time)
            finally:
                reader.close()
            name = f"{folder}/{file.getPath().getName()}"
            actions.append(
                AddAction(name, file.getLen(), {"date": day.isoformat()}, file.getModificationTime(), True, json.dumps(stats))
            )
    return actions


def _stats(reader: Any, time: str) -> dict[str, Any]:
    """Returns what Delta knows of a file. Its times have milliseconds, so the last is rounded up."""
    bounds = []
    for block in reader.getFooter().getBlocks():
        column = next(one for one in block.getColumns() if one.getPath().toDotString() == time)
        found = column.getStatistics()
        if not found.hasNonNullValue():
            return {"numRecords": reader.getRecordCount()}
        bounds += [found.genericGetMin(), found.genericGetMax()]
    first, last = (EPOCH + timedelta(microseconds=one) for one in (min(bounds), max(bounds)))
    return {
        "numRecords": reader.getRecordCount(),
        "minValues": {time: _instant(first)},
        "maxValues": {time: _instant(last + MILLISECOND)},
    }


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
