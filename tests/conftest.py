"""One broker and one S3 server for the whole run; topics of its own for each test."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
import structlog

from configuration import KafkaConnection, TopicNames
from local.broker import Broker
from local.postgres import PostgresServer
from local.s3 import S3Server
from producer.topics import create_topics

# Where pytest runs in several processes, the main module of each is without a file. PySpark Connect, which Great Expectations looks
# for, then takes the process for one of its doctests, and ends it.
if not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__file__ = None

_numbers = count(1)


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """A program inside a test sets variables for its children, and logs to a standard error that pytest closes after it."""
    with patch.dict(os.environ):
        yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    one = Broker(tmp_path_factory.mktemp("kafka"))
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def kafka(broker: Broker) -> KafkaConnection:
    return KafkaConnection(bootstrap_servers=broker.address)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    one = S3Server(tmp_path_factory.mktemp("s3"))
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    one = PostgresServer(tmp_path_factory.mktemp("postgres"))
    one.start()
    yield one
    one.stop()


@pytest.fixture
def database(postgres: PostgresServer) -> PostgresServer:
    """The server, with nothing in its database."""
    postgres.start()  # where a test has left it away
    with postgres.connect() as found:
        found.execute("DROP SCHEMA public CASCADE")
        found.execute("CREATE SCHEMA public")
    return postgres


@pytest.fixture
def new_topics(kafka: KafkaConnection) -> Callable[..., TopicNames]:
    """Returns a function that creates the nine topics under names that no other test has."""

    def create(partitions: int = 2) -> TopicNames:
        topics = TopicNames().prefixed(f"t{next(_numbers)}.")
        # Records of tests are of other years: Kafka would delete them when it next looks.
        kept = [replace(spec, settings=spec.settings | {"retention.ms": "-1"}) for spec in topics.specs(partitions)]
        create_topics(kafka, kept)
        return topics

    return create


@pytest.fixture
def topics(new_topics: Callable[..., TopicNames]) -> TopicNames:
    return new_topics()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in ("FRAUD_CONFIG", "FRAUD_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
