"""An archiver with three sinks that is cut off again and again; afterwards each of them has every record once."""

import os
import random
import secrets
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from configuration import FraudDetectionError, KafkaConnection, TopicNames
from contract import encode
from harness.detector import Archiver
from harness.dying_archiver import POINTS, VARIABLE, armed, cut_off
from harness.kafka import send
from local.postgres import PostgresServer
from local.s3 import S3Server
from spark_jobs.delta_log import opened, storage_options
from spark_jobs.settings import S3
from tests.records import alert, scored, transaction
from tests.s3 import Archive

AT_ONCE = 20
ALERTS = 4
"""Every so-many-th payment is an alert."""
SEED = "CRASH_SEED"
SINKS = ("lake", "delta", "database")


class Dying(Archiver):
    """Dies where it is told to."""

    module = "harness.dying_archiver"


class Stores:
    """A lake, Delta tables and a database, filled by one archiver."""

    def __init__(
        self,
        kafka: KafkaConnection,
        topics: TopicNames,
        folder: Path,
        database: PostgresServer,
        place: str | None = None,
        s3: S3Server | None = None,
    ) -> None:
        """Lakes are in the folder, or at a place in S3."""
        self.archiver = Dying(kafka, topics, folder)
        self._lake, self._delta, self._database = Archive(f"{place or folder}/lake", s3), f"{place or folder}/delta", database
        self._options = storage_options(S3.model_validate(s3.settings)) if s3 else None
        ages = {"scored": "36500d", "alerts": "36500d", "labels": "36500d"}
        base = {"type": "postgres", **database.settings, "retention": ages}
        sinks = {**self._lake.sinks["sinks"], "delta": {"type": "delta", "path": self._delta}, "database": base}
        self.archiver.settings["sinks"] = {name: sink | {"tasks": 1} for name, sink in sinks.items()}
        self._sent = 0

    def pay(self) -> None:
        """Sends what a detector says of some payments more, and before that of the last ones again."""
        self.repeat()
        self._sent += AT_ONCE
        self.repeat()

    def repeat(self) -> None:
        """Sends what a detector has said of the last payments, a whole batch of its own."""
        numbers = range(max(self._sent - AT_ONCE, 0), self._sent)
        paid = [(one, transaction(transaction_id=f"t{one:05}", card_id=f"c{one % 9}")) for one in numbers]
        address, topics = self.archiver.kafka.bootstrap_servers, self.archiver.topics
        send(address, topics.scored, [(b"k", encode(scored(payment)), _came_of(one)) for one, payment in paid])
        send(address, topics.alerts, [(b"k", encode(alert(p)), _came_of(one)) for one, p in paid if one % ALERTS == 0])

    def die(self, points: Iterable[str], environment: pytest.MonkeyPatch) -> None:
        """Kills the archiver at each of the points, with new records before each."""
        for point in points:
            self.pay()
            environment.setenv(VARIABLE, point)
            assert self.archiver.run("availableNow") == -signal.SIGKILL, f"it did not die at {point}: {self.archiver.errors}"

    def cut_off(self, points: Iterable[str], chosen: random.Random, archive_here: Callable[..., Any]) -> None:
        """The same in a test's own Spark, with an error in place of each kill, and with one sink that gets there: for CI's time."""
        sinks = self.archiver.settings["sinks"]
        for point in points:
            kind = chosen.choice(POINTS[point.partition(":")[0]].kinds)
            self.pay()
            with pytest.raises(FraudDetectionError, match="cut off"), armed(point, cut_off):
                archive_here(self.archiver, sinks={name: one for name, one in sinks.items() if one["type"] == kind})

    def check_after_a_run(self) -> None:
        """The same as `check`, once an archiver has copied all that waits."""
        self.archiver.module = Archiver.module
        assert self.archiver.run("availableNow") == 0, self.archiver.errors
        self.check()

    def check(self) -> None:
        """Fails where a store lacks a record, or has one twice."""
        for sink in SINKS:
            for table, every in (("scored", 1), ("alerts", ALERTS)):
                assert self._ids(sink, table) == self._wanted(every), (sink, table)

    def has_all(self, *sinks: str) -> bool:
        """Returns whether these stores, or all, have as many scored payments as there are."""
        try:
            return all(len(self._ids(sink, "scored")) >= self._sent for sink in sinks or SINKS)
        except FileNotFoundError:  # a batch that comes again is written over
            return False

    def _wanted(self, every: int) -> list[str]:
        return [f"t{one:05}" for one in range(0, self._sent, every)]

    def _ids(self, sink: str, table: str) -> list[str]:
        if sink == "lake":
            return _ids(self._lake.rows(table))
        if sink == "delta":
            found = opened(f"{self._delta}/{table}", self._options)
            return _ids([] if found is None else found.to_pyarrow_table().to_pylist())
        with self._database.connect() as found:
            if found.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,):
                return []
            return sorted(one for (one,) in found.execute(f"SELECT transaction_id FROM {table}").fetchall())  # noqa: S608


def drawn() -> random.Random:
    """Returns what chooses points. Its seed is printed; CRASH_SEED repeats a run's points."""
    seed = int(os.environ.get(SEED) or secrets.randbits(32))
    sys.stderr.write(f"\n{SEED}={seed}\n")
    return random.Random(seed)  # noqa: S311 no secret


def some_time(chosen: random.Random, name: str) -> str:
    """Returns a point with the time of its batch at which it counts."""
    return f"{name}:{chosen.randint(1, POINTS[name].times)}"


def _came_of(number: int) -> list[tuple[str, bytes]]:
    return [("input-topic", b"t"), ("input-partition", b"0"), ("input-offset", str(number).encode())]


def _ids(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["transaction_id"] for row in rows)
