"""The worked cases of docs/how-to/your-own-payments.md do what the page says."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import DataFrame

from contract import Transaction, decode
from tests.mapped import mapped
from tests.spark.test_avro import FakeRegistry, encoded, schema_answer

PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "your-own-payments.md"
ARRIVED = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
Raw = Callable[..., DataFrame]


def cases() -> dict[str, dict[str, str]]:
    """Returns the blocks of each section that has a record, by what stands behind the backticks."""
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    blocks = {
        one.partition("\n")[0]: dict(re.findall(r"^```(\w+(?: \w+)?)\n(.*?)^```", one, re.MULTILINE | re.DOTALL))
        for one in sections
    }
    return {title: found for title, found in blocks.items() if "json record" in found}


def test_the_page_has_four_cases() -> None:
    assert len(cases()) == 4


@pytest.mark.parametrize("title", cases())
def test_a_worked_case_is_read_as_the_page_says(raw: Raw, tmp_path: Path, title: str) -> None:
    case = cases()[title]
    settings: dict[str, Any] = yaml.safe_load(case["yaml"])["input"]
    value = json.loads(case["json record"])
    if "card_key_file" in settings:
        settings["card_key_file"] = tmp_path / "card-key"
        settings["card_key_file"].write_text("0" * 32)
    if "json schema" in case:
        schema = json.loads(case["json schema"])
        registry = FakeRegistry({"/schemas/ids/7": schema_answer(schema)})
        settings["registry"]["url"] = registry.url
        record = encoded(schema, value | {"amount": Decimal(value["amount"])}, 7)
    else:
        registry, record = None, json.dumps(value).encode()
    (row,) = mapped(raw((settings["transactions"]["topic"], record, {"timestamp": ARRIVED})), settings)
    found = {name: text for name, text in row["mapped"].items() if text is not None}
    assert found == json.loads(case["json transaction"])
    assert decode(Transaction, json.dumps(found).encode())
    if registry is not None:
        registry.close()
