"""`python -m watcher` serves live metrics of the topics that a detector reads and writes; `--help` lists its settings."""

import sys
from collections.abc import Sequence

import structlog
from prometheus_client import CollectorRegistry

from configuration import FraudDetectionError, in_url, report, stop_signals
from configuration.serving import serving
from watcher.metrics import WatchMetrics
from watcher.settings import WatcherSettings
from watcher.watch import Watcher

log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 asked to stop, 1 an error."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        settings = WatcherSettings.load(sys.argv[1:] if arguments is None else arguments, "python -m watcher")
        registry = CollectorRegistry()
        watcher = Watcher(settings, WatchMetrics(registry))
        address = settings.metrics
        with stop_signals() as stop, serving(registry, address.host, address.port, watcher.works) as port:
            log.info("watcher started", metrics=f"http://{in_url(address.host)}:{port}/metrics")
            watcher.run(stop)
    except FraudDetectionError as error:
        return report(error)
    log.info("watcher stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
