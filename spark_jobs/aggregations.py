"""The vocabulary of features.py, Chronon's: GroupBy, Aggregation, Operation, windows. Everything is checked when it is made.

A GroupBy compiles to two things: SQL that makes the kernel's input of an event, and a JSON plan that tells the kernel what to keep
and to compute. The plan's hash names the kernel's state: another plan cannot read it.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any

from contract import Customer, Merchant, Transaction
from contract.fields import fields_of
from contract.scalars import SCALE
from spark_jobs.errors import InvalidFeature
from spark_jobs.schema import KIND_OF

PROFILES = (Customer, Merchant)
_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)), ("s", timedelta(seconds=1)))


class Operation(Enum):
    """What is computed of the events in a window."""

    COUNT = "number"
    SUM = "sum"
    AVERAGE = "mean"
    VARIANCE = "population variance"
    MIN = "smallest value"
    MAX = "largest value"
    LAST = "last value before the current event"
    UNIQUE_COUNT = "number of different values"
    COUNT_SAME = "number of events with the current event's value"
    SECONDS_SINCE_LAST = "seconds since the last event before the current one"


_TAKES: dict[Operation, tuple[Any, ...]] = {
    Operation.SUM: (Decimal,),
    Operation.AVERAGE: (Decimal,),
    Operation.VARIANCE: (Decimal,),
    Operation.MIN: (Decimal, float),
    Operation.MAX: (Decimal, float),
    Operation.LAST: (Decimal, float, date),
    Operation.UNIQUE_COUNT: (str,),
    Operation.COUNT_SAME: (str,),
}
"""Types of the column, for the operations that take one. Sums take decimals alone: those of doubles depend on the order."""


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
class Condition:
    """Which events count: a Spark SQL boolean expression over one kind's fields, `kind.field`; null is no."""

    name: str
    sql: str


@dataclass(frozen=True)
class Aggregation:
    """One operation over some windows. `feature` false: an intermediate value that ROW_FEATURES use, no feature itself."""

    operation: Operation
    column: str | None = None
    windows: tuple[timedelta, ...] = ()
    of: type = Transaction
    where: Condition | None = None
    delay: timedelta = timedelta(0)
    feature: bool = True


@dataclass(frozen=True)
class Output:
    """One value that the kernel computes for a transaction: an aggregation over one of its windows, none for a profile's."""

    name: str
    aggregation: Aggregation
    window: timedelta | None

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
    absent: str = ""


@dataclass(frozen=True)
class GroupBy:
    """The events of one key and what is computed of them; `retention` is how long an event can matter.

    Raises:
        InvalidFeature: when it is made, with what is wrong and what to do.
    """

    name: str
    key: str
    retention: timedelta
    aggregations: tuple[Aggregation, ...]

    def __post_init__(self) -> None:
        for one in self.aggregations:
            self._check(one)
        if twice := _twice([output.name for output in self.outputs]):
            raise InvalidFeature(f"{self.name}: two aggregations are called {twice}", "Remove one.")

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """What the kernel computes, in its order."""
        return tuple(Output(self._name(one, window), one, window) for one, window in self._windowed())

    @cached_property
    def plan(self) -> str:
        """What the kernel is told, as canonical JSON; times in microseconds."""
        types = [self._type(of, column) for of, column in self._values]
        return json.dumps(
            {
                "key": self.key,
                "values": [
                    {"name": f"{KIND_OF[of]}.{column}", "type": kind, **({"scale": SCALE} if kind == "fixed" else {})}
                    for (of, column), kind in zip(self._values, types, strict=True)
                ],
                "aggregations": [
                    {
                        "name": self._name(one, window),
                        "operation": one.operation.name,
                        "of": "profile" if one.of in PROFILES else KIND_OF[one.of],
                        "value": None if one.column is None else self._values.index((one.of, one.column)),
                        "where": None if one.where is None else self._conditions.index(one.where),
                        "window": None if window is None else _microseconds(window),
                        "delay": _microseconds(one.delay),
                    }
                    for one, window in self._windowed()
                ],
            },
            separators=(",", ":"),
            sort_keys=True,
        )

    @property
    def plan_hash(self) -> str:
        """SHA-256 of the plan in hexadecimal: what the kernel's state is marked with."""
        return hashlib.sha256(self.plan.encode()).hexdigest()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of events that are kept: transactions first."""
        used = {one.of for one in self.aggregations} | {Transaction}
        return tuple(name for kind, name in KIND_OF.items() if kind in used)

    @property
    def value_expressions(self) -> Iterator[str]:
        """The kernel's values of an event, in the plan's order, as SQL; null where the event is of another kind."""
        for of, column in self._values:
            value = f"{KIND_OF[of]}.{column}"
            yield {
                "fixed": value,
                "double": f"double(unix_date({value}))" if self._python(of, column) is date else value,
                "hash": f"IF({value} IS NULL, NULL, xxhash64({value}))",
            }[self._type(of, column)]

    @property
    def mask_expression(self) -> str:
        """The kernel's mask of an event as SQL: one bit for each condition that holds."""
        bits = (f"IF({one.sql}, {1 << bit}L, 0L)" for bit, one in enumerate(self._conditions))
        return " + ".join(("0L", *bits))

    @cached_property
    def _values(self) -> tuple[tuple[type, str], ...]:
        return tuple(dict.fromkeys((one.of, one.column) for one in self.aggregations if one.column is not None))

    @cached_property
    def _conditions(self) -> tuple[Condition, ...]:
        return tuple(dict.fromkeys(one.where for one in self.aggregations if one.where is not None))

    def _windowed(self) -> Iterator[tuple[Aggregation, timedelta | None]]:
        for one in self.aggregations:
            for window in one.windows or (None,):
                yield one, window

    def _python(self, of: type, column: str) -> type:
        return next(one.scalar.python for one in fields_of(of) if one.name == column)

    def _type(self, of: type, column: str) -> str:
        return {Decimal: "fixed", str: "hash"}.get(self._python(of, column), "double")

    def _name(self, one: Aggregation, window: timedelta | None) -> str:
        parts = [self.name, one.where.name if one.where else "", one.operation.name.lower(), one.column or ""]
        parts += [short(window) if window else "", f"delay_{short(one.delay)}" if one.delay else ""]
        return "_".join(filter(None, parts))

    def _check(self, one: Aggregation) -> None:
        where = f"{self.name}: {one.operation.name}" + (f" of {one.column}" if one.column else "")
        self._check_fields(one, where)
        if one.of in PROFILES:
            if one.operation is not Operation.LAST or one.windows or one.delay or one.where:
                raise InvalidFeature(f"{where}: of a profile only the newest is kept", "Use LAST, without windows.")
            return
        if not one.windows:
            raise InvalidFeature(f"{where}: over which windows?", "Name at least one.")
        for window in one.windows:
            if window <= timedelta(0) or one.delay < timedelta(0) or window + one.delay > self.retention:
                raise InvalidFeature(
                    f"{where}: window {short(window)} with delay {short(one.delay)} does not fit into the retention of "
                    f"{short(self.retention)}",
                    "Shorten it, or raise the retention; state grows with it.",
                )

    def _check_fields(self, one: Aggregation, where: str) -> None:
        known = sorted(field.name for field in fields_of(one.of))
        if one.column is None and one.operation in _TAKES:
            raise InvalidFeature(f"{where}: of which column?", "Name one.")
        if one.column is not None:
            if one.column not in known:
                raise InvalidFeature(f"{where}: {one.of.__name__} has no column {one.column}", f"It has: {', '.join(known)}.")
            takes = _TAKES.get(one.operation)
            if takes and self._python(one.of, one.column) not in takes:
                allowed = ", ".join(kind.__name__ for kind in takes)
                raise InvalidFeature(f"{where}: the column's type does not fit", f"It takes: {allowed}.")
        for kind, field in re.findall(r"\b([a-z]+)\.(\w+)", one.where.sql if one.where else ""):
            if kind != KIND_OF[one.of] or field not in known:
                raise InvalidFeature(f"{where}: the condition names {kind}.{field}", f"Name fields of {KIND_OF[one.of]}.")


def check_row_features(features: Sequence[RowFeature], known: Collection[str]) -> None:
    """Looks at the names of row features against the transaction's fields and the kernel's outputs.

    Raises:
        InvalidFeature: a name is taken already.
    """
    if twice := _twice([*known, *(one.name for one in features)]):
        raise InvalidFeature(f"Two features or fields are called {twice}", "Rename one.")


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


def distance_km(latitude: str, longitude: str, to_latitude: str, to_longitude: str) -> str:
    """Returns the great-circle distance as SQL: the haversine formula on a sphere of 6,371 km."""
    half_latitude = f"pow(sin(radians({to_latitude} - {latitude}) / 2), 2)"
    half_longitude = f"pow(sin(radians({to_longitude} - {longitude}) / 2), 2)"
    chord = f"{half_latitude} + cos(radians({latitude})) * cos(radians({to_latitude})) * {half_longitude}"
    # Rounding may carry it over 1. LEAST would pass over a null, and make half the globe's girth of a place that is not known.
    return f"(2 * 6371 * asin(sqrt(IF({chord} > 1, 1, {chord}))))"


def _twice(names: Sequence[str]) -> str:
    """Returns the names that are there more than once, with commas between; empty where there are none."""
    return ", ".join(sorted({name for name in names if names.count(name) > 1}))


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
