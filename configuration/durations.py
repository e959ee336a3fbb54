"""Durations as people write them: `250ms`, `30s`, `5m`, `12h`, `14d`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
PATTERN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse(value: Any) -> timedelta:
    """Returns the duration that a text such as `14d` names; a timedelta is returned as it is.

    Raises:
        ValueError: the text is no number with a unit.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (found := PATTERN.fullmatch(value.strip())):
        return timedelta(**{UNITS[found[2]]: float(found[1])})
    raise ValueError("a duration is a number with a unit: 250ms, 30s, 5m, 12h or 14d")


def text(value: timedelta) -> str:
    """Returns the shortest text that `parse` reads back as `value`."""
    milliseconds = round(value.total_seconds() * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse),
    PlainSerializer(text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{PATTERN.pattern}$"}),
]
"""A settings field that holds a duration."""
