"""Executors that do not come: a driver waits for them in silence, and all else looks well."""

import time
from collections.abc import Iterator
from typing import Any

import structlog
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from spark_jobs.health import Health

LOOK_S = 1.0
SAY_S = 60.0
"""A node that has the image starts an executor in ten seconds; one that pulls it takes a minute."""

log = structlog.get_logger()


class Executors:
    """Tells `health` whether there is an executor, and once a minute without one the log why there is none."""

    def __init__(self, session: SparkSession, health: Health) -> None:
        """A local Spark has its one executor in the driver: there is nothing to wait for."""
        self._session, self._health = session, health
        self._master = str(session.sparkContext.master)
        self._waits_for_one = self._master.partition("[")[0] != "local"
        self._looked_at = -LOOK_S
        health.has_executor(not self._waits_for_one)
        self._without_since = time.monotonic()
        self._said_at = self._without_since

    def look(self) -> None:
        """Looks again, once a second."""
        now = time.monotonic()
        if not self._waits_for_one or now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        # The driver is in the list.
        is_there = len(self._session.sparkContext._jsc.sc().statusTracker().getExecutorInfos()) > 1
        self._health.has_executor(is_there)
        if is_there:
            self._without_since = self._said_at = now
        elif now - self._said_at >= SAY_S:
            self._said_at = now
            log.warning("no executor has come", seconds=round(now - self._without_since), pods=list(self._pods()))

    def _pods(self) -> Iterator[str]:
        """Yields of each pod that is to become an executor what keeps it, as far as Kubernetes tells."""
        context = self._session.sparkContext
        if not self._master.startswith("k8s"):
            return
        client = context._jvm.io.fabric8.kubernetes.client.KubernetesClientBuilder().build()  # type: ignore[union-attr]
        try:
            namespace = context.getConf().get("spark.kubernetes.namespace", "default")
            pods = client.pods().inNamespace(namespace).withLabel("spark-app-selector", context.applicationId)
            for pod in pods.withLabel("spark-role", "executor").list().getItems():
                yield f"{pod.getMetadata().getName()}: {'; '.join(_kept_by(pod.getStatus())) or pod.getStatus().getPhase()}"
        except Py4JError as error:
            yield f"the API server does not say: {str(error).splitlines()[0]}"
        finally:
            client.close()


def _kept_by(status: Any) -> Iterator[str]:
    for condition in status.getConditions():
        if condition.getStatus() == "False" and condition.getMessage():
            yield condition.getMessage()
    for container in status.getContainerStatuses():
        waiting = container.getState().getWaiting()
        if waiting is not None:
            yield " ".join(filter(None, (waiting.getReason(), waiting.getMessage())))
