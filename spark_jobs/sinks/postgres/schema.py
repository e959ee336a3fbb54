"""The database's tables: made by numbered migrations, in partitions that are made as days come and dropped when they are old.

Where TimescaleDB is, they are hypertables (`timescale`), which make their partitions themselves.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import NamedTuple

import psycopg
from psycopg import sql

from spark_jobs.errors import NewerDatabase
from spark_jobs.sinks.postgres import timescale

LOCK = 7_310_020
"""Number of the advisory lock under which the schema changes: one archiver at a time. Arbitrary, and the same in every version."""


class Table(NamedTuple):
    """A table that is partitioned by time."""

    name: str
    time: str
    by_month: bool


TABLES = (Table("scored", "event_time", False), Table("alerts", "timestamp", True), Table("labels", "labelled_at", True))


def migrate(connection: psycopg.Connection) -> list[str]:
    """Brings the schema up to date, in the transaction at hand; returns the names of the migrations that were applied.

    Raises:
        NewerDatabase: it has been migrated by a newer program.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS fraud_migrations"
        " (number int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    applied = {number for (number,) in connection.execute("SELECT number FROM fraud_migrations").fetchall()}
    known = _migrations()
    if newer := applied - known.keys():
        raise NewerDatabase(
            f"The database has migration {max(newer)}, and this archiver knows those up to {max(known)}",
            "Run the archiver's newer version, or name another database.",
        )
    missing = sorted(known.keys() - applied)
    licence = timescale.licence(connection)
    for number in missing:
        name, text = known[number]
        for statements in timescale.statements(name, text, licence):
            connection.execute(statements.encode())
        connection.execute("INSERT INTO fraud_migrations (number, name) VALUES (%s, %s)", (number, name))
    return [known[number][0] for number in missing]


def make_partitions(connection: psycopg.Connection, table: Table, days: Collection[date]) -> None:
    """Makes those partitions that the days lie in and that are missing; a hypertable needs none."""
    if not _is_partitioned(connection, table):
        return
    wanted = {_begin(table, day) for day in days}
    there = {begin for _, begin in _partitions(connection, table)}
    if wanted <= there:
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    for begin in sorted(wanted - there):
        connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(_name(table, begin)), sql.Identifier(table.name), *map(_instant, (begin, _end(table, begin)))
            )
        )


def drop_partitions(connection: psycopg.Connection, kept_from: Mapping[str, date]) -> list[str]:
    """Drops the partitions whose rows are all older than the day that their table is kept from; returns their names."""
    dropped: list[str] = []
    for table in TABLES:
        begin = kept_from[table.name]
        if not _is_partitioned(connection, table):
            dropped += timescale.drop_chunks(connection, table.name, _midnight(begin))
            continue
        for name, first in _partitions(connection, table):
            if _end(table, first) <= begin:
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
                dropped.append(name)
    return dropped


def today() -> date:
    """Returns the day in UTC."""
    return datetime.now(UTC).date()


def _migrations() -> dict[int, tuple[str, str]]:
    found = {}
    for file in (files(__package__) / "migrations").iterdir():
        if re.fullmatch(r"\d+_\w+\.sql", file.name):
            found[int(file.name.partition("_")[0])] = (file.name.removesuffix(".sql"), file.read_text())
    return found


def _is_partitioned(connection: psycopg.Connection, table: Table) -> bool:
    asked = "SELECT FROM pg_partitioned_table WHERE partrelid = %s::regclass"
    return connection.execute(asked, (table.name,)).rowcount > 0


def _partitions(connection: psycopg.Connection, table: Table) -> list[tuple[str, date]]:
    """Returns name and first day of each partition of ours: another's name says no day."""
    rows = connection.execute(
        "SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = %s::regclass",
        (table.name,),
    ).fetchall()
    return [(name, datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date()) for (name,) in rows if name[-8:].isdigit()]


def _name(table: Table, begin: date) -> str:
    return f"{table.name}_{begin:%Y%m%d}"


def _begin(table: Table, day: date) -> date:
    return day.replace(day=1) if table.by_month else day


def _end(table: Table, begin: date) -> date:
    return (begin + timedelta(days=31)).replace(day=1) if table.by_month else begin + timedelta(days=1)


def _instant(day: date) -> sql.Literal:
    return sql.Literal(_midnight(day))


def _midnight(day: date) -> str:
    return f"{day.isoformat()} 00:00:00+00"
