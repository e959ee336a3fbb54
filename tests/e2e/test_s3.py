"""Checkpoint and model store in S3: the detector goes on from there, and leaves nothing else in the bucket."""

from collections.abc import Callable

from pyarrow import fs

from tests.e2e.cluster import Namespace, Object
from tests.e2e.kafka import Account, Broker, named
from tests.e2e.release import Release

START_S = 240.0


def test_the_detector_goes_on_from_its_checkpoint_in_the_bucket(
    release: Callable[[str], Release], broker: Broker, namespace: Namespace, bucket: fs.FileSystem
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
    assert {one.base_name for one in bucket.get_file_info(fs.FileSelector(""))} == {"checkpoint"}, "it writes something else"


def commits(bucket: fs.FileSystem) -> list[int]:
    """Returns the numbers of the batches that the checkpoint has as done."""
    found = bucket.get_file_info(fs.FileSelector("checkpoint/commits", allow_not_found=True))
    return [int(one.base_name) for one in found if one.base_name.isdigit()]
