"""Every feature in plain English, from its definition: `python -m spark_jobs.feature_reference docs/reference/features.md`."""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from contract import Label, Transaction
from spark_jobs import features
from spark_jobs.aggregations import PROFILES, GroupBy
from spark_jobs.features import FEATURE_COLUMNS, FEATURE_SET, GROUPS, ROW_FEATURES
from spark_jobs.schema import KIND_OF
from spark_jobs.vocabulary import Aggregation, Operation, Output, RowFeature, short, spoken

MONEY = "currency"
DATE = "days since 1970-01-01"
_NOUNS = {
    "amount": ("amount", "amounts", MONEY),
    "card_id": ("card", "cards", ""),
    "terminal_id": ("terminal", "terminals", ""),
    "device_id": ("device", "devices", ""),
    "currency": ("currency", "currencies", ""),
    "latitude": ("latitude", "latitudes", "degrees"),
    "longitude": ("longitude", "longitudes", "degrees"),
    "home_latitude": ("latitude of the holder's home", "", "degrees"),
    "home_longitude": ("longitude of the holder's home", "", "degrees"),
    "signup_date": ("holder's first day as a customer", "", DATE),
    "onboarding_date": ("first day of acceptance", "", DATE),
}
"""How sentences call a column, one and many of it, and its unit."""

_INTRODUCTION = """\
# Features

The {count} features of feature set `{name}`: what the model and the rules know about a transaction besides its own fields.
`make schemas` writes this page from [`spark_jobs/features.py`](../../spark_jobs/features.py); `fraud features` lists the same, and
[shows what a checkpoint holds of a card or terminal](../how-to/explain-a-feature.md).

## Semantics
"""
_READING = f"""
Every value is a double. Unit *{MONEY}*: that of the amounts, which are taken as they are; nothing is converted between currencies.
A card that pays in several currencies needs `billing_amount`, what its holder is charged, or its sums and means add up unlike
things. How many payments that concerns is counted by `fraud_mixed_currency_payments_total` ([metrics](metrics.md)): it should be 0.
A model has one input beside the features, `amount`: the payment's own, in the currency in which it was made.
*Range*: what a value can be, which the tests assert of every row.
*Absent*: null, and left out of a scored record's `features`; in a rule a comparison with it is no. A dash: it never is.
"""


@dataclass(frozen=True)
class Described:
    """One feature, or a value that features are made of, for people and scripts. `absent` empty: it always has a value."""

    name: str
    sentence: str
    unit: str
    range: str
    absent: str
    kind: str
    """`row`, or the operation: count, average, ..."""
    group: str | None
    """The group's name: card, terminal; null for a feature of one row."""
    window: str | None
    delay: str | None
    of: tuple[str, ...]
    """What it is made of: kinds of events, for a feature of one row fields and values."""
    feature: bool

    def json(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return asdict(self)


def described() -> tuple[Described, ...]:
    """Returns all features in the order of FEATURE_COLUMNS, then the values that are none themselves."""
    values = [_of_output(group, output) for group in GROUPS for output in group.outputs]
    everything = {one.name: one for one in (*map(_of_row, ROW_FEATURES), *values)}
    return (*(everything[name] for name in FEATURE_COLUMNS), *(one for one in values if not one.feature))


def of_group(group: GroupBy) -> dict[str, Described]:
    """Returns what a group computes, by name, in the kernel's order."""
    return {output.name: _of_output(group, output) for output in group.outputs}


def render() -> str:
    """Returns the reference page."""
    everything = described()
    return "\n".join(
        (
            _INTRODUCTION.format(count=len(FEATURE_COLUMNS), name=FEATURE_SET),
            inspect.cleandoc(features.__doc__ or "").split("\n\n", 2)[2],
            _READING,
            "## Of one row",
            "",
            "Spark SQL over the transaction's fields and the values below.",
            "",
            *_table(
                ("feature", "meaning", "unit", "range", "absent where", "made of"),
                ((*_start(one), ", ".join(f"`{name}`" for name in one.of)) for one in everything if one.kind == "row"),
            ),
            *(line for group in GROUPS for line in _section(group)),
        )
    )


def _section(group: GroupBy) -> Iterator[str]:
    values = of_group(group).values()
    yield from ("", f"## Per {group.name}", "")
    yield f"Key `{group.key}`; plan `{group.plan_hash[:16]}`, which names the state in a checkpoint."
    yield from ("", *_table(_COLUMNS, (_cells(one) for one in values if one.feature)))
    yield from ("", f"Kept per {group.name} for features of one row, and no features themselves:", "")
    yield from _table(_COLUMNS, (_cells(one) for one in values if not one.feature))


_COLUMNS = ("feature", "meaning", "unit", "range", "absent where", "kind", "window", "delay", "of")


def _start(one: Described) -> tuple[str, ...]:
    return f"`{one.name}`", one.sentence, one.unit, one.range, one.absent or "-"


def _cells(one: Described) -> tuple[str, ...]:
    return (*_start(one), one.kind, one.window or "-", one.delay or "-", ", ".join(one.of))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |".replace("| --- ", "|---").replace("--- |", "---|")


def _of_row(one: RowFeature) -> Described:
    known = {*Transaction.__slots__, *(output.name for group in GROUPS for output in group.outputs)}
    names = tuple(dict.fromkeys(name for name in re.findall(r"\w+", one.expression) if name in known))
    return Described(one.name, one.meaning, one.unit, str(one.range), one.absent, "row", None, None, None, names, True)


def _of_output(group: GroupBy, output: Output) -> Described:
    one, window = output.aggregation, output.window
    return Described(
        name=output.name,
        sentence=_sentence(group.name, one, window),
        unit=_unit(one),
        range=str(output.range),
        absent=_absent(group.name, one),
        kind=one.operation.name.lower(),
        group=group.name,
        window=short(window) if window else None,
        delay=short(one.delay) if one.delay else None,
        of=(f"{KIND_OF[one.of]} {one.where.name}" if one.where else KIND_OF[one.of],),
        feature=output.feature,
    )


def _sentence(key: str, one: Aggregation, window: timedelta | None) -> str:
    noun, plural, _ = _noun(one)
    if window is None:
        return f"{noun[0].upper()}{noun[1:]}, by the newest profile that has arrived"
    events = f"the {key}'s {_events(one, 'transactions')} {_when(one, window)}"
    before = f"the {key}'s last {_events(one, 'transaction')} {_before(one, window)}"
    return {
        Operation.COUNT: f"Number of {events}",
        Operation.SUM: f"Sum of the {plural} of {events}",
        Operation.AVERAGE: f"Mean {noun} of {events}",
        Operation.PAST_AVERAGE: f"Mean {noun} of the {key}'s {_events(one, 'transactions')} {_before(one, window)}",
        Operation.VARIANCE: f"Population variance of the {plural} of {events}",
        Operation.MIN: f"Smallest {noun} of {events}",
        Operation.MAX: f"Largest {noun} of {events}",
        Operation.LAST: f"{noun[0].upper()}{noun[1:]} of {before}",
        Operation.UNIQUE_COUNT: f"Number of different {plural} among {events}",
        Operation.COUNT_SAME: f"Number of {events}, that have the same {noun} as this one",
        Operation.SECONDS_SINCE_LAST: f"Seconds since {before}",
    }[one.operation]


def _events(one: Aggregation, noun: str) -> str:
    if one.of is Label:
        return f"{noun} known to be {one.where.name}" if one.where else f"labelled {noun}"
    return f"{one.where.name} {noun}" if one.where else noun


def _when(one: Aggregation, window: timedelta) -> str:
    if one.delay:
        ends = "end" if spoken(window)[0].isdigit() else "ends"
        return f"in the {spoken(window)} that {ends} {_ago(one.delay)} before this one"
    this = f"this one included if {one.where.name}" if one.where else "this one included"
    return f"in the last {spoken(window)}" + (f", {this}" if one.of is Transaction else "")


def _ago(span: timedelta) -> str:
    words = spoken(span)
    return words if words[0].isdigit() else f"{'an' if words == 'hour' else 'a'} {words}"


def _before(one: Aggregation, window: timedelta) -> str:
    when = _when(one, window) if one.delay or one.of is Label else f"before this one, within the last {spoken(window)}"
    return f"that has one, {when}" if one.operation is Operation.LAST else when


def _noun(one: Aggregation) -> tuple[str, str, str]:
    return _NOUNS.get(one.field, (f"`{one.field}`", f"values of `{one.field}`", ""))


def _unit(one: Aggregation) -> str:
    _, plural, unit = _noun(one)
    if one.operation in (Operation.COUNT, Operation.COUNT_SAME):
        return "transactions"
    if one.operation is Operation.UNIQUE_COUNT:
        return plural
    if one.operation is Operation.SECONDS_SINCE_LAST:
        return "seconds"
    return f"{unit}, squared" if one.operation is Operation.VARIANCE else unit


def _absent(key: str, one: Aggregation) -> str:
    if one.of in PROFILES:
        return "the profile has not arrived"
    if one.operation in (Operation.COUNT, Operation.SUM, Operation.UNIQUE_COUNT):
        return ""
    if one.operation in (Operation.LAST, Operation.SECONDS_SINCE_LAST, Operation.PAST_AVERAGE):
        return "there is none"
    always = next((field.default is MISSING for field in fields(one.of) if field.name == one.field), True)
    if one.operation is Operation.COUNT_SAME:
        return "" if always else f"this one has no {_noun(one)[0]}"
    return "" if always and one.of is Transaction and not one.where and not one.delay else f"the {key} has none"


RANGES = {one.name: one.range for one in ROW_FEATURES} | {one.name: one.range for group in GROUPS for one in group.outputs}
"""What each value can be."""
MAY_BE_ABSENT = frozenset(one.name for one in described() if one.absent)
"""The others always have a value."""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render() + "\n")
