"""The adapter for Ilum's interactive jobs, in a session that somebody else keeps, on a real broker."""

import json
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from ilum.api import IlumJob
from pyspark.sql import SparkSession

from configuration import InvalidSettings, KafkaConnection, TopicNames
from contract import Alert, decode, encode
from harness.detector import RULES
from harness.kafka import read_all, send
from spark_jobs.ilum_job import DetectFraud
from tests.records import transaction


def test_each_run_scores_what_waits_and_leaves_the_session_as_it_was(
    spark: SparkSession, kafka: KafkaConnection, topics: TopicNames, home: Path
) -> None:
    settings: dict[str, Any] = {
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers},
        "topics": {one.name: getattr(topics, one.name) for one in fields(topics)},
        "checkpoint": str(home / "checkpoint"),
        "trigger": {"mode": "microBatch", "interval": "1s"},
    }
    (home / "detector.yaml").write_text(yaml.safe_dump(settings))
    paid = [replace(transaction(), transaction_id=f"t{number}", amount=Decimal(number)) for number in (10, 500, 900)]
    send(kafka.bootstrap_servers, topics.transactions, [*((b"c", encode(one)) for one in paid), (b"c", b"not JSON")])
    job: IlumJob = DetectFraud()
    theirs = spark.newSession()
    theirs.conf.set("spark.sql.shuffle.partitions", "7")

    config = {"config": "detector.yaml", "log-dir": None, "rules": RULES}

    first = job.run(theirs, config)
    assert json.loads(first) == {"transactions": 3, "alerts": 2, "rejected": 1}
    alerts = [decode(Alert, record.value or b"") for record in read_all(kafka.bootstrap_servers, topics.alerts)]
    assert {alert.transaction_id for alert in alerts} == {"t500", "t900"}
    second = job.run(theirs, config)
    assert json.loads(second) == {"transactions": 0, "alerts": 0, "rejected": 0}
    assert theirs.conf.get("spark.sql.shuffle.partitions") == "7"
    assert theirs.range(3).count() == 3


def test_a_wrong_setting_is_named(spark: SparkSession, home: Path) -> None:
    with pytest.raises(InvalidSettings, match="max-offset"):
        DetectFraud().run(spark, {"max-offset": "1"})
