"""What is computed of the events of one key, in the words of vocabulary.py. Everything is checked when it is made.

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
from functools import cached_property
from typing import Any

from contract import Customer, Merchant, Transaction
from contract.fields import fields_of
from contract.scalars import SCALE
from spark_jobs.errors import InvalidFeature
from spark_jobs.schema import KIND_OF
from spark_jobs.vocabulary import Aggregation, Condition, Derived, Operation, Output, RowFeature, short

PROFILES = (Customer, Merchant)

_TAKES: dict[Operation, tuple[Any, ...]] = {
    Operation.SUM: (Decimal,),
    Operation.AVERAGE: (Decimal,),
    Operation.PAST_AVERAGE: (Decimal,),
    Operation.VARIANCE: (Decimal,),
    Operation.MIN: (Decimal, float),
    Operation.MAX: (Decimal, float),
    Operation.LAST: (Decimal, float, date),
    Operation.UNIQUE_COUNT: (str,),
    Operation.COUNT_SAME: (str,),
}
"""Types of the column, for the operations that take one. Sums take decimals alone: those of doubles depend on the order."""


@dataclass(frozen=True)
class GroupBy:
    """The events of one key and what is computed of them.

    `retention` is how long before the key's newest transaction they are kept. By what it is longer than the longest window and its
    delay an event may be late, or another one ahead of its time, and every window is still whole.

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
                "retention": _microseconds(self.retention),
                "values": [
                    {"name": _sql(of, column), "type": kind, **({"scale": SCALE} if kind == "fixed" else {})}
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
            value = _sql(of, column)
            yield {
                "fixed": value,
                "double": f"double(unix_date({value}))" if self._python(of, column) is date else value,
                "hash": f"IF({value} IS NULL, NULL, xxhash64({value}))",
            }[self._type(of, column)]

    @property
    def condition_expressions(self) -> Iterator[str]:
        """The conditions that the plan knows by their number alone, as SQL, in that order."""
        return (one.sql for one in self._conditions)

    @property
    def mask_expression(self) -> str:
        """The kernel's mask of an event as SQL: one bit for each condition that holds."""
        bits = (f"IF({sql}, {1 << bit}L, 0L)" for bit, sql in enumerate(self.condition_expressions))
        return " + ".join(("0L", *bits))

    @cached_property
    def _values(self) -> tuple[tuple[type, str | Derived], ...]:
        return tuple(dict.fromkeys((one.of, one.column) for one in self.aggregations if one.column is not None))

    @cached_property
    def _conditions(self) -> tuple[Condition, ...]:
        return tuple(dict.fromkeys(one.where for one in self.aggregations if one.where is not None))

    def _windowed(self) -> Iterator[tuple[Aggregation, timedelta | None]]:
        for one in self.aggregations:
            for window in one.windows or (None,):
                yield one, window

    def _python(self, of: type, column: str | Derived) -> type:
        name = column.name if isinstance(column, Derived) else column
        return next(one.scalar.python for one in fields_of(of) if one.name == name)

    def _type(self, of: type, column: str | Derived) -> str:
        return {Decimal: "fixed", str: "hash"}.get(self._python(of, column), "double")

    def _name(self, one: Aggregation, window: timedelta | None) -> str:
        parts = [self.name, one.where.name if one.where else "", one.operation.name.lower(), one.field]
        parts += [short(window) if window else "", f"delay_{short(one.delay)}" if one.delay else ""]
        return "_".join(filter(None, parts))

    def _check(self, one: Aggregation) -> None:
        where = f"{self.name}: {one.operation.name}" + (f" of {one.field}" if one.column else "")
        self._check_fields(one, where)
        if one.of in PROFILES:
            if one.operation is not Operation.LAST or one.windows or one.delay or one.where:
                raise InvalidFeature(f"{where}: of a profile only the newest is kept", "Use LAST, without windows.")
            return
        if not one.windows:
            raise InvalidFeature(f"{where}: over which windows?", "Name at least one.")
        if one.operation is Operation.PAST_AVERAGE and (one.delay or one.of is not Transaction):
            raise InvalidFeature(f"{where}: it leaves out the current transaction", "Use AVERAGE, or no delay.")
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
            if one.field not in known:
                raise InvalidFeature(f"{where}: {one.of.__name__} has no column {one.field}", f"It has: {', '.join(known)}.")
            takes = _TAKES.get(one.operation)
            if takes and self._python(one.of, one.column) not in takes:
                allowed = ", ".join(kind.__name__ for kind in takes)
                raise InvalidFeature(f"{where}: the column's type does not fit", f"It takes: {allowed}.")
        texts = {
            "condition": one.where.sql if one.where else "",
            "column": one.column.sql if isinstance(one.column, Derived) else "",
        }
        for what, text in texts.items():
            for kind, field in re.findall(r"\b([a-z]+)\.(\w+)", text):
                if kind != KIND_OF[one.of] or field not in known:
                    raise InvalidFeature(f"{where}: the {what} names {kind}.{field}", f"Name fields of {KIND_OF[one.of]}.")


def _sql(of: type, column: str | Derived) -> str:
    return column.sql if isinstance(column, Derived) else f"{KIND_OF[of]}.{column}"


def check_row_features(features: Sequence[RowFeature], known: Collection[str]) -> None:
    """Looks at the names of row features against the transaction's fields and the kernel's outputs.

    Raises:
        InvalidFeature: a name is taken already.
    """
    if twice := _twice([*known, *(one.name for one in features)]):
        raise InvalidFeature(f"Two features or fields are called {twice}", "Rename one.")


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
