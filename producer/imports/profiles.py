"""Customers and merchants, as the transactions show them in the course of time."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from contract.fields import fields_of
from producer.imports.database import connect
from producer.layout import FOLDERS

KEYS = {"customers": "card_id", "merchants": "terminal_id"}
SINCE = {"customers": "signup_date", "merchants": "onboarding_date"}
"""Fields that are the first day seen, unless they are mapped."""


class Seen(NamedTuple):
    """What one transaction shows of a profile."""

    time: datetime
    place: str
    """File and line."""
    fields: dict[str, str]


class Profiles:
    """Keeps what transactions show, in whichever order they come; memory that it lacks is in files of the temporary folder."""

    def __init__(self, folders: Sequence[str], temporary: Path) -> None:
        self._connection = connect(temporary)
        self._kept = 0
        for folder in folders:
            columns = ", ".join(f'"{name}" VARCHAR' for name in _names(folder))
            self._connection.execute(f"CREATE TABLE {folder} (seen TIMESTAMPTZ, number BIGINT, place VARCHAR, {columns})")

    def add(self, folder: str, seen: Sequence[Seen]) -> None:
        """Keeps what some transactions show."""
        columns: list[Any] = [
            pa.array([one.time for one in seen], pa.timestamp("us", "UTC")),
            pa.array(range(self._kept, self._kept + len(seen)), pa.int64()),
            pa.array([one.place for one in seen], pa.string()),
            *(pa.array([one.fields.get(name) for one in seen], pa.string()) for name in _names(folder)),
        ]
        self._kept += len(seen)
        self._connection.register("batch", pa.Table.from_arrays(columns, ["seen", "number", "place", *_names(folder)]))
        self._connection.execute(f"INSERT INTO {folder} SELECT * FROM batch")  # noqa: S608 a name of KEYS
        self._connection.unregister("batch")

    def versions(self, folder: str) -> Iterator[tuple[str, bytes]]:
        """Yields (place, JSON) of each profile: a customer's versions, a merchant as the terminal's first transaction shows it."""
        key, since, names = KEYS[folder], SINCE[folder], _names(folder)
        chosen = ", ".join(f'"{name}"' for name in names if name != since)
        version = f"row({chosen})"
        window = f"OVER (PARTITION BY {key} ORDER BY seen, number)"
        wanted = f"lag({version}) {window} IS DISTINCT FROM {version}" if folder == "customers" else f"row_number() {window} = 1"
        first = f"strftime(first_value(seen) {window}, '%Y-%m-%d')"
        derived = f"strftime(seen, '%Y-%m-%dT%H:%M:%S.%fZ') AS updated_at, coalesce({since}, {first}) AS {since}"
        found = self._connection.execute(
            f"SELECT place, {derived}, {chosen} FROM {folder} QUALIFY {wanted} ORDER BY seen, number"  # noqa: S608
        )
        columns = [one[0] for one in found.description]
        while rows := found.fetchmany(10_000):
            for place, *values in rows:
                yield place, json.dumps({name: value for name, value in zip(columns[1:], values, strict=True) if value}).encode()

    def close(self) -> None:
        """Gives back what the connection holds."""
        self._connection.close()


def _names(folder: str) -> list[str]:
    """Returns the fields that a transaction may show."""
    return [one.name for one in fields_of(FOLDERS[folder]) if one.name != "updated_at"]
