"""What can go wrong in the notifier."""

from configuration import FraudDetectionError


class UnusableChannel(FraudDetectionError):
    """A channel's file cannot be read, or what it holds is of no use."""


class UnusableOutbox(FraudDetectionError):
    """The outbox's database cannot be reached, or refuses what is asked."""


class GroupRefused(FraudDetectionError):
    """Kafka does not let the notifier read alerts in its consumer group."""


class AnotherNotifier(FraudDetectionError):
    """A second notifier reads the alerts in the same consumer group, and Kafka has shut this one out."""


class NotDelivered(Exception):
    """A server has not taken a message, or nobody knows whether it has. `why` holds no value and no secret."""

    def __init__(self, why: str, *, gone: bool = False) -> None:
        """`gone`: the receiver says that the address will never take a message again."""
        super().__init__(why)
        self.why, self.gone = why, gone
