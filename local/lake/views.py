"""A lake in DuckDB's SQL: its datasets, and over them the views that the database has, made of the same text.

    from local.lake.views import connect
    connect("/data/delta").sql("FROM alerts_by_rule ORDER BY day DESC").df()

`scored` has all that the lake has, features included. `alerts` and `labels` have the database's columns, with whole texts.
"""

from importlib.resources import files

import duckdb
import pyarrow as pa

from contract import Alert, Label
from local.errors import QueryRefused
from producer.layout import arrow_schema
from spark_jobs.settings import S3
from training.lake import KEYS, Lake, NoLake

MIGRATIONS = files("spark_jobs.sinks.postgres") / "migrations"
VIEWS = tuple(MIGRATIONS / name for name in ("0002_views.sql", "0004_boards_views.sql"))
"""Each of views alone."""

_REST = "COLUMNS(lambda one: one NOT IN ('date', 'batch_id', 'truncated', 'origin', 'ingest_time', '{}'))"
_LIKE_THE_DATABASE = {
    "alerts": f'"timestamp", from_hex(sha256({KEYS["alerts"]})) AS key, {_REST.format("timestamp")}',
    "labels": f"labelled_at, from_hex(sha256({KEYS['labels']})) AS key, {_REST.format('labelled_at')}",
}
_EMPTY = {"alerts": Alert, "labels": Label}


def connect(place: str, s3: S3 | None = None) -> duckdb.DuckDBPyConnection:
    """Returns a connection to the lake as it is now; nothing is copied, and nothing in the lake can be changed by it.

    Raises:
        NoLake: no scored payments are in the place.
        UnusableStorage: it cannot be reached.
    """
    lake = Lake(place, s3 or S3())
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in {*lake.names, *_EMPTY}:
        rows = lake.rows(name)
        if rows is None and name in _EMPTY:
            rows = arrow_schema(_EMPTY[name]).empty_table()
        if rows is None:
            continue
        if columns := _LIKE_THE_DATABASE.get(name):
            connection.register(f"{name}_in_the_lake", rows)
            connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM {name}_in_the_lake")  # noqa: S608 names of ours
        else:
            connection.register(name, rows)
    if "scored" not in lake.names:
        raise NoLake(f"{place} has no scored payments", "Name the `path` of one of the archiver's sinks.")
    for views in VIEWS:
        connection.execute(views.read_text())
    return connection


def answer(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table | None:
    """Returns what a query says; None where it is a statement that says nothing.

    Raises:
        QueryRefused: DuckDB does not understand it, or cannot do it.
    """
    try:
        found = connection.sql(query)
        return None if found is None else found.to_arrow_table()
    except duckdb.Error as error:
        raise QueryRefused(f"DuckDB says: {str(error).strip()}", "`SHOW TABLES` lists what can be asked.") from None
