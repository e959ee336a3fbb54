"""Checkpoint and model store in S3: the detector goes on from there, and leaves nothing else in the bucket."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

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


def test_the_detector_goes_on_from_its_checkpoint_in_the_bucket(
    release: Callable[[str], Release], broker: Broker, namespace: Namespace, bucket: fs.S3FileSystem
) -> None:
    remembering = release("remembering")
    topics, names = named(remembering.name)
    values: Object = {"topics": {"names": names}, "detector": {"config": {"trigger": {"interval": "2s"}}}}
    before = namespace.everything()
    remembering.apply("s3", values)
    remembering.until_logged("detector started", START_S)
    assert "alert after" in remembering.test()
    account = Account(broker, topics)
    account.settle()
    committed = commits(bucket)
    assert committed, "the checkpoint is not in the bucket"
    remembering.restart(START_S)
    assert "alert after" in remembering.test()
    account.settle()
    remembering.uninstall()
    namespace.until_only(before, 120)

    assert account.alerts, "no alert to judge by"
    assert max(commits(bucket)) > max(committed), "the restart began anew, or elsewhere"
    assert {one.base_name for one in bucket.get_file_info(fs.FileSelector("fraud"))} == {"checkpoint"}, "it writes something else"


def commits(bucket: fs.S3FileSystem) -> list[int]:
    """Returns the numbers of the batches that the checkpoint has as done."""
    found = bucket.get_file_info(fs.FileSelector("fraud/checkpoint/commits", allow_not_found=True))
    return [int(one.base_name) for one in found if one.base_name.isdigit()]
