"""DuckDB, closed: what evaluates a user's expressions and keeps what does not fit into memory."""

from pathlib import Path

import duckdb


def connect(temporary: Path) -> duckdb.DuckDBPyConnection:
    """Returns an empty database that reads no file, fetches nothing, and puts what does not fit into memory into a folder."""
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "temp_directory": str(temporary),
        }
    )
    for setting in ("TimeZone = 'UTC'", "enable_external_access = false", "lock_configuration = true"):
        connection.execute(f"SET {setting}")
    return connection
