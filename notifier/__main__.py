"""`python -m notifier` sends the detector's alerts to people and to machines; `--help` lists its settings."""

import sys
from collections.abc import Sequence

import structlog
from prometheus_client import CollectorRegistry

from configuration import FraudDetectionError, report, stop_signals
from configuration.serving import serving
from notifier.notify import Notifier
from notifier.settings import NotifierSettings

log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 asked to stop, 1 an error."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        settings = NotifierSettings.load(sys.argv[1:] if arguments is None else arguments, "python -m notifier")
        registry = CollectorRegistry()
        notifier = Notifier(settings, registry)
        address = settings.metrics
        with stop_signals() as stop, serving(registry, address.host, address.port, notifier.works) as port:
            log.info("notifier started", metrics=f"http://{address.host}:{port}/metrics")
            notifier.run(stop)
    except FraudDetectionError as error:
        return report(error)
    log.info("notifier stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
