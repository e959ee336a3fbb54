"""The named errors of the producer."""

from configuration import FraudDetectionError


class NotDelivered(FraudDetectionError):
    """Kafka did not accept all records."""


class TopicRefused(FraudDetectionError):
    """Kafka does not create a topic."""


class CannotWrite(FraudDetectionError):
    """The ledger or the data set's folder cannot be written."""


class FolderInUse(FraudDetectionError):
    """The data set's folder holds one already."""


class NoAlert(FraudDetectionError):
    """The detector gave no alert for a probe."""
