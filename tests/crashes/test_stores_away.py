"""Stores that go away one after the other, each in several ways, while an archiver runs: afterwards each has every record once."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from configuration import KafkaConnection, TopicNames
from harness.detector import Archiver
from local.postgres import PostgresServer
from local.s3 import BUCKET, S3Server
from tests.dying import Stores
from tests.s3 import Proxy

PATIENCE_S = 300.0
SLOW = [10.0] * 6
"""Seconds that each of the next answers of S3 takes."""


@contextmanager
def s3_says_503(proxy: Proxy, _: PostgresServer) -> Iterator[None]:
    proxy.away = True
    yield
    proxy.away = False


@contextmanager
def s3_is_dead(proxy: Proxy, _: PostgresServer) -> Iterator[None]:
    proxy.dead = True
    yield
    proxy.dead = False


@contextmanager
def s3_is_slow(proxy: Proxy, _: PostgresServer) -> Iterator[None]:
    proxy.slow.extend(SLOW)
    yield


@contextmanager
def the_database_is_stopped(_: Proxy, database: PostgresServer) -> Iterator[None]:
    database.kill()
    yield
    database.start()


@contextmanager
def the_database_is_frozen(_: Proxy, database: PostgresServer) -> Iterator[None]:
    parent = psutil.Process(int((database.home / "pid").read_text()))
    frozen = [parent, *parent.children()]
    for one in frozen:
        one.send_signal(signal.SIGSTOP)
    yield
    for one in frozen:
        one.send_signal(signal.SIGCONT)


@pytest.mark.timeout(1_800)
def test_each_store_catches_up_by_itself(
    kafka: KafkaConnection, topics: TopicNames, tmp_path: Path, database: PostgresServer, s3: S3Server
) -> None:
    proxy = Proxy(s3)
    stores = Stores(kafka, topics, tmp_path, database, f"s3a://{BUCKET}/{tmp_path.name}", s3)
    stores.archiver.module = Archiver.module
    stores.archiver.settings["sinks"]["database"]["timeout"] = "5s"
    few = {"spark.hadoop.fs.s3a.attempts.maximum": "2", "spark.hadoop.fs.s3a.retry.limit": "2"}
    stores.archiver.settings["spark"]["conf"] |= few | {"spark.hadoop.fs.s3a.retry.throttle.limit": "2"}
    stores.archiver.settings |= {"s3": s3.settings | {"endpoint": proxy.endpoint}, "retry": "2s"}
    stores.archiver.start("microBatch", trigger={"mode": "microBatch", "interval": "500ms"})
    try:
        for fault in (s3_says_503, the_database_is_stopped, s3_is_dead, the_database_is_frozen, s3_is_slow):
            stores.pay()
            until(stores.has_all, stores.archiver)
            with fault(proxy, database):
                stores.pay()
                others = ("database",) if fault.__name__.startswith("s3") else ("lake", "delta")
                until(lambda names=others: stores.has_all(*names), stores.archiver)
        until(stores.has_all, stores.archiver)
        assert stores.archiver.stop() == 0, stores.archiver.errors
    finally:
        stores.archiver.kill()
        proxy.close()
    stores.check()
    assert "\tat " not in stores.archiver.errors
    assert "Traceback" not in stores.archiver.errors


def until(is_so: Callable[[], bool], archiver: Archiver) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert archiver.alive, archiver.errors
        assert time.monotonic() < deadline, archiver.errors
        time.sleep(0.5)
