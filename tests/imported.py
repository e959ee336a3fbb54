"""A CSV history for `producer import`, and what has become of it."""

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

KEY = "0123456789abcdef0123456789abcdef"
Import = Callable[..., dict[str, Any]]


def rows(name: str) -> list[dict[str, Any]]:
    return pq.read_table(Path("out") / name).to_pylist()


def token(number: str) -> str:
    return hmac.new(KEY.encode(), number.encode(), hashlib.sha256).hexdigest()


def everything(folder: Path) -> str:
    """Returns every value of every file below a folder, decompressed, and the files' own bytes."""
    parts = []
    for file in folder.rglob("*"):
        if file.is_file():
            parts += [
                file.read_bytes().decode("latin-1"),
                str(pq.read_table(file).to_pylist()),
                str(pq.read_metadata(file).metadata),
            ]
    return "\n".join(parts)


PLAIN = {
    "transactions": {
        "transaction_id": "id",
        "event_time": "at",
        "card_id": "card",
        "customer_id": "card",
        "terminal_id": "shop",
        "merchant_id": "shop",
        "merchant_category": "'5999'",
        "amount": "amount",
        "currency": "'EUR'",
        "channel": "'pos'",
        "country": "'FR'",
        "response_code": "'approved'",
    },
    "labels": {"is_fraud": "fraud"},
}


def plain(*lines: str, name: str = "plain.csv") -> str:
    Path(name).write_text("\n".join(("id;at;card;shop;amount;fraud", *lines)) + "\n")
    return name
