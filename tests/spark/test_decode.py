"""Spark reads the wire form as the codec does: the same records, the same reasons, on everything that we could think of."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row

from contract import ContractError, Customer, Label, Merchant, Topics, Transaction, decode, encode
from spark_jobs.schema import KINDS
from spark_jobs.transforms import decode as spark_decode
from spark_jobs.transforms.decode import REASON_CODES
from tests.hostile import WIRE, hostile
from tests.records import AT, record, transaction

TOPICS = Topics()
TOPIC_OF = {Transaction: TOPICS.transactions, Label: TOPICS.labels, Customer: TOPICS.customers, Merchant: TOPICS.merchants}
NO_LIMIT = timedelta(days=1_000_000)
Raw = Callable[..., DataFrame]


def read(frame: DataFrame, max_future: timedelta = NO_LIMIT, max_age: timedelta = NO_LIMIT, max_bytes: int = 65_536) -> list:
    return sorted(
        spark_decode.decode(frame, TOPICS, max_bytes, max_future, max_age).collect(),
        key=lambda row: row.source.offset if row.source else -1,
    )


def test_hostile_records_end_as_the_codec_says(raw: Raw) -> None:
    values = hostile(3_000)
    rows = spark_decode.decode(
        raw(*((TOPICS.transactions, value, {"timestamp": AT}) for value in values)), TOPICS, 65_536, NO_LIMIT, NO_LIMIT
    ).collect()
    assert len(rows) == len(values), "a record is lost"
    verdicts = [(value, verdict(value), row) for value, row in zip(values, rows, strict=True)]
    different = [(value, said, row.reasons) for value, said, row in verdicts if not agree(said, row)]
    assert not different, f"{len(different)}: {different[:5]}"
    assert all(row.source.value == value for value, _, row in verdicts if row.kind == "rejected"), "dead letters are whole"
    assert 100 < sum(isinstance(said, Transaction) for _, said, _ in verdicts) < 2_900, "both ends must be tried"


def verdict(value: bytes | None) -> Transaction | str:
    if value is not None and len(value) > 65_536:
        return "too_large"
    try:
        return decode(Transaction, value)
    except ContractError as error:
        return error.reason


def agree(said: Transaction | str, row: Row) -> bool:
    if isinstance(said, str):
        return row.kind == "rejected" and said in row.reasons
    if row.kind != "transaction":
        return False
    found = row.transaction.asDict()
    return Transaction(**found | {"event_time": found["event_time"].astimezone(said.event_time.tzinfo)}) == said


@pytest.mark.parametrize("kind", KINDS)
def test_every_valid_record_is_read_as_it_was_written(raw: Raw, kind: str) -> None:
    record_class = KINDS[kind]
    written: list[object] = []

    @settings(
        max_examples=150,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(record(record_class), min_size=1, max_size=4))
    def collect(some: list[object]) -> None:
        written.extend(some)

    collect()
    rows = read(raw(*((TOPIC_OF[record_class], encode(one), {"timestamp": AT}) for one in written)))
    assert {row.kind for row in rows} == {kind}, [row.reasons for row in rows if row.reasons]
    for row, one in zip(rows, written, strict=True):
        found = {
            name: value.astimezone(AT.tzinfo) if isinstance(value, datetime) else value
            for name, value in row[kind].asDict().items()
        }
        assert record_class(**found) == one


def test_time_is_judged_by_kafkas_time_and_not_by_a_clock(raw: Raw) -> None:
    times = [AT + timedelta(minutes=11), AT + timedelta(minutes=10), AT - timedelta(days=2), AT - timedelta(days=2, seconds=1)]
    rows = raw(*((TOPICS.transactions, encode(transaction(event_time=time)), {"timestamp": AT}) for time in times))
    found = spark_decode.decode(rows, TOPICS, 65_536, timedelta(minutes=10), timedelta(days=2)).collect()
    assert [row.reasons for row in found] == [["event_time_in_future"], None, None, ["event_time_too_old"]]


def test_all_that_is_wrong_is_told_at_once(raw: Raw) -> None:
    value = json.dumps({name: field for name, field in WIRE.items() if name != "card_id"} | {"amount": "x", "more": 1}).encode()
    (row,) = read(raw((TOPICS.transactions, value, {"timestamp": AT})))
    assert row.reasons == ["unknown_field", "missing:card_id", "invalid:amount"]


def test_the_limit_of_size_is_in_bytes(raw: Raw) -> None:
    value = encode(transaction(device_id="é" * 500))
    assert read(raw((TOPICS.transactions, value, {"timestamp": AT})), max_bytes=len(value))[0].kind == "transaction"
    assert read(raw((TOPICS.transactions, value, {"timestamp": AT})), max_bytes=len(value) - 1)[0].reasons == ["too_large"]


def test_the_reason_codes_are_documented() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "reference" / "reason-codes.md").read_text()
    for code, meaning in REASON_CODES.items():
        assert f"| `{code}` | {meaning} |" in page
