"""Names of the metrics that our programs serve."""

from prometheus_client import CollectorRegistry

from notifier.metrics import NotifierMetrics
from spark_jobs.archive_metrics import ArchiveMetrics
from spark_jobs.metrics import StreamMetrics
from watcher.metrics import WatchMetrics
from watcher.settings import WatcherSettings
from watcher.watch import Watcher


def served() -> set[str]:
    """Returns the names as Prometheus has them, counters with and without samples yet."""
    registry = CollectorRegistry()
    StreamMetrics(registry)
    ArchiveMetrics(registry, ["lake"])
    Watcher(WatcherSettings(), WatchMetrics(registry))
    NotifierMetrics(registry, ["desk"]).up_to_date(lambda: True)
    found = list(registry.collect())
    names = {name for metric in found for name in (metric.name, *(sample.name for sample in metric.samples))}
    return names | {f"{metric.name}_total" for metric in found if metric.type == "counter"}
