"""Parquet in S3, and the checkpoint there too: what anybody reads from the bucket is what Kafka holds."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

import pyarrow.dataset as ds
import pytest
from pyarrow import fs

from local.s3 import PROFILE, PROPERTIES, REGION
from tests.e2e.cluster import Namespace, Object, free_port
from tests.e2e.kafka import IMAGE, Account, Broker, named
from tests.e2e.release import Release

START_S = 240.0
PORT = 9000


@pytest.fixture
def bucket(namespace: Namespace) -> Iterator[fs.S3FileSystem]:
    """An S3 server in the namespace, and its keys in the Secret that the values name; returns a client's view of it."""
    keys = {"access_key": secrets.token_hex(10), "secret_key": secrets.token_hex(20)}
    namespace.secret(
        "s3-server",
        {"s3proxy.properties": PROPERTIES.format(endpoint=f"http://0.0.0.0:{PORT}", data="/data/buckets", **keys).encode()},
    )
    namespace.secret("s3-credentials", {"credentials": PROFILE.format(**keys).encode()})
    namespace.apply_yaml(Template((Path(__file__).parent / "s3.yaml").read_text()).substitute(image=IMAGE))
    port = free_port()
    forward = namespace.forward("s3", PORT, port)
    yield fs.S3FileSystem(**keys, endpoint_override=f"127.0.0.1:{port}", scheme="http", region=REGION)
    forward.kill()
    forward.wait()
    for kind, name in (("Pod", "s3"), ("Service", "s3"), ("Secret", "s3-server"), ("Secret", "s3-credentials")):
        namespace.delete("v1", kind, name)


def test_the_archive_is_what_kafka_holds(
    release: Callable[[str], Release], broker: Broker, namespace: Namespace, bucket: fs.S3FileSystem
) -> None:
    archiving = release("archiving")
    topics, names = named(archiving.name)
    values: Object = {
        "topics": {"names": names},
        "detector": {"checkpoint": {"url": "s3a://fraud/checkpoint"}, "config": {"trigger": {"interval": "2s"}}},
    }
    before = namespace.everything()
    archiving.apply("s3", values)
    archiving.until_logged("detector started", START_S)
    assert "alert after" in archiving.test()
    account = Account(broker, topics)
    account.settle()
    archiving.restart(START_S)
    account.settle()
    archiving.uninstall()
    namespace.until_only(before, 120)

    account.read()
    for name, known in (("scored", account.scored), ("alerts", account.alerts)):
        rows = ds.dataset(f"fraud/archive/{name}", filesystem=bucket, format="parquet", partitioning="hive").to_table()
        found = rows["transaction_id"].to_pylist()
        assert len(found) == len(set(found)), f"{name}: a row twice"
        assert known.keys() == set(found), f"{name}: not the rows that Kafka has"
