"""SQLite and PostgreSQL behind one door: statements with `:name` for values, in transactions; a connection serves one thread."""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from typing import Any, Protocol

import psycopg

from notifier.errors import UnusableOutbox
from notifier.settings import PostgresOutbox, SqliteOutbox

Rows = list[tuple[Any, ...]]
TIMEOUT_S = 10
LOCK = 7_310_021
"""Number of the advisory lock of `alone`. Arbitrary, the same in every version, and not that of the archiver."""


class Statements(Protocol):
    """What can be done in a transaction."""

    def run(self, statement: str, **values: Any) -> Rows:
        """Returns the rows that a statement gives; none where it gives none."""

    def run_each(self, statement: str, values: Sequence[Mapping[str, Any]]) -> None:
        """Runs a statement with each of the values in turn."""


class Database(Protocol):
    """A connection that is made when it is first used, and made anew after an error."""

    identity: str
    """How a table numbers its rows by itself, as the definition of a column has it."""

    def transaction(self, *, alone: bool = False) -> AbstractContextManager[Statements]:
        """Gives a `Statements` for one transaction; `alone` keeps out all others that ask for this too."""

    def close(self) -> None:
        """Ends the connection."""


def database(asked: SqliteOutbox | PostgresOutbox) -> Database:
    """Returns the database that the settings name; nothing is connected yet."""
    return _Sqlite(asked) if isinstance(asked, SqliteOutbox) else _Postgres(asked)


class _Sqlite:
    """A file. Every transaction that writes has it alone."""

    identity = "integer PRIMARY KEY AUTOINCREMENT"

    def __init__(self, asked: SqliteOutbox) -> None:
        self._path = asked.path
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator["_SqliteStatements"]:  # noqa: ARG002 they always are
        try:
            if self._connection is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(self._path, timeout=TIMEOUT_S, isolation_level=None, check_same_thread=False)
                self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("BEGIN IMMEDIATE")
            yield _SqliteStatements(self._connection)
            self._connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise UnusableOutbox(
                f"The outbox {self._path} cannot be used: {type(error).__name__}",
                "Check `outbox.path`, its folder and the room on its disk.",
            ) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()  # what was not committed is undone
            self._connection = None


class _SqliteStatements:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, **values: Any) -> Rows:
        return self._connection.execute(statement, values).fetchall()

    def run_each(self, statement: str, values: Sequence[Mapping[str, Any]]) -> None:
        self._connection.executemany(statement, values)


class _Postgres:
    """Tables in the schema that the user sees first."""

    identity = "bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY"

    def __init__(self, asked: PostgresOutbox) -> None:
        self._asked = asked
        self._connection: psycopg.Connection | None = None

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator["_PostgresStatements"]:
        connection = self._connection
        try:
            if connection is None or connection.closed:
                connection = self._connection = self._connect()
            with connection.transaction():
                if alone:
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                yield _PostgresStatements(connection)
        except psycopg.Error as error:
            self.close()
            raise UnusableOutbox(
                f"The database of the outbox at {self._asked.host}:{self._asked.port} {_told(error, connection)}",
                "Alerts wait in Kafka and in the outbox meanwhile; check `outbox` and the database.",
            ) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _connect(self) -> psycopg.Connection:
        try:
            known = self._asked.libpq()
        except OSError as error:
            raise UnusableOutbox(f"{error.filename} cannot be read: {error.strerror}", "Check `outbox.password_file`.") from None
        return psycopg.connect(
            **known,
            connect_timeout=TIMEOUT_S,
            application_name="fraud-notifier",
            autocommit=True,
            options=f"-c client_min_messages=warning -c statement_timeout={TIMEOUT_S * 1000}",
        )


class _PostgresStatements:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, **values: Any) -> Rows:
        done = self._connection.execute(_for_psycopg(statement), values)
        return done.fetchall() if done.description else []

    def run_each(self, statement: str, values: Sequence[Mapping[str, Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_for_psycopg(statement), values)


@cache
def _for_psycopg(statement: str) -> bytes:
    return re.sub(r":([a-z_]+)", r"%(\1)s", statement).encode()


def _told(error: psycopg.Error, connection: psycopg.Connection | None) -> str:
    """Returns what is wrong. What PostgreSQL says of a statement may repeat a value; what it says of a connection does not."""
    if connection is None:
        return f"cannot be used: {' '.join(str(error).split())}"
    return f"is gone, or refuses what is asked: {type(error).__name__}" + (f" ({error.sqlstate})" if error.sqlstate else "")
