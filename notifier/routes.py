"""Which alerts go to which channels."""

from collections.abc import Sequence

from contract import Alert
from notifier.settings import Route


def channels_of(alert: Alert, routes: Sequence[Route]) -> list[str]:
    """Returns the channels of all routes that take the alert, each once, in the routes' order."""
    return list(dict.fromkeys(name for route in routes if _takes(route, alert) for name in route.channels))


def _takes(route: Route, alert: Alert) -> bool:
    return (
        (not route.decisions or alert.decision in route.decisions)
        and (not route.rules or not set(route.rules).isdisjoint(alert.rules))
        and (route.min_amount is None or alert.amount >= route.min_amount)
        and (route.min_score is None or (alert.fraud_score is not None and alert.fraud_score >= route.min_score))
    )
