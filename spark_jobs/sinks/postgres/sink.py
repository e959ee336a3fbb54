"""Writes batches: partitions are made by the driver, rows are copied by tasks, each in one transaction.

A task copies its rows into a temporary table and from there into the table, without those that are there already. So a batch that
comes again, a task that Spark repeats and a payment that a detector repeats add nothing. A task that was cut off has left no row.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import islice

import structlog
from psycopg import sql
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from spark_jobs.errors import UnusableDatabase
from spark_jobs.sinks.postgres.connection import ADVICE, Address, connected
from spark_jobs.sinks.postgres.lines import COLUMNS, lines
from spark_jobs.sinks.postgres.schema import TABLES, Table, drop_partitions, make_partitions, migrate, today
from spark_jobs.transforms.stored import datasets

LINES_AT_ONCE = 1_000
OF_A_TASK = re.compile(rf"{UnusableDatabase.__name__}: (.*?)\. {re.escape(ADVICE)}")
"""What `connected` has said in a task, in the trace that Spark makes of it."""

log = structlog.get_logger()


class PostgresSink:
    """A sink of the archiver: scored payments, alerts and labels, for as long as `retention` says of each."""

    def __init__(self, address: Address, tasks: int, retention: Mapping[str, timedelta]) -> None:
        self._address, self._tasks, self._retention = address, tasks, retention
        self._made: dict[str, set[date]] = {}
        self._swept: date | None = None

    def open(self, session: SparkSession) -> None:  # noqa: ARG002 as the other sinks
        """Brings the schema up to date, and drops what is too old.

        Raises:
            UnusableDatabase: the database cannot be used.
            NewerDatabase: a newer program has migrated it.
        """
        self._made, self._swept = {table.name: set() for table in TABLES}, None
        with connected(self._address) as connection:
            applied = migrate(connection)
        if applied:
            log.info("database migrated", migrations=applied)
        self._sweep()

    def write(self, rows: DataFrame, batch_id: int) -> None:  # noqa: ARG002
        """Writes a batch: rows of days that are kept. On return they are there for good."""
        self._sweep()
        found = datasets(rows)
        days = self._days({table.name: found[table.name] for table in TABLES})
        for table in TABLES:
            kept = {day for day in days[table.name] if self._kept_from(table) <= day <= today() + timedelta(days=1)}
            if kept:
                self._make(table, kept)
                self._copy(table, found[table.name].where(F.col("date").isin(*kept)))

    def _days(self, found: Mapping[str, DataFrame]) -> dict[str, set[date]]:
        """Returns the days that a batch has rows of, by table."""
        days: dict[str, set[date]] = {name: set() for name in found}
        named = [rows.select(F.lit(name).alias("name"), "date") for name, rows in found.items()]
        together = named[0].unionAll(named[1]).unionAll(named[2])
        for name, day in together.distinct().where("date IS NOT NULL").collect():
            days[name].add(day)
        return days

    def _make(self, table: Table, days: set[date]) -> None:
        if missing := days - self._made[table.name]:
            with connected(self._address) as connection:
                make_partitions(connection, table, missing)
            self._made[table.name] |= missing

    def _copy(self, table: Table, rows: DataFrame) -> None:
        address, name, columns = self._address, table.name, COLUMNS[table.name]
        try:
            lines(name, rows).coalesce(self._tasks).foreachPartition(lambda found: upsert(address, name, columns, found))
        except (Py4JJavaError, PySparkException) as error:
            if told := OF_A_TASK.search(str(error)):  # all else is Spark's own
                raise UnusableDatabase(told[1], ADVICE) from error
            raise

    def _sweep(self) -> None:
        """Drops old partitions, once a day."""
        if self._swept == today():
            return
        with connected(self._address) as connection:
            dropped = drop_partitions(connection, {table.name: self._kept_from(table) for table in TABLES})
        if dropped:
            log.info("old days dropped", partitions=dropped)
        self._swept = today()

    def _kept_from(self, table: Table) -> date:
        return today() - self._retention[table.name]


def upsert(address: Address, table: str, columns: tuple[str, ...], found: Iterator[Row]) -> None:
    """Writes one task's lines, as `lines` makes them, in one transaction; those whose keys are there already add nothing."""
    first = next(found, None)
    if first is None:
        return
    names = {"table": sql.Identifier(table), "staging": sql.Identifier(f"staging_{table}")}
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    with connected(address) as connection:
        # Once a connection: a table made and dropped each time would bloat the catalogue.
        connection.execute(
            sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {staging} (LIKE {table}) ON COMMIT DELETE ROWS").format(**names)
        )
        with connection.cursor().copy(sql.SQL("COPY {staging} ({named}) FROM STDIN").format(**names, named=named)) as copy:
            copy.write(f"{first[0]}\n")
            while some := list(islice(found, LINES_AT_ONCE)):
                copy.write("".join(f"{line}\n" for (line,) in some))
        # In one order everywhere: two tasks that wait for each other's rows would be a deadlock.
        statement = "INSERT INTO {table} ({named}) SELECT {named} FROM {staging} ORDER BY 1, 2 ON CONFLICT DO NOTHING"
        connection.execute(sql.SQL(statement).format(**names, named=named))
