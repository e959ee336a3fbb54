"""What can be wrong when the watcher starts."""

from configuration import FraudDetectionError


class NoClient(FraudDetectionError):
    """No Kafka client can be made of the settings under `kafka`."""
