"""How driver and executors reach the database, and how they leave one that hangs."""

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psycopg

from configuration import PostgresConnection
from spark_jobs.archive_settings import PostgresSettings
from spark_jobs.errors import UnusableDatabase

_connections: "dict[Address, psycopg.Connection]" = {}
"""Those that nobody uses now: Spark keeps its Python processes, and so a task finds the connection of the one before."""


class Address(NamedTuple):
    """Where the database is, and who asks. Secrets by path: every program that connects reads them there."""

    asked: PostgresConnection
    timeout_s: float


def address_of(asked: PostgresSettings) -> Address:
    """Returns what the settings of a sink say of it."""
    known = {name: getattr(asked, name) for name in PostgresConnection.model_fields}
    files = {name: file.absolute() for name, file in known.items() if isinstance(file, Path)}  # a task may run in another folder
    return Address(PostgresConnection(**known | files), asked.timeout.total_seconds())


@contextmanager
def connected(address: Address) -> Iterator[psycopg.Connection]:
    """Gives this process's connection for one transaction, which is over when the block is.

    Raises:
        UnusableDatabase: it cannot be reached, does not let us in, does not answer in time, or refuses what is asked. No value of a
            row is told.
    """
    connection = _kept(address)
    try:
        if connection is None:
            connection = _connect(address)
        with _hung_up_after(address.timeout_s, connection), connection.transaction():
            yield connection
        _connections[address] = connection
        connection = None
    except psycopg.Error as error:
        raise UnusableDatabase(
            f"The database at {address.asked.host}:{address.asked.port} {_told(error, connection)}", ADVICE
        ) from None
    finally:
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()


def _kept(address: Address) -> psycopg.Connection | None:
    """Returns the connection of the last time; none where the server has said since that it is over, as one that stops does."""
    connection = _connections.pop(address, None)
    if connection is None or connection.closed:
        return None
    line = select.poll()  # select() takes no descriptor above 1,023
    line.register(connection.fileno(), select.POLLIN)
    if line.poll(0):
        connection.close()
        return None
    return connection


ADVICE = "The archiver goes on where it is once the database takes it; check the sink's settings if it does not."


def _connect(address: Address) -> psycopg.Connection:
    try:
        known = address.asked.libpq()
    except OSError as error:
        raise UnusableDatabase(f"{error.filename} cannot be read: {error.strerror}", "Check `password_file`.") from None
    return psycopg.connect(
        **known,
        connect_timeout=max(2, round(address.timeout_s)),
        application_name="fraud-archiver",
        options="-c timezone=UTC -c client_min_messages=warning",
    )


def _told(error: psycopg.Error, connection: psycopg.Connection | None) -> str:
    """Returns what is wrong. What PostgreSQL says of a statement may repeat a value; what it says of a connection does not."""
    if connection is None:
        return f"cannot be used: {' '.join(str(error).split())}"
    code = f" ({error.sqlstate})" if error.sqlstate else ""
    if isinstance(error, psycopg.errors.DiskFull):
        return f"has no room left{code}"
    if isinstance(error, psycopg.OperationalError):
        return f"is gone, or did not answer in time{code}"
    return f"refuses what is written: {type(error).__name__}{code}"


@contextmanager
def _hung_up_after(seconds: float, connection: psycopg.Connection) -> Iterator[None]:
    """Ends a connection that takes longer: a server that is frozen would hold its task for ever."""
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        timer = threading.Timer(seconds, _hang_up, [line])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
