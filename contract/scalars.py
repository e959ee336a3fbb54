"""The types that one JSON value can have: a row for each, with all that it is elsewhere. Nothing else maps types to types."""

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from json.encoder import encode_basestring
from typing import Any, NamedTuple

PRECISION, SCALE = 14, 3
"""Of an amount: how many digits it has at most, and how many of them stand behind the point."""
NOISE = Decimal("0.000001")
"""How far from its currency's smallest unit an amount may be: sums of doubles are, as 0.1 + 0.2 = 0.30000000000000004."""


class Scalar(NamedTuple):
    """One type, and what it is on the wire, in JSON Schema, in Spark and in Arrow."""

    python: type
    texts: re.Pattern[str]
    """The accepted texts, whole-string matches; `spark_jobs.transforms.decode` hands the same to the kernel."""
    to_json: Callable[[Any], str]
    """Raises ValueError where JSON has no such value."""
    from_text: Callable[[str], Any]
    """Takes an accepted text, without quotes. Raises ValueError where it stands for nothing, as February 30 does."""
    json_schema: Mapping[str, Any]
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
    # Two decimals, a third where it is not 0: equal amounts are equal bytes.
    text = f"{value:f}"
    if text[-3:-2] == ".":
        return f'"{text}"'
    thousandths = int(value.scaleb(SCALE))
    whole, rest = divmod(thousandths, 1000)
    return f'"{whole}.{rest:03}"' if rest % 10 else f'"{whole}.{rest // 10:02}"'


def in_units(value: Decimal, decimals: int) -> Decimal:
    """Returns the amount of so many decimals that the value stands for.

    Raises:
        ValueError: it is further than NOISE from one, or has too many digits.
    """
    nearest = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    if abs(_EXACTLY.subtract(nearest, value)) > NOISE or nearest >= _TOO_MUCH:
        raise ValueError("no amount of this currency")
    return nearest


def _amount(text: str) -> Decimal:
    value = Decimal(text)
    if value >= _TOO_MUCH:
        raise ValueError("too many digits")
    return in_units(value, SCALE)


def _time_text(value: datetime) -> str:
    # One form only, so that equal records are equal bytes; by hand, as isoformat takes twice as long.
    at = value.astimezone(UTC)
    return '"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ"' % (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)  # noqa: UP031


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def _date_text(value: date) -> str:
    return f'"{value.isoformat()}"'


def _bytes_text(value: bytes) -> str:
    return f'"{base64.b64encode(value).decode("ascii")}"'


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_TOO_MUCH = Decimal(10) ** (PRECISION - SCALE)
_EXACTLY = Context(prec=200)
# Exponents of two digits: a number of a billion digits is written in ten.
_AMOUNT = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
_DATE = r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = re.compile(rf"{_DATE}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-](0[0-9]|1[0-4]):?[0-5][0-9])")

_CHARACTER = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]"
# Blanks, what is none, anything: in one way alone, else a long text that fails takes the square of its length.
IDENTIFIER = re.compile(f" *{_CHARACTER.replace('^', '^ ')}{_CHARACTER}*")
"""A text without control characters that is not blank."""

_ROWS = (
    Scalar(
        python=str,
        texts=re.compile(r"[^\ud800-\udfff]*"),
        to_json=encode_basestring,
        from_text=str,
        json_schema={"type": "string", "minLength": 1},
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
        texts=re.compile(r"-?[0-9]{1,18}"),
        to_json=str,
        from_text=int,
        json_schema={"type": "integer"},
        spark="long",
        arrow=("int64",),
    ),
    Scalar(
        python=float,
        texts=re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"),
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
        from_text=_amount,
        json_schema={"type": "string", "pattern": rf"^[0-9]{{1,{PRECISION - SCALE}}}(\.[0-9]{{1,{SCALE}}})?$"},
        spark=f"decimal({PRECISION},{SCALE})",
        arrow=("decimal128", PRECISION, SCALE),
    ),
    Scalar(
        python=datetime,
        texts=_TIME,
        to_json=_time_text,
        from_text=_time,
        json_schema={"type": "string", "pattern": f"^{_TIME.pattern}$"},
        spark="timestamp",
        arrow=("timestamp", "us", "UTC"),
    ),
    Scalar(
        python=date,
        texts=re.compile(_DATE),
        to_json=_date_text,
        from_text=date.fromisoformat,
        json_schema={"type": "string", "format": "date", "pattern": f"^{_DATE}$"},
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
