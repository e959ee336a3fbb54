"""A mapping to start from, for payments whose fields have other names: guessed from names and values, for a person to read."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from contract import Transaction
from contract.card_numbers import is_card_number
from contract.currencies import BY_NUMBER, CURRENCIES
from contract.fields import fields_of

NAMES: Mapping[str, tuple[str, ...]] = {
    "transaction_id": (
        "transactionid",
        "txid",
        "txnid",
        "trxid",
        "transnum",
        "transactionnumber",
        "paymentid",
        "uuid",
        "id",
        "reference",
    ),
    "event_time": (
        *(
            "eventtime",
            "transactiontime",
            "transactiondate",
            "transdatetranstime",
            "timestamp",
            "datetime",
            "createdat",
            "occurredat",
        ),
        *("txdatetime", "transmissiondatetime", "unixtime", "ts", "time", "date"),
    ),
    "card_id": ("cardid", "cardtoken", "cardhash", "cardnumber", "ccnum", "pan", "primaryaccountnumber", "card"),
    "customer_id": ("customerid", "userid", "clientid", "cardholderid", "holderid", "accountid", "customer", "user"),
    "terminal_id": ("terminalid", "posid", "cardacceptorterminalid", "storeid", "terminal", "gatewayid", "atmid"),
    "merchant_id": ("merchantid", "cardacceptorid", "shopid", "merchantname", "merchant", "payee", "sellerid"),
    "merchant_category": ("merchantcategorycode", "mcc", "merchanttype", "merchantcategory", "categorycode", "category"),
    "amount": ("amount", "amt", "transactionamount", "txamount", "total", "totalamount", "value", "price"),
    "currency": ("currency", "currencycode", "transactioncurrency", "ccy", "cur"),
    "channel": ("channel", "transactionchannel", "entrymode", "posentrymode"),
    "country": ("country", "countrycode", "terminalcountry", "merchantcountry"),
    "response_code": ("responsecode", "actioncode", "authresponse", "resultcode", "response", "status"),
    "latitude": ("merchlat", "latitude", "lat"),
    "longitude": ("merchlong", "longitude", "long", "lon", "lng"),
    "device_id": ("deviceid", "devicefingerprint", "device"),
    "is_fraud": ("isfraud", "fraud"),
    "transaction_type": ("transactiontype", "txtype"),
    "billing_amount": ("billingamount", "cardholderbillingamount"),
    "billing_currency": ("billingcurrency", "cardholderbillingcurrency"),
}
"""How a field is called elsewhere, without what stands between words, the likeliest name first."""

CONSTANTS: Mapping[str, str] = {
    "terminal_id": "'unknown'",
    "merchant_category": "'5999'",
    "currency": "'EUR'",
    "channel": "'ecom'",
    "country": "'XX'",
    "response_code": "'approved'",
}
"""What a required field may be where nothing looks like it, each to be chosen anew."""
SAMPLE = 50
DEPTH = 6
SECONDS, MILLIS, MICROS = 10, 13, 16
"""Digits of an epoch time of these decades."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)")


class Proposed(NamedTuple):
    """Where one field may come from."""

    field: str
    source: str
    """A path, or Spark SQL, as the settings take it."""
    sure: bool
    """Whether something in the records looks like it; a constant does not."""


def propose(bodies: Sequence[Any]) -> list[Proposed]:
    """Returns where each field of a transaction may come from in records of this form; the optional ones only where they are found.

    `bodies` are JSON values, some of them; a field that is nowhere and has no usual constant is left out.
    """
    values = _values(bodies)
    found: dict[str, Proposed] = {}
    taken: set[str] = set()
    for name, path in _matches(values):
        if name not in found and path not in taken:
            found[name] = Proposed(name, _source(name, path, values), sure=True)
            taken.add(path)
    for one in fields_of(Transaction):
        if one.required and one.name not in found and one.name in CONSTANTS:
            found[one.name] = Proposed(one.name, CONSTANTS[one.name], sure=False)
    return [found[one.name] for one in fields_of(Transaction) if one.name in found]


def each_of(bodies: Sequence[Any]) -> str | None:
    """Returns the path of the array whose elements are the records, as `each` takes it; None where a value is one record."""
    return "$" if bodies and all(isinstance(body, list) for body in bodies) else None


def missing(proposed: Sequence[Proposed]) -> list[str]:
    """Returns the required fields of a transaction for which nothing is proposed."""
    have = {one.field for one in proposed}
    return [one.name for one in fields_of(Transaction) if one.required and one.name not in have]


def as_yaml(proposed: Sequence[Proposed], topic: str, each: str | None) -> str:
    """Returns the settings to start from; what is a guess without a ground says so."""
    lines = ["input:", "  transactions:", f"    topic: {topic}", *([f"    each: {each}"] if each else []), "    fields:"]
    for one in proposed:
        text = '"' + one.source.replace("\\", "\\\\").replace('"', '\\"') + '"'
        lines.append(f"      {one.field}: {text}" + ("" if one.sure else "  # nothing looks like it: a constant, choose yours"))
    lines += [f"      # {name}: is required, and nothing looks like it" for name in missing(proposed)]
    return "\n".join(lines) + "\n"


def _values(bodies: Sequence[Any]) -> dict[str, list[str]]:
    """Returns the texts at each path of the records, in the order in which the paths are met."""
    values: dict[str, list[str]] = {}
    for body in bodies[:SAMPLE]:
        for record in body if isinstance(body, list) else [body]:
            for path, value in _leaves(record, "$", DEPTH):
                values.setdefault(path, []).append(value)
    return values


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and depth:
        for name, inner in value.items():
            step = f".{name}" if _PLAIN.fullmatch(str(name)) else f"['{name}']"
            if "'" not in str(name):
                yield from _leaves(inner, path + step, depth - 1)
    elif isinstance(value, bool):
        yield path, "true" if value else "false"
    elif isinstance(value, str | int | float):
        yield path, str(value)


def _matches(values: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """Returns pairs of field and path that fit, the best first."""
    scored = []
    for place, (path, texts) in enumerate(values.items()):
        last, whole = _squeezed(path.rpartition(".")[2]), _squeezed(path)
        for name, known in NAMES.items():
            if _fits(name, texts):
                ranks = [rank for rank, one in enumerate(known) if last == one]
                ranks += [rank + len(known) for rank, one in enumerate(known) if whole.endswith(one)]
                if ranks:
                    scored.append((min(ranks), path.count("."), place, name, path))
    return [(name, path) for *_, name, path in sorted(scored)]


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _fits(name: str, texts: Sequence[str]) -> bool:
    """Whether values like these may be of the field."""
    tests: dict[str, Callable[[str], bool]] = {
        "event_time": _is_time,
        "amount": _is_number,
        "billing_amount": _is_number,
        "latitude": _is_number,
        "longitude": _is_number,
        "currency": lambda text: text in CURRENCIES or text in BY_NUMBER,
        "billing_currency": lambda text: text in CURRENCIES or text in BY_NUMBER,
        "is_fraud": lambda text: text in ("true", "false", "0", "1"),
    }
    return all(map(tests.get(name, bool), texts))


def _is_time(text: str) -> bool:
    return bool(_LOCAL_TIME.match(text)) or (text.isdigit() and len(text) in (SECONDS, MILLIS, MICROS))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _source(name: str, path: str, values: Mapping[str, list[str]]) -> str:
    """Returns the path, or the ready-made function that makes the field's form of such values."""
    texts = values[path]
    got = f"body:{path.removeprefix('$.')}" if "'" not in path else f"variant_get(body, {json.dumps(path)}, 'string')"
    match name:
        case "event_time":
            return _time_source(path, got, texts)
        case "card_id" if any(is_card_number(text, any_network=True) for text in texts):
            return f"token_of({got})"
        case "currency" | "billing_currency" if texts[0] in BY_NUMBER:
            return f"currency_of({got})"
        case "merchant_category" if not all(text.isdigit() for text in texts):
            return f"category_of({got})"
        case "response_code" if all(text.isdigit() for text in texts):
            return f"response_of({got})"
        case "is_fraud" if texts[0] in ("0", "1"):
            return f"{got}::string = '1'" if got.startswith("body:") else f"{got} = '1'"
    return path


def _time_source(path: str, got: str, texts: Sequence[str]) -> str:
    if all(_ISO_TIME.fullmatch(text) for text in texts):
        return path
    if all(_LOCAL_TIME.match(text) for text in texts):
        between = Counter(text[10] for text in texts).most_common(1)[0][0]
        pattern = f"yyyy-MM-dd''{between}''HH:mm:ss" if between == "T" else "yyyy-MM-dd HH:mm:ss"
        return f"time_of({got}, '{pattern}', 'UTC')"
    function = {SECONDS: "epoch_seconds", MILLIS: "epoch_millis", MICROS: "epoch_micros"}[len(texts[0])]
    return f"{function}({got})"
