"""Two executors, each a process of its own, that serve different models: the detector's metrics show it."""

from dataclasses import replace
from pathlib import Path

import psutil

from configuration import KafkaConnection, TopicNames
from contract import encode
from harness.detector import MICRO_BATCH, QUICK_START, Detector, scraped
from harness.kafka import send
from local.process import free_port
from spark_jobs.settings import S3
from tests.models import MADE_AT, linear
from tests.oncall.test_on_call import until
from tests.records import transaction
from training.bundle import MODEL, Description, Thresholds, describe
from training.store import ModelStore

EXECUTOR = "CoarseGrainedExecutorBackend"
WITHIN_S = 300.0
"""Two more JVMs start beside the driver's, and each look is a batch."""


def test_an_executor_that_has_another_model_than_its_neighbour_is_seen(
    kafka: KafkaConnection, topics: TopicNames, tmp_path: Path
) -> None:
    port, store = free_port(), ModelStore(str(tmp_path / "models"), S3())
    versions = [add(store, slope) for slope in (0.001, 0.002)]
    store.point("champion", versions[0], "a test")
    detector = Detector(kafka, topics, tmp_path)
    # An hour between two looks at the store: an executor that comes later alone sees the promotion.
    detector.settings |= {"models": {"store": store.place, "poll": "1h"}, "rules": {}}
    detector.settings |= {"state_partitions": 2, "metrics": {"port": port}}
    # Both tasks of a batch would else wait for the executor that has their state.
    conf = QUICK_START | {"spark.locality.wait": "0s"}
    detector.settings["spark"] = {"master": "local-cluster[2,1,1024]", "conf": conf}
    number = 0

    def served() -> set[str]:
        """Lets some payments be scored, and returns what the executors that took part had."""
        nonlocal number
        cards = [f"card-{number + one}" for one in range(40)]
        paid = (replace(transaction(), transaction_id=f"t-{card}", card_id=card) for card in cards)
        send(kafka.bootstrap_servers, topics.transactions, ((one.card_id.encode(), encode(one)) for one in paid))
        number += len(cards)
        detector.until_scored(number)
        return {name for name, value in scraped(port).items() if name.startswith("fraud_executor_model{") and value == 1}

    def by_version(version: str) -> int:
        return sum(f'version="{version}"' in one for one in served())

    detector.start("microBatch", trigger=MICRO_BATCH)
    try:
        until(lambda: by_version(versions[0]) == 2, WITHIN_S)
        store.point("champion", versions[1], "a test")
        executors = [one for one in psutil.Process(detector.pid).children(recursive=True) if EXECUTOR in " ".join(one.cmdline())]
        assert len(executors) == 2
        executors[0].kill()
        until(lambda: {version for version in versions if any(version in one for one in served())} == set(versions), WITHIN_S)
    finally:
        detector.kill()


def add(store: ModelStore, slope: float) -> str:
    """Returns the version of a model that is put into the store."""
    files = {MODEL: linear(2, slope)}
    known = Description(features=("amount", "is_night"), usual=(10.0, 0.0), thresholds=Thresholds(review=0.9))
    manifest = describe("onnx", known, files, MADE_AT)
    store.add(manifest, files)
    return manifest.version
