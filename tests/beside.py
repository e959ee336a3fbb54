"""Compaction and vacuum beside an archiver that writes a Delta table in small batches."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from configuration import KafkaConnection, TopicNames
from contract import encode
from harness.kafka import send
from spark_jobs import upkeep
from spark_jobs.settings import S3
from tests.records import AT, alert, scored, transaction
from training.lake import Lake

AT_ONCE = 20
PATIENCE_S = 120.0


class Busy:
    """A lake of two days that an archiver fills, with a maintenance that never rests."""

    def __init__(self, kafka: KafkaConnection, topics: TopicNames, path: Path) -> None:
        self._address, self._topics, self.path = kafka.bootstrap_servers, topics, path
        self.sent = 0
        self.most_files = 0
        """That a table has named at once, as maintenance has seen it."""
        self.compactions = 0

    @property
    def sinks(self) -> dict[str, Any]:
        return {"sinks": {"delta": {"type": "delta", "path": str(self.path)}}}

    def say(self) -> None:
        """Sends what a detector says of some payments more, and says of the last ones again."""
        numbers = range(max(0, self.sent - AT_ONCE // 2), self.sent + AT_ONCE)
        some = [transaction(transaction_id=f"t{one:05}", event_time=AT + timedelta(days=one % 2)) for one in numbers]
        came_of = [[("input-topic", b"t"), ("input-partition", b"0"), ("input-offset", b"%d" % one)] for one in numbers]
        both = list(zip(some, came_of, strict=True))
        send(self._address, self._topics.scored, [(b"k", encode(scored(one)), told) for one, told in both])
        send(self._address, self._topics.alerts, [(b"k", encode(alert(one)), told) for one, told in both])
        self.sent += AT_ONCE

    def pay(self, batches: int, failed: list[Exception]) -> None:
        """Sends so often, each time when the lake has what was sent before."""
        for _ in range(batches):
            self.say()
            deadline = time.monotonic() + PATIENCE_S
            while self._rows("alerts") < self.sent:
                assert not failed, failed
                assert time.monotonic() < deadline, "the archiver does not go on"
                time.sleep(0.3)

    @contextmanager
    def maintained(self, failed: list[Exception], pause_s: float) -> Iterator[None]:
        """Compacts and vacuums again and again, with a pause between."""
        ended = threading.Event()

        def work() -> None:
            try:
                while not ended.wait(pause_s):
                    self.maintain()
            except Exception as error:  # told by the test's end
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def maintain(self) -> None:
        if not (self.path / "alerts" / "_delta_log").exists():
            return
        lake = Lake(str(self.path), S3())
        tables = {name: table for name in lake.names if (table := lake.table(name)) is not None}
        for name, table in tables.items():
            self.most_files = max(self.most_files, len(table.file_uris()))
            if crowded := upkeep.crowded(table, lambda _: True):
                upkeep.claim(table)
            for day in crowded:
                upkeep.compact(table, day)
                self.compactions += 1
            table.create_checkpoint()
            upkeep.vacuum(table, lake.folder(name), timedelta(0), dry_run=False)

    def check(self) -> None:
        """Fails where a record is lost or twice, or a file is left that nobody needs. Nobody writes any more."""
        self.maintain()
        everyone = [f"t{one:05}" for one in range(self.sent)]
        for name in ("scored", "transactions", "alerts"):
            table = DeltaTable(self.path / name)
            assert sorted(table.to_pyarrow_table(columns=["transaction_id"])["transaction_id"].to_pylist()) == everyone
            there = {str(one) for one in (self.path / name).glob("date=*/**/*.parquet")}
            assert there == {one.removeprefix("file://") for one in table.file_uris()}
            assert len(there) == 2, "a file a day"
        assert self.compactions > 1

    def _rows(self, name: str) -> int:
        place = str(self.path / name)
        return DeltaTable(place).count() if DeltaTable.is_deltatable(place) else 0
