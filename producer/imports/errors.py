"""The named errors of the import. They name files, lines, columns and fields, never what stands there."""

from configuration import FraudDetectionError


class UnreadableFile(FraudDetectionError):
    """A file cannot be read, or is no CSV with a header."""


class MappingRefused(FraudDetectionError):
    """An expression cannot work, a field is unknown, or a required one is missing."""


class CardNumbers(FraudDetectionError):
    """A column holds card numbers, and there is no key to make tokens of them."""


class NothingImported(FraudDetectionError):
    """Not one record of the files is a valid transaction."""
