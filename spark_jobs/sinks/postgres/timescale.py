"""TimescaleDB, where the database has it: hypertables in place of PostgreSQL's own partitions, and what its licence allows.

    migrations/NAME.timescaledb.sql    behind migration NAME, with either licence
    migrations/NAME.community.sql      behind that, with the licence `timescale`: continuous aggregates, compression

Not run by anyone yet: no registry that this project is built from has TimescaleDB. Tests run these statements as far as PostgreSQL
alone can. Old rows go by `drop_chunks` with either licence, once a day, as old partitions do: no retention policy beside it.
"""

import re
from collections.abc import Iterator
from importlib.resources import files

import psycopg

OLDEST = (2, 20)
"""Before 2.19.1 INSERT ... ON CONFLICT DO NOTHING ends at the first row that a compressed chunk has (timescale/timescaledb,
issue 7672), and payments would be lost."""
_PARTITIONED = re.compile(r" PARTITION BY RANGE \([^)]*\)")


def licence(connection: psycopg.Connection) -> str | None:
    """Returns `timescale` or `apache`. None: tables are, or are to be, partitions of PostgreSQL's own.

    That is so without the extension, with one older than OLDEST, and where the tables were made before it was there.
    """
    found = connection.execute(
        "SELECT extversion, current_setting('timescaledb.license', true) FROM pg_extension WHERE extname = 'timescaledb'"
        " AND NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = to_regclass('scored'))"
    ).fetchone()
    if found is None or tuple(map(int, re.findall(r"\d+", found[0])[:2])) < OLDEST:
        return None
    return "timescale" if found[1] == "timescale" else "apache"


def statements(name: str, text: str, found: str | None) -> Iterator[str]:
    """Yields what a migration is where `licence` has found that."""
    yield text if found is None else _PARTITIONED.sub("", text)
    for part in {None: (), "apache": ("timescaledb",), "timescale": ("timescaledb", "community")}[found]:
        file = files(__package__) / "migrations" / f"{name}.{part}.sql"
        if file.is_file():
            yield file.read_text()


def drop_chunks(connection: psycopg.Connection, table: str, before: str) -> list[str]:
    """Drops the chunks whose rows are all older than an instant; returns their names."""
    return [name for (name,) in connection.execute("SELECT drop_chunks(%s, older_than => %s::timestamptz)", (table, before))]
