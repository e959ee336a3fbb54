"""What `mapping` makes of records, as dictionaries."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from pyspark.sql import DataFrame

from contract import Topics, Transaction
from contract.fields import fields_of
from spark_jobs.input_settings import InputSettings
from spark_jobs.schema import KINDS
from spark_jobs.sources import inputs_of
from spark_jobs.transforms.mapping import mapping
from tests.foreign import ARRIVED

TOPICS = Topics()
REQUIRED = {one.name: f"'{one.name}'" for one in fields_of(Transaction) if one.required}
Raw = Callable[..., DataFrame]
"""The fixture `raw` of tests/spark."""


def mapped(frame: DataFrame, settings: dict[str, Any], max_bytes: int = 65_536) -> list[dict[str, Any]]:
    """Returns, of each record, its kind, its texts by field, why it is unreadable, and its other columns."""
    return list(_rows(mapping(frame, inputs_of(InputSettings.model_validate(settings), TOPICS), max_bytes)))


def _rows(found: DataFrame) -> Iterator[dict[str, Any]]:
    for row in found.collect():
        told = row.asDict()
        if row["mapped"] is not None:
            names = [one.name for one in fields_of(KINDS[row["kind"]])]
            told["mapped"] = dict(zip(names, row["mapped"], strict=True))
        yield told


def fields(**changes: str) -> dict[str, str]:
    return REQUIRED | changes


def paid(raw: Raw, value: Any, changes: dict[str, str], **record: Any) -> dict[str, Any]:
    """Returns the fields of one transaction."""
    frame = raw((TOPICS.transactions, json.dumps(value).encode(), {"timestamp": ARRIVED} | record))
    (row,) = mapped(frame, {"transactions": {"fields": fields(**changes)}})
    return {name: row["mapped"][name] for name in changes}
