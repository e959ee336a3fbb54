"""The named errors of the producer."""

from configuration import FraudDetectionError


class NotDelivered(FraudDetectionError):
    """Kafka did not accept all records."""
