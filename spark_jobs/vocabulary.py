"""The words of features.py, Chronon's: operations over windows, of the columns and under the conditions that one names."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from contract import Transaction
from contract.scalars import PRECISION, SCALE

_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)), ("s", timedelta(seconds=1)))


class Operation(Enum):
    """What is computed of the events in a window."""

    COUNT = "number"
    SUM = "sum"
    AVERAGE = "mean"
    PAST_AVERAGE = "mean without the current event"
    VARIANCE = "population variance"
    MIN = "smallest value"
    MAX = "largest value"
    LAST = "last value before the current event"
    UNIQUE_COUNT = "number of different values"
    COUNT_SAME = "number of events with the current event's value"
    SECONDS_SINCE_LAST = "seconds since the last event before the current one"


def minutes(number: int) -> timedelta:
    """Returns a window of minutes."""
    return timedelta(minutes=number)


def hours(number: int) -> timedelta:
    """Returns a window of hours."""
    return timedelta(hours=number)


def days(number: int) -> timedelta:
    """Returns a window of days."""
    return timedelta(days=number)


@dataclass(frozen=True)
class Range:
    """What a value can be, both ends included; None: without end. A value is always finite."""

    least: float | None = None
    greatest: float | None = None

    def __str__(self) -> str:
        """Returns it for people."""
        if self.least is None:
            return "any" if self.greatest is None else f"up to {self.greatest:,g}"
        return f"from {self.least:,g}" if self.greatest is None else f"{self.least:,g} to {self.greatest:,g}"


_LATITUDES, _LONGITUDES = Range(-90, 90), Range(-180, 180)
_RANGES = {
    "amount": Range(0, 10 ** (PRECISION - SCALE)),
    **{"latitude": _LATITUDES, "home_latitude": _LATITUDES, "longitude": _LONGITUDES, "home_longitude": _LONGITUDES},
}
"""Of single values and their means, by the column."""


@dataclass(frozen=True)
class Derived:
    """A column that is computed: a Spark SQL expression over one kind's fields, `kind.field`, of the type of the field `name`."""

    name: str
    sql: str


@dataclass(frozen=True)
class Condition:
    """Which events count: a Spark SQL boolean expression over one kind's fields, `kind.field`; null is no."""

    name: str
    sql: str


@dataclass(frozen=True)
class Aggregation:
    """One operation over some windows. `feature` false: an intermediate value that ROW_FEATURES use, no feature itself."""

    operation: Operation
    column: str | Derived | None = None
    windows: tuple[timedelta, ...] = ()
    of: type = Transaction
    where: Condition | None = None
    delay: timedelta = timedelta(0)
    feature: bool = True

    @property
    def field(self) -> str:
        """The name of the column; empty if there is none."""
        return self.column.name if isinstance(self.column, Derived) else self.column or ""


@dataclass(frozen=True)
class Output:
    """One value that the kernel computes for a transaction: an aggregation over one of its windows, none for a profile's."""

    name: str
    aggregation: Aggregation
    window: timedelta | None

    @property
    def range(self) -> Range:
        """What it can be, wherever the events' fields are what the contract says."""
        one = self.aggregation
        match one.operation:
            case Operation.COUNT:
                return Range(0 if one.of is not Transaction or one.where or one.delay else 1)
            case Operation.COUNT_SAME:
                return Range(1)
            case Operation.SUM | Operation.VARIANCE | Operation.UNIQUE_COUNT:
                return Range(0)
            case Operation.SECONDS_SINCE_LAST:
                ends = (one.delay, one.delay + (self.window or timedelta(0)))
                return Range(*(end.total_seconds() for end in ends))
        return _RANGES.get(one.field, Range())

    @property
    def feature(self) -> bool:
        """Whether it is a feature, and not only what ROW_FEATURES are made of."""
        return self.aggregation.feature


@dataclass(frozen=True)
class RowFeature:
    """A feature of one row: a Spark SQL expression over the transaction's fields and what the kernel computed.

    `absent` is where it has no value; never, if that is empty.
    """

    name: str
    expression: str
    meaning: str
    unit: str
    range: Range
    absent: str = ""


def short(span: timedelta) -> str:
    """Returns a span as names have it: 10m, 1h, 30d; the largest unit that fits without a rest."""
    for unit, length in _UNITS:
        if span % length == timedelta(0) and span:
            return f"{span // length}{unit}"
    return f"{span // timedelta(microseconds=1)}us" if span else "0s"


def spoken(span: timedelta) -> str:
    """Returns a span as sentences have it after "the last": 10 minutes, hour, 30 days."""
    for word, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if span % length == timedelta(0):
            return word if span == length else f"{span // length} {word}s"
    return f"{span.total_seconds():g} seconds"
