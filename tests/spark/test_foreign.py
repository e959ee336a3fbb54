"""Payments as other people write them reach a decision by settings alone."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame

from contract import Topics
from spark_jobs.input_settings import InputSettings
from spark_jobs.settings import Limits
from spark_jobs.sources import inputs_of
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.mapping import mapping
from tests.foreign import ARRIVED, CARD, SHAPES, Shape

TOPICS = Topics()
LIMITS = Limits(max_age=timedelta(days=36_500))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_public_shape_becomes_transactions(raw: Callable[..., DataFrame], tmp_path: Path, shape: Shape) -> None:
    (tmp_path / "card.key").write_bytes(b"k" * 32)
    settings = InputSettings.model_validate(shape.settings | {"card_key_file": tmp_path / "card.key"})
    frame = raw((TOPICS.transactions, shape.value, {"timestamp": ARRIVED, "key": shape.key}))
    rows = decode(mapping(frame, inputs_of(settings, TOPICS), LIMITS.max_bytes), LIMITS).collect()
    assert [(row.kind, row.reasons, row.notes) for row in rows] == [("transaction", None, None)] * len(shape.expected)
    assert [row.origin.element for row in rows] in ([None], list(range(len(rows)))), "a place of its own for each of an array"
    assert CARD not in json.dumps([row.asDict(recursive=True) for row in rows], default=str)
