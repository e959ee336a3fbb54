"""A dead letter that is shown tells the fault, and nothing of whom it is about."""

import json
from datetime import UTC, datetime
from typing import Any

from contract import Header, Rejected
from local.rejected.letters import Letter
from local.rejected.masked import masked
from tests.forms import CARD

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


def shown(value: bytes | None, **changes: Any) -> dict[str, Any]:
    of = {"topic": "t", "partition": 0, "offset": 7, "timestamp": AT, "reasons": ("invalid:amount",), "schema_version": 3}
    return masked(Letter(Rejected(**(of | {"value": value} | changes)), None, AT))


def test_names_and_forms_are_seen_and_no_value() -> None:
    found = shown(
        b'{"amount": 12.505, "amount": "12,50", "card": {"pan": "4242-4242 42424242", "holder": "Ann Lee"}, "tags": ["b2", null], '
        b'"vpn": true}',
        key=b"Ann-4242424242424242",
        headers=(Header(key="trace", value=b"\x00\xff\x01\x02\x03"), Header(key=f"of {CARD}", value=b"Lee")),
    )
    assert [(one["field"], one["looks_like"]) for one in found["fields"]] == [
        ("amount", "99.999"),
        ("amount", '"99,99"'),
        ("card.pan", '"9999-9999 99999999"'),
        ("card.holder", '"Aaa Aaa"'),
        ("tags[0]", '"a9"'),
        ("tags[1]", "null"),
        ("vpn", "true"),
    ]
    assert found["key"] == "Aaa-9999999999999999"
    assert [one["looks_like"] for one in found["headers"]] == ["00 ff 01 02 ..., no text", "Aaa"]
    text = json.dumps(found)
    assert not [secret for secret in (CARD, "4242", "Ann", "Lee", "12.505") if secret in text]


def test_what_is_no_json_shows_how_it_begins() -> None:
    assert shown(b"\x1f\x8b\x08\x00rest")["begins"] == "1f 8b 08 00 ..., no text"
    assert shown(b"<paid>4242424242424242</paid>")["begins"] == "<aaaa>9999999999999999</aaaa>"
    assert (shown(None)["begins"], shown(None)["bytes"], shown(b"")["bytes"]) == (None, None, 0)
    assert shown(b"[" * 100_000)["fields"] is None, "what is nested too deeply is no reason to fail"


def test_no_terminal_is_commanded() -> None:
    found = shown(
        b'{"\\u001b[2J": "\\u001b]0;x\\u0007"}', reasons=("skipped:\x1b[2J",), headers=(Header(key="\x1b[2J", value=b"\x1b"),)
    )
    assert "\\u001b" not in json.dumps(found)
    assert "\\u0007" not in json.dumps(found)
