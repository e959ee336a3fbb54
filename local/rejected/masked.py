"""A dead letter as a person may see it: every name and every form, no value."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from local.check.report import shape
from local.rejected.letters import Letter
from spark_jobs.transforms.decode import REASON_CODES

MOST_FIELDS = 200
MOST_LETTERS = 60
BEGINNING = 4
"""Bytes that are shown of a value that is no text: how formats begin, and too few for a card number."""
_MANY_DIGITS = re.compile(r"\d(?:[ -]?\d){4,}")


def masked(letter: Letter) -> dict[str, Any]:
    """Returns what is known of a letter, as `--json` prints it; digits of values are 9, letters a or A."""
    of = letter.rejected
    return {
        "place": visible(letter.place),
        "rejected_at": letter.at.isoformat(),
        "timestamp": of.timestamp.isoformat(),
        "reasons": [{"reason": visible(one), "meaning": REASON_CODES.get(one.partition(":")[0])} for one in of.reasons],
        "replayed_from": None if letter.replayed_from is None else visible(letter.replayed_from),
        "loaded_from": None if letter.loaded_from is None else visible(letter.loaded_from),
        "truncated": bool(of.truncated),
        "key": _text(of.key),
        "headers": [{"name": _name(one.key), "looks_like": _text(one.value)} for one in of.headers or ()],
        "bytes": None if of.value is None else len(of.value),
        **_value(of.value),
    }


def _value(value: bytes | None) -> dict[str, Any]:
    """Returns `fields`, the form of each value of a JSON object or array; else `begins`, null where there is nothing."""
    try:
        found = json.loads((value or b"").decode("utf-8-sig"), parse_float=_Number, parse_int=_Number, object_pairs_hook=_Pairs)
        if isinstance(found, list):
            fields = [{"field": path, "looks_like": form} for path, form in islice(_fields(found, ""), MOST_FIELDS)]
            return {"fields": fields, "begins": None}
    except (ValueError, RecursionError):
        pass
    return {"fields": None, "begins": _text(value)}


class _Number(str):
    """The text of a number: it stands without quotes."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """An object; a name that stands twice is there twice."""


def _fields(found: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(found, _Pairs):
        for name, value in found:
            yield from _fields(value, f"{path}.{_name(name)}" if path else _name(name))
    elif isinstance(found, list):
        for place, value in enumerate(found):
            yield from _fields(value, f"{path}[{place}]")
    else:
        yield path, _form(found)


def _form(value: Any) -> str:
    if isinstance(value, str):
        form = visible(shape(value) or "")
        return form if isinstance(value, _Number) else f'"{form}"'
    return json.dumps(value)  # true, false, null, NaN


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return visible(shape(value.decode()) or "")
    except UnicodeDecodeError:
        return f"{value[:BEGINNING].hex(' ')} ..., no text"


def _name(name: str) -> str:
    """Returns a field's name; in one that has many digits these are masked, as it is a value then."""
    return visible(_MANY_DIGITS.sub(lambda digits: re.sub(r"\d", "9", digits[0]), name))[:MOST_LETTERS]


def visible(text: str) -> str:
    """Returns the text without what a terminal would take for a command."""
    return "".join(one if one.isprintable() else "�" for one in text)
