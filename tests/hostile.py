"""Records that somebody might send to a detector, out of hand or out of malice; the same ones in every run."""

import json
import random
from typing import Any

from contract import encode
from tests.records import transaction

WIRE: dict[str, Any] = json.loads(encode(transaction()))


def _with(**fields: Any) -> bytes:
    return json.dumps({name: value for name, value in (WIRE | fields).items() if value is not ...}).encode()


def _text(replaced: str, by: str) -> bytes:
    return json.dumps(WIRE).replace(replaced, by).encode()


FIXED: tuple[bytes | None, ...] = (
    None,
    b"",
    b"   ",
    b"\t\n",
    b"\x00",
    b"\xff\xfe\x00",
    b'{"a":"\xc3\x28"}',
    b"null",
    b"true",
    b"1",
    b'"text"',
    b"[]",
    b"{}",
    b"{",
    b"}",
    b"[{}]",
    b"nonsense",
    b"{'transaction_id':'t1'}",
    b"[" * 5_000,
    b'{"a":' * 1_500 + b"1" + b"}" * 1_500,
    _with()[:-1],
    _with() + b"x",
    _with() + _with(),
    _with() + b"," + _with(),
    b"[" + _with() + b"]",
    b"\xef\xbb\xbf" + _with(),
    _with()[:-1] + b',"amount":"1"}',
    _with()[:-1] + b',"\\u0061mount":"1"}',
    _with()[:-1] + b',"_end":"1"}',
    _with()[:-1] + b",}",
    _with(card_number="4242424242424242"),
    _with(padding="x" * 70_000),
    *(_with(**{name: ...}) for name in WIRE),
    *(_with(**{name: None}) for name in WIRE),
    *(_with(**{name: [WIRE[name]]}) for name in WIRE),
    *(_with(**{name: {"a": WIRE[name]}}) for name in WIRE),
    *(_with(**{name: ""}) for name in WIRE),
    *(_with(**{name: "\x00"}) for name in WIRE),
    *(_with(**{name: True}) for name in WIRE),
    *(_with(**{name: 7}) for name in WIRE),
    *(_with(**{name: -1.5e300}) for name in WIRE),
    *(
        _with(amount=amount)
        for amount in (
            "1.239",
            "-1",
            "+1",
            "1,5",
            "1e2",
            "0x1",
            "12345678901",
            "9999999999.99",
            " 1",
            "1 ",
            "1.",
            ".5",
            "٣",
            "NaN",
            10.1,
        )
    ),
    *(
        _with(event_time=time)
        for time in (
            "2018",
            "2018-04-01",
            "2018-04-01T00:00:00",
            "2018-02-29T00:00:00Z",
            "2018-04-01T24:00:00Z",
            "2018-04-01T00:60:00Z",
            "2018-04-01T00:00:60Z",
            "2018-04-01T00:00:00.1234567Z",
            "2018-04-01T00:00:00+15:00",
            "2018-04-01T00:00:00-00:00",
            "2018-04-01t00:00:00z",
            "2018-04-01 00:00:00Z",
            "9999-12-31T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "2999-12-31T00:00:00Z",
            "1000-01-01T00:00:00Z",
            "epoch",
            "now",
            "1522584000",
        )
    ),
    *(_with(latitude=number) for number in ("NaN", "Infinity", "-Infinity", "1e999", "1e5", "--1", "1d", "0x1p3", "01", "48.85")),
    *(_with(is_fraud=value) for value in ("true", "TRUE", "yes", 1, 0, "false", False)),
    *(_with(channel=value) for value in ("POS", "pos ", "swift", "ecom")),
    _text('"12.50"', "12.50"),
    _text('"12.50"', "1.250e1"),
    _text('"12.50"', "012.50"),
    _text('"12.50"', "12345678.90"),
    _text('"12.50"', "0.0001"),
    _text('"12.50"', "12.50000000000000000001"),
    _text('"12.50"', "NaN"),
    _text('"12.50"', "12.505"),
    _text("48.85", '"48.85"'),
    _text("48.85", "48."),
    _text(",", ",,"),
    _text('"', "'"),
    _text(":", "="),
)


def hostile(count: int, seed: int = 0) -> list[bytes | None]:
    """Returns the fixed ones, and as many garbled transactions as are wanted besides."""
    draws = random.Random(seed)  # noqa: S311 no secret is drawn
    found = list(FIXED)
    while len(found) < count:
        data = bytearray(_with(transaction_id=f"hostile-{len(found)}"))
        for _ in range(draws.randint(1, 4)):
            place = draws.randrange(len(data))
            change = draws.randrange(3)
            if change == 0:
                data[place] = draws.randrange(256)
            elif change == 1:
                del data[place : place + draws.randint(1, 8)]
            else:
                data[place:place] = bytes(draws.choices(b'{}[]",:0123456789.eE+-\\tn\x00\xff', k=draws.randint(1, 4)))
        found.append(bytes(data))
    return found[:count]
