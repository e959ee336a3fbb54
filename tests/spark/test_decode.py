"""Spark reads the wire form as the codec does: the same records, the same reasons, on everything that we could think of."""

import json
from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chispa import assert_df_equality
from hypothesis import HealthCheck, Phase, given, settings
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from contract import ContractError, Customer, Label, Merchant, Topics, Transaction, decode, encode
from spark_jobs.schema import KIND_OF, KINDS, schema
from spark_jobs.transforms import decode as spark_decode
from spark_jobs.transforms.decode import REASON_CODES
from tests.frames import assert_same_rows
from tests.hostile import WIRE, hostile
from tests.records import AT, record, transaction

TOPICS = Topics()
TOPIC_OF = {Transaction: TOPICS.transactions, Label: TOPICS.labels, Customer: TOPICS.customers, Merchant: TOPICS.merchants}
NO_LIMIT = timedelta(days=1_000_000)
EXAMPLES = 150
KIND = T.StructField("kind", T.StringType())
ARRIVED = T.StructField("ingest_time", T.TimestampType())
REASONS = T.StructField("reasons", T.ArrayType(T.StringType()))
Raw = Callable[..., DataFrame]


def read(frame: DataFrame, max_future: timedelta = NO_LIMIT, max_age: timedelta = NO_LIMIT, max_bytes: int = 65_536) -> DataFrame:
    return spark_decode.decode(frame, TOPICS, max_bytes, max_future, max_age)


def arrival(number: int) -> datetime:
    """Returns Kafka's time of a record, by which an event is known again."""
    return AT + timedelta(seconds=number)


def test_hostile_records_end_as_the_codec_says(spark: SparkSession, raw: Raw) -> None:
    """The codec gives one reason and Spark all: the codec's is the record's key, and has to be among them."""
    verdicts = [(arrival(number), value, verdict(value)) for number, value in enumerate(hostile(3_000))]
    assert 100 < sum(isinstance(said, Transaction) for *_, said in verdicts) < 2_900, "both ends must be tried"
    records, rows = [], []
    for arrived, value, said in verdicts:
        reason = said if isinstance(said, str) else None
        records.append((TOPICS.transactions, value, {"timestamp": arrived, "key": reason and reason.encode()}))
        rows.append((arrived, "rejected", None, reason, value) if reason else (arrived, "transaction", astuple(said), None, None))
    reason = "IF(array_contains(reasons, string(source.key)), string(source.key), string(reasons)) AS reason"
    found = read(raw(*records)).selectExpr("ingest_time", "kind", "transaction", reason, "source.value")
    columns = [ARRIVED, KIND, T.StructField("transaction", schema(Transaction)), T.StructField("reason", T.StringType())]
    expected = spark.createDataFrame(rows, T.StructType([*columns, T.StructField("value", T.BinaryType())]))
    assert_same_rows(found, expected)


def verdict(value: bytes | None) -> Transaction | str:
    if value is not None and len(value) > 65_536:
        return "too_large"
    try:
        return decode(Transaction, value)
    except ContractError as error:
        return error.reason


def test_every_valid_record_is_read_as_it_was_written(spark: SparkSession, raw: Raw) -> None:
    written = [(arrival(number), one) for number, one in enumerate(one for kind in KINDS.values() for one in examples(kind))]
    found = read(raw(*((TOPIC_OF[type(one)], encode(one), {"timestamp": arrived}) for arrived, one in written)))
    rows = []
    for arrived, one in written:
        kind = KIND_OF[type(one)]
        rows.append((kind, arrived, *(astuple(one) if name == kind else None for name in KINDS), None))
    columns = [KIND, ARRIVED, *(T.StructField(name, schema(kind)) for name, kind in KINDS.items()), REASONS]
    assert_same_rows(found.drop("source"), spark.createDataFrame(rows, T.StructType(columns)))


def examples(kind: type) -> list[Any]:
    """Returns valid records, the same ones in every run."""
    made: list[Any] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(record(kind))
    def collect(one: object) -> None:
        made.append(one)

    collect()
    assert len(made) == EXAMPLES
    return made


def test_time_is_judged_by_kafkas_time_and_not_by_a_clock(spark: SparkSession, raw: Raw) -> None:
    times = [AT + timedelta(minutes=11), AT + timedelta(minutes=10), AT - timedelta(days=2), AT - timedelta(days=2, seconds=1)]
    rows = raw(*((TOPICS.transactions, encode(transaction(event_time=time)), {"timestamp": AT}) for time in times))
    found = read(rows, timedelta(minutes=10), timedelta(days=2)).select("reasons")
    expected = spark.createDataFrame(
        [(["event_time_in_future"],), (None,), (None,), (["event_time_too_old"],)], "reasons array<string>"
    )
    assert_df_equality(found, expected, ignore_nullable=True)


def test_all_that_is_wrong_is_told_at_once(spark: SparkSession, raw: Raw) -> None:
    value = json.dumps({name: field for name, field in WIRE.items() if name != "card_id"} | {"amount": "x", "more": 1}).encode()
    found = read(raw((TOPICS.transactions, value, {"timestamp": AT}))).select("reasons")
    expected = spark.createDataFrame([(["unknown_field", "missing:card_id", "invalid:amount"],)], "reasons array<string>")
    assert_df_equality(found, expected, ignore_nullable=True)


def test_the_limit_of_size_is_in_bytes(spark: SparkSession, raw: Raw) -> None:
    fits, larger = (encode(transaction(device_id="é" * 500 + more)) for more in ("", "e"))
    found = read(raw(*((TOPICS.transactions, value, {"timestamp": AT}) for value in (fits, larger))), max_bytes=len(fits))
    expected = spark.createDataFrame([("transaction", None), ("rejected", ["too_large"])], T.StructType([KIND, REASONS]))
    assert_df_equality(found.select("kind", "reasons"), expected, ignore_nullable=True)


def test_the_reason_codes_are_documented() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "reference" / "reason-codes.md").read_text()
    for code, meaning in REASON_CODES.items():
        assert f"| `{code}` | {meaning} |" in page
