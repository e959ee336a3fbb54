"""The named errors of the checks of a day."""

from configuration import FraudDetectionError


class DayNotClosed(FraudDetectionError):
    """A day is not over, so that what it lacks may still come."""


class UnwritableReport(FraudDetectionError):
    """A report cannot be written to its file."""


class KafkaNotRead(FraudDetectionError):
    """Where the check runs, nothing reads Kafka."""
