"""Spark reads the wire form as the codec does: the same records, the same reasons, on everything that we could think of."""

from collections.abc import Callable
from dataclasses import astuple, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chispa import assert_df_equality
from hypothesis import HealthCheck, Phase, given, settings
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from contract import ContractError, Customer, Label, Merchant, Topics, Transaction, decode, encode
from contract.fields import fields_of
from spark_jobs.schema import KIND_OF, KINDS, schema
from spark_jobs.transforms.decode import REASON_CODES
from tests.forms import CARD, changed
from tests.frames import EVERY_TIME, assert_same_rows, decoded
from tests.hostile import hostile
from tests.records import AT, record, transaction

TOPICS = Topics()
TOPIC_OF = {Transaction: TOPICS.transactions, Label: TOPICS.labels, Customer: TOPICS.customers, Merchant: TOPICS.merchants}
EXAMPLES = 150
KIND = T.StructField("kind", T.StringType())
ARRIVED = T.StructField("ingest_time", T.TimestampType())
TEXTS = T.ArrayType(T.StringType())
REASONS = T.StructField("reasons", TEXTS)
NOTES = T.StructField("notes", TEXTS)
Raw = Callable[..., DataFrame]


def read(frame: DataFrame, **limits: Any) -> DataFrame:
    return decoded(frame, EVERY_TIME.model_copy(update=limits))


def arrival(number: int) -> datetime:
    """Returns Kafka's time of a record, by which an event is known again."""
    return AT + timedelta(seconds=number)


def test_hostile_records_end_as_the_codec_says(spark: SparkSession, raw: Raw) -> None:
    """The codec gives one reason and Spark all: the codec's is the record's key, and has to be among them."""
    verdicts = [(arrival(number), value, *verdict(value)) for number, value in enumerate(hostile(20_000))]
    assert 100 < sum(isinstance(said, Transaction) for _, _, said, _ in verdicts) < 19_900, "both ends must be tried"
    records, rows = [], []
    for arrived, value, said, notes in verdicts:
        reason = said if isinstance(said, str) else None
        records.append((TOPICS.transactions, value, {"timestamp": arrived, "key": reason and reason.encode()}))
        if reason:
            rows.append((arrived, "rejected", None, None, reason, value))
        else:
            rows.append((arrived, "transaction", astuple(said), notes or None, None, None))
    reason = "IF(array_contains(reasons, string(source.key)), string(source.key), string(reasons)) AS reason"
    found = read(raw(*records)).selectExpr("ingest_time", "kind", "transaction", "notes", reason, "source.value")
    columns = [ARRIVED, KIND, T.StructField("transaction", schema(Transaction)), NOTES, T.StructField("reason", T.StringType())]
    expected = spark.createDataFrame(rows, T.StructType([*columns, T.StructField("value", T.BinaryType())]))
    assert_same_rows(found, expected)


def verdict(value: bytes | None) -> tuple[Transaction | str, list[str]]:
    """Returns the record or the reason, and the notes, of the codec."""
    if value is not None and len(value) > 65_536:
        return "too_large", []
    notes: list[str] = []
    try:
        return decode(Transaction, value, notes=notes), notes
    except ContractError as error:
        return error.reason, []


def test_every_valid_record_is_read_as_it_was_written(spark: SparkSession, raw: Raw) -> None:
    written = [(arrival(number), one) for number, one in enumerate(one for kind in KINDS.values() for one in examples(kind))]
    found = read(raw(*((TOPIC_OF[type(one)], encode(one), {"timestamp": arrived}) for arrived, one in written)))
    rows = []
    for arrived, one in written:
        kind = KIND_OF[type(one)]
        rows.append((kind, arrived, *(astuple(one) if name == kind else None for name in KINDS), None, None))
    columns = [KIND, ARRIVED, *(T.StructField(name, schema(kind)) for name, kind in KINDS.items()), NOTES, REASONS]
    assert_same_rows(found.drop("origin", "unknown", "deleted", "source"), spark.createDataFrame(rows, T.StructType(columns)))


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


def test_a_field_that_lacks_is_the_one_reason(spark: SparkSession, raw: Raw) -> None:
    """Of an amount, a currency that lacks says nothing."""
    required = [one.name for one in fields_of(Transaction) if one.required]
    found = read(raw(*((TOPICS.transactions, changed(**{name: ...}), {"timestamp": AT}) for name in required))).select("reasons")
    expected = spark.createDataFrame([([f"missing:{name}"],) for name in required], "reasons array<string>")
    assert_df_equality(found, expected, ignore_nullable=True)


def test_time_is_judged_by_kafkas_time(spark: SparkSession, raw: Raw) -> None:
    times = [AT + timedelta(minutes=11), AT + timedelta(minutes=10), AT - timedelta(days=2), AT - timedelta(days=2, seconds=1)]
    rows = raw(*((TOPICS.transactions, encode(transaction(event_time=time)), {"timestamp": AT}) for time in times))
    found = read(rows, max_future=timedelta(minutes=10), max_age=timedelta(days=2)).select("reasons")
    expected = spark.createDataFrame(
        [(["event_time_in_future"],), (None,), (None,), (["event_time_too_old"],)], "reasons array<string>"
    )
    assert_df_equality(found, expected, ignore_nullable=True)


def test_no_sender_widens_the_limit_of_a_time(spark: SparkSession, raw: Raw) -> None:
    """A clock that is ahead stamps Kafka's record too; and labels and profiles bear times of their own."""
    clock = {"timestamp": AT + timedelta(days=3_000), "read_by": AT}
    records = [(kind, name, examples(kind)[0]) for kind, names in TIMES.items() for name in names]
    late, ahead = AT + timedelta(minutes=10), AT + timedelta(minutes=10, microseconds=1)
    for time, is_read in ((late, True), (ahead, False)):
        rows = raw(*((TOPIC_OF[kind], encode(_at(one, AT, name, time)), clock) for kind, name, one in records))
        found = read(rows, max_future=timedelta(minutes=10)).select("reasons")
        reasons = [(None if is_read else [f"{name}_in_future"],) for _, name, _ in records]
        assert_df_equality(found, spark.createDataFrame(reasons, "reasons array<string>"), ignore_nullable=True)


TIMES = {Transaction: ("event_time",), Label: ("event_time", "labelled_at"), Customer: ("updated_at",), Merchant: ("updated_at",)}


def _at(one: Any, usual: datetime, name: str, time: datetime) -> Any:
    """Returns the record with all its times at the usual one, but that of a name."""
    return replace(one, **dict.fromkeys(TIMES[type(one)], usual) | {name: time})


def test_a_tombstone_deletes_a_profile_and_nothing_else(spark: SparkSession, raw: Raw) -> None:
    tombstones = [
        (TOPIC_OF[kind], None, {"timestamp": AT, "key": key}) for kind in TOPIC_OF for key in (b"k-1", b" ", b"\xff", None)
    ]
    found = read(raw(*tombstones)).selectExpr(
        "kind", "deleted", "reasons", "coalesce(customer.card_id, merchant.terminal_id) AS id"
    )
    refused = ("rejected", None, ["tombstone"], None)
    rows = [refused] * 8 + [("customer", "k-1", None, None), *[refused] * 3, ("merchant", "k-1", None, None), *[refused] * 3]
    expected = spark.createDataFrame(rows, "kind string, deleted string, reasons array<string>, id string")
    assert_df_equality(found, expected, ignore_nullable=True)


def test_all_that_is_wrong_is_told_at_once(spark: SparkSession, raw: Raw) -> None:
    value = changed(card_id=..., amount="x", latitude="north", more=1, terminal_id=CARD)
    found = read(raw((TOPICS.transactions, value, {"timestamp": AT})), unknown_fields="refuse").select("reasons", "notes")
    reasons = ["unknown_field", "missing:card_id", "card_number:terminal_id", "invalid:amount"]
    assert_df_equality(found, spark.createDataFrame([(reasons, None)], T.StructType([REASONS, NOTES])), ignore_nullable=True)


def test_what_passes_is_a_setting(spark: SparkSession, raw: Raw) -> None:
    rows = raw(*((TOPICS.transactions, value, {"timestamp": AT}) for value in (changed(card_id=CARD), changed(more=1, most={}))))
    found = read(rows, card_numbers="pass").select("kind", "unknown")
    expected = spark.createDataFrame([("transaction", 0), ("transaction", 2)], "kind string, unknown int")
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
