"""The named errors of the laptop's programs."""

from configuration import FraudDetectionError


class MissingJars(FraudDetectionError):
    """A server's jars are not there, or not the pinned ones."""


class MissingProgram(FraudDetectionError):
    """A server that the distribution has is not installed."""


class UnknownStore(FraudDetectionError):
    """`fraud up --with` names a store that it cannot start."""


class ServerFailed(FraudDetectionError):
    """The broker, the S3 server or the database did not start."""


class PortTaken(FraudDetectionError):
    """Another program listens on the port."""


class DemoFailed(FraudDetectionError):
    """One of the demo's programs ended early."""


class NotRunning(FraudDetectionError):
    """The broker does not run."""


class NothingToSubmit(FraudDetectionError):
    """The manifests hold no job for Ilum."""


class IlumUnreachable(FraudDetectionError):
    """Ilum does not answer."""


class IlumRefused(FraudDetectionError):
    """Ilum answers, and does not take the job."""


class JobEnded(FraudDetectionError):
    """Ilum took the job, and it failed or was cancelled before it ran."""


class NothingToCheck(FraudDetectionError):
    """There are no records of which `fraud check` could tell anything."""


class NoRecords(FraudDetectionError):
    """Kafka does not hand out records of a topic."""


class NoLetter(FraudDetectionError):
    """There is no dead letter of that record."""


class NotReplayed(FraudDetectionError):
    """Kafka has not taken a replay."""


class QueryRefused(FraudDetectionError):
    """DuckDB does not answer a query."""


class NoChannel(FraudDetectionError):
    """The notifier's settings have no such channel."""


class NoSink(FraudDetectionError):
    """The settings have no such database."""
