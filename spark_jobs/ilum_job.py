"""The detector as an interactive job of Ilum, which keeps a session and asks for one bounded piece of work at a time.

`jobClass` is `spark_jobs.ilum_job.DetectFraud`. The stream that never ends is Ilum's other kind of job: `fraud ilum submit`. This
file is not called ilum.py because it may come to lie beside Ilum's own package of that name.
"""

import json
import threading
from typing import Any

from ilum.api import IlumJob
from prometheus_client import CollectorRegistry
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import QueryTerminatedEvent

from spark_jobs import sources
from spark_jobs.detect_fraud import stream
from spark_jobs.metrics import StreamMetrics
from spark_jobs.session import CONF, s3a
from spark_jobs.settings import AvailableNowTrigger, DetectorSettings

LAST_EVENTS_S = 30.0
"""How long to wait for Spark's last events after the stream has ended; they come within milliseconds."""


class DetectFraud(IlumJob):
    """Scores all transactions that wait in Kafka, once, from the checkpoint's place. Its guarantees are the detector's."""

    def run(self, spark: SparkSession, config: dict[str, Any]) -> str:
        """Returns how many transactions, alerts and dead letters there were, as JSON.

        `config` holds settings under the names of the command line: {"config": "/etc/fraud/detector.yaml", "max-offsets": "1000"}.
        The trigger is availableNow, whatever the settings say: another one would never return.

        Raises:
            FraudDetectionError: a setting is wrong, Kafka does not answer, or the stream ended on an error.
        """
        arguments = [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in config.items()]
        settings = DetectorSettings.load(arguments, "DetectFraud").model_copy(update={"trigger": AvailableNowTrigger()})
        sources.count_partitions(settings.kafka, settings.input_topics, settings.topics.outputs())
        session = _session_of_its_own(spark, settings)
        registry = CollectorRegistry()
        metrics = _Metrics(registry)
        session.streams.addListener(metrics)
        try:
            stream(session, settings, threading.Event(), metrics)
            metrics.ended.wait(LAST_EVENTS_S)
        finally:
            session.streams.removeListener(metrics)
        rejected = _count(registry, "fraud_rows_total", kind="rejected")
        transactions = _count(registry, "fraud_rows_total", kind="transaction")
        return json.dumps({"transactions": transactions, "alerts": _count(registry, "fraud_alerts_total"), "rejected": rejected})


class _Metrics(StreamMetrics):
    """Knows when all counts are in: Spark sends its events in order, and later than the stream ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.ended = threading.Event()

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802 Spark's name
        super().onQueryTerminated(event)
        self.ended.set()


def _session_of_its_own(spark: SparkSession, settings: DetectorSettings) -> SparkSession:
    """Returns a session beside Ilum's, on the same executors: the detector's settings must not reach the next job."""
    session = spark.newSession()
    for key, value in {**CONF, **settings.spark.conf}.items():
        if session.conf.isModifiable(key):
            session.conf.set(key, value)
    for key, value in s3a(settings.s3).items():
        session.conf.set(key, value)
    return session


def _count(registry: CollectorRegistry, name: str, **labels: str) -> int:
    return int(registry.get_sample_value(name, labels) or 0)
