"""How long garbage collection takes in Spark's Java processes, as each tells the driver with its heartbeats, every ten seconds."""

import time

from pyspark.sql import SparkSession

from spark_jobs.metrics import StreamMetrics

LOOK_S = 10.0
TAKEN = "TotalGCTime"
"""Spark's name of the milliseconds that all collectors of a process have taken. Of ZGC most of it passes beside the work."""


class Garbage:
    """Tells the metrics, by executor. Where all is one process, it is called driver."""

    def __init__(self, session: SparkSession, metrics: StreamMetrics) -> None:
        self._store = session.sparkContext._jsc.sc().statusStore()
        self._metrics = metrics
        self._looked_at = -LOOK_S

    def look(self) -> None:
        """Looks again once LOOK_S has passed since the last time. An executor that has ended is told no more."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        executors = self._store.executorList(True)
        taken = {}
        for executor in (executors.apply(number) for number in range(executors.size())):
            peaks = executor.peakMemoryMetrics()  # of what only grows the highest value is the newest
            if peaks.isDefined():
                taken[str(executor.id())] = peaks.get().getMetricValue(TAKEN) / 1000
        self._metrics.garbage(taken)
