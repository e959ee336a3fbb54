"""The types that one JSON value can have: a row for each, with all that it is elsewhere. Nothing else maps types to types."""

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, NamedTuple

PRECISION, SCALE = 14, 3
"""Of an amount: how many digits it has at most, and how many of them stand behind the point."""


class Scalar(NamedTuple):
    """One type, and what it is on the wire, in JSON Schema, in Spark and in Arrow."""

    python: type
    texts: re.Pattern[str]
    """The accepted texts, whole-string matches; `spark_jobs.transforms.decode` hands the same to the kernel."""
    to_json: Callable[[Any], str]
    """Raises ValueError where JSON has no such value."""
    from_text: Callable[[str], Any]
    """Takes an accepted text, without quotes. Raises ValueError where it stands for nothing, as February 30 does."""
    json_schema: Mapping[str, str]
    spark: str
    """Name of Spark's type in the JSON of a schema."""
    arrow: tuple[Any, ...]
    """Name of the function of pyarrow that makes the type, and its arguments."""


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("not finite")
    return repr(float(value))


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _boolean_text(value: bool) -> str:
    return "true" if value else "false"


def _amount_text(value: Decimal) -> str:
    return f'"{value:f}"'


def _time_text(value: datetime) -> str:
    # One form only, so that equal records are equal bytes; by hand, as isoformat takes twice as long.
    at = value.astimezone(UTC)
    return '"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ"' % (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)  # noqa: UP031


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _date_text(value: date) -> str:
    return f'"{value.isoformat()}"'


def _bytes_text(value: bytes) -> str:
    return f'"{base64.b64encode(value).decode("ascii")}"'


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_AMOUNT = re.compile(rf"\d{{1,{PRECISION - SCALE}}}(\.\d{{1,{SCALE}}})?", re.ASCII)
_TIME = re.compile(r"[12]\d{3}-\d\d-\d\dT[0-2]\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):[0-5]\d)", re.ASCII)

_ROWS = (
    Scalar(
        python=str,
        texts=re.compile(r"[^\[{].*", re.DOTALL),
        to_json=encode_basestring,
        from_text=str,
        json_schema={"type": "string"},
        spark="string",
        arrow=("string",),
    ),
    Scalar(
        python=bool,
        texts=re.compile("true|false"),
        to_json=_boolean_text,
        from_text=lambda text: text == "true",
        json_schema={"type": "boolean"},
        spark="boolean",
        arrow=("bool_",),
    ),
    Scalar(
        python=int,
        texts=re.compile(r"-?\d{1,18}", re.ASCII),
        to_json=str,
        from_text=int,
        json_schema={"type": "integer"},
        spark="long",
        arrow=("int64",),
    ),
    Scalar(
        python=float,
        texts=re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII),
        to_json=_float_text,
        from_text=_float,
        json_schema={"type": "number"},
        spark="double",
        arrow=("float64",),
    ),
    Scalar(
        python=Decimal,
        texts=_AMOUNT,
        to_json=_amount_text,
        from_text=Decimal,
        json_schema={"type": "string", "pattern": f"^{_AMOUNT.pattern}$"},
        spark=f"decimal({PRECISION},{SCALE})",
        arrow=("decimal128", PRECISION, SCALE),
    ),
    Scalar(
        python=datetime,
        texts=_TIME,
        to_json=_time_text,
        from_text=_time,
        json_schema={"type": "string", "format": "date-time", "pattern": f"^{_TIME.pattern}$"},
        spark="timestamp",
        arrow=("timestamp", "us", "UTC"),
    ),
    Scalar(
        python=date,
        texts=re.compile(r"[12]\d{3}-\d\d-\d\d", re.ASCII),
        to_json=_date_text,
        from_text=date.fromisoformat,
        json_schema={"type": "string", "format": "date"},
        spark="date",
        arrow=("date32",),
    ),
    Scalar(
        python=bytes,
        texts=re.compile("[A-Za-z0-9+/]*={0,2}"),
        to_json=_bytes_text,
        from_text=_bytes,
        json_schema={"type": "string", "contentEncoding": "base64"},
        spark="binary",
        arrow=("binary",),
    ),
)

SCALARS: Mapping[Any, Scalar] = {row.python: row for row in _ROWS}
"""The rows by their Python type."""
