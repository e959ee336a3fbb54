"""What would become of records, told to the person who is about to send them: counts, reasons, fields, and what looks odd.

Values are shown by their shape alone, digits as 9 and letters as a: a value may hold a card number.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from contract import Transaction
from contract.fields import fields_of

MANY = 20
"""So many payments make a share worth a warning."""
MOST = 0.5
SHAPE_LENGTH = 40
COUNTED = 1_000
"""Distinct values are counted up to here."""


class Checked(NamedTuple):
    """One record as the detector would read it."""

    place: str
    """Topic, partition and offset, or file and line."""
    kind: str
    record: Mapping[str, Any] | None
    """The typed fields; None where it is rejected, or deletes a profile."""
    texts: Mapping[str, str | None]
    """The text of each field before it was judged; empty where the record could not be opened."""
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    unknown: int


Report = dict[str, Any]
"""What is known of the records, as `--json` prints it."""


def report(checked: Sequence[Checked]) -> Report:
    """Returns the report of some records; `ok` says whether none would be rejected and some would be scored."""
    payments = [one.record for one in checked if one.kind == "transaction" and one.record is not None]
    rejected = [one for one in checked if one.reasons]
    return {
        "ok": bool(payments) and not rejected,
        "records": len(checked),
        "kinds": dict(Counter(one.kind for one in checked)),
        "scored": len(payments),
        "rejected": len(rejected),
        "reasons": _reasons(rejected),
        "unreadable_optional_fields": _notes(checked),
        "unknown_fields": sum(one.unknown for one in checked),
        "fields": [_field(one.name, [paid.get(one.name) for paid in payments]) for one in fields_of(Transaction)]
        if payments
        else [],
        "warnings": list(_warnings(checked, payments)),
    }


def shape(text: str | None) -> str | None:
    """Returns the text with 9 for each digit and a or A for each letter, cut where it is long; None for None."""
    if text is None:
        return None
    shaped = re.sub(r"[^\W\d_]", lambda one: "A" if one[0].isupper() else "a", re.sub(r"\d", "9", text))
    return shaped if len(shaped) <= SHAPE_LENGTH else f"{shaped[:SHAPE_LENGTH]}…"


def _reasons(rejected: Sequence[Checked]) -> list[dict[str, Any]]:
    """Returns the reasons, the commonest first, each with the first record that has it and the shape of its value."""
    first: dict[str, Checked] = {}
    counts: Counter[str] = Counter()
    for one in rejected:
        for reason in one.reasons:
            counts[reason] += 1
            first.setdefault(reason, one)
    return [
        {
            "reason": reason,
            "records": count,
            "first_at": first[reason].place,
            "value_looks_like": shape(first[reason].texts.get(reason.partition(":")[2])),
        }
        for reason, count in counts.most_common()
    ]


def _notes(checked: Sequence[Checked]) -> list[dict[str, Any]]:
    found: defaultdict[str, list[Checked]] = defaultdict(list)
    for one in checked:
        for name in one.notes:
            found[name].append(one)
    return [
        {"field": name, "records": len(ones), "value_looks_like": shape(ones[0].texts.get(name))}
        for name, ones in sorted(found.items(), key=lambda pair: -len(pair[1]))
    ]


def _field(name: str, values: Sequence[Any]) -> dict[str, Any]:
    present = [value for value in values if value is not None]
    distinct = len(set(present))
    ordered = bool(present) and not isinstance(present[0], str | bool)
    return {
        "field": name,
        "absent": len(values) - len(present),
        "distinct": distinct if distinct <= COUNTED else f"more than {COUNTED}",
        "least": str(min(present)) if ordered else None,
        "most": str(max(present)) if ordered else None,
        "looks_like": shape(str(present[0])) if present and isinstance(present[0], str) else None,
    }


def _warnings(checked: Sequence[Checked], payments: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields sentences about what is no error, and seldom meant."""
    if not payments:
        yield "No record would be scored."
    codes = Counter(reason.partition(":")[0] for one in checked for reason in one.reasons)
    if codes["card_number"]:
        yield f"Card numbers stand where identifiers belong, in {codes['card_number']:,} records: map them with token_of."
    if ahead := sum(count for code, count in codes.items() if code.endswith("_in_future")):
        yield f"{ahead:,} records are of times that have not come yet: a sender's clock is wrong, or a zone."
    if old := codes["event_time_too_old"]:
        yield f"{old:,} payments are older than limits.max_age. A history is sent with Kafka's timestamps of its own time."
    if len(payments) >= MANY:
        yield from _about_many(payments)


def _about_many(payments: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for name in ("terminal_id", "card_id"):
        _, count = Counter(paid[name] for paid in payments).most_common(1)[0]
        if count > MOST * len(payments):
            yield f"One {name} is in {count / len(payments):.0%} of the payments: its history says nothing if it stands for many."
    if repeated := _repeated(payments):
        yield f"{repeated:,} payments have the transaction_id of another one: a repeat of an id is taken for the same payment."
    yield from _about_currencies(payments)
    approved = sum(paid["response_code"] == "approved" for paid in payments)
    if not approved:
        yield "Every payment was declined: look at where response_code comes from."
    if any(paid["amount"] == 0 for paid in payments) and all(paid["amount"] == 0 for paid in payments):
        yield "Every amount is 0."


def _repeated(payments: Sequence[Mapping[str, Any]]) -> int:
    by_id: defaultdict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for paid in payments:
        by_id[paid["transaction_id"]].add((paid["card_id"], paid["event_time"]))
    return sum(len(ones) - 1 for ones in by_id.values())


def _about_currencies(payments: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    currencies = Counter(paid["currency"] for paid in payments)
    by_card: defaultdict[str, set[str]] = defaultdict(set)
    for paid in payments:
        if paid.get("billing_amount") is None:
            by_card[paid["card_id"]].add(paid["currency"])
    if mixed := sum(len(ones) > 1 for ones in by_card.values()):
        yield (
            f"{mixed:,} cards pay in several currencies without a billing_amount: their sums and means add up what cannot be "
            "added up. Map billing_amount and billing_currency."
        )
    elif len(currencies) > 1:
        names = ", ".join(sorted(currencies))
        yield f"The payments are in {len(currencies)} currencies, {names}: a rule about an amount means another value in each."
