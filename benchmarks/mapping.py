"""What mapping costs: `decode` of contract JSON, of mapped JSON and of framed Avro, on the same payments in memory.

CPU time of Python and JVM, less that of reading the rows; medians of some rounds on a warm JVM.
"""

import io
import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fastavro
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.cpu import CpuTime
from benchmarks.history import session_of_two
from benchmarks.page import table
from contract import Topics, Transaction
from contract.fields import fields_of
from spark_jobs.input_settings import InputSettings
from spark_jobs.settings import Limits
from spark_jobs.sources import inputs_of
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.mapping import mapping

ROWS, PARTS, ROUNDS = 400_000, 2, 5
DISTINCT = 1_000
LIMITS = Limits()
TOPICS = Topics()
COLUMNS = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, timestampType int, "
    "headers array<struct<key:string,value:binary>>, read_by timestamp"
)
AVRO_FIELDS: list[dict[str, Any]] = [
    {"name": one.name, "type": "string" if one.required else ["null", "double" if one.scalar.python is float else "string"]}
    for one in fields_of(Transaction)
]
SCHEMA = {"type": "record", "name": "Transaction", "fields": AVRO_FIELDS}
FIELDS = {
    "transaction_id": "$.payload.after.transaction_id",
    "event_time": "epoch_micros(body:payload.after.event_time)",
    "card_id": "$.payload.after.card_id",
    "customer_id": "$.payload.after.customer_id",
    "terminal_id": "$.payload.after.terminal_id",
    "merchant_id": "$.payload.after.merchant_id",
    "merchant_category": "$.payload.after.merchant_category",
    "amount": "minor_units(body:payload.after.amount, body:payload.after.currency)",
    "currency": "$.payload.after.currency",
    "channel": "$.payload.after.channel",
    "country": "$.payload.after.country",
    "response_code": "response_of(body:payload.after.response_code)",
    "latitude": "$.payload.after.latitude",
    "longitude": "$.payload.after.longitude",
}
"""Fourteen fields, as a Debezium envelope has them: eleven paths and three functions."""


def section(folder: Path) -> str:
    """Returns the section's text."""
    spark = session_of_two(folder)
    try:
        costs = measure(spark)
    finally:
        spark.stop()
    contract = costs["contract JSON"]
    rows = [(what, f"{cost:.2f}", f"{cost / contract:.2f}") for what, cost in costs.items()]
    return f"""\
{ROWS:,} payments in memory, CPU time of `mapping` and `decode` for a record, less that of reading the rows: medians of {ROUNDS}
rounds. Mapped JSON is a Debezium envelope, {len(FIELDS)} fields, three of them by functions. Avro is framed by a registry and has
the contract's fields, {len(AVRO_FIELDS)} paths. (Goals: 2.5 times for mapped JSON, 1.5 for Avro.)

{table(("value", "microseconds a record", "times"), rows)}"""


def measure(spark: SparkSession) -> dict[str, float]:
    """Returns microseconds of CPU time a record, by the form of the value."""
    cpu = CpuTime(spark.sparkContext._gateway.proc.pid)  # type: ignore[union-attr]
    found = {}
    with _registry() as url:
        registry = {"url": url}
        straight = {one.name: f"$.{one.name}" for one in fields_of(Transaction)}
        forms: dict[str, tuple[Callable[[int], bytes], dict[str, Any]]] = {
            "contract JSON": (_contract, {}),
            "mapped JSON": (_envelope, {"transactions": {"fields": FIELDS}}),
            "framed Avro": (_avro, {"registry": registry, "transactions": {"format": "avro", "fields": straight}}),
        }
        for name, (value, settings) in forms.items():
            raw = _raw(spark, value).persist(StorageLevel.MEMORY_ONLY)
            inputs = inputs_of(InputSettings.model_validate(settings), TOPICS)
            events = decode(mapping(raw, inputs, LIMITS.max_bytes), LIMITS)
            assert events.where("kind <> 'transaction'").isEmpty(), f"{name} is not read"
            reading = cpu.of_reading(raw.select(F.hash("key", "value", "topic", "timestamp")), ROUNDS, warm_up=2)
            read = events.select(F.hash("kind", "ingest_time", "transaction", "reasons", "source"))
            decoding = cpu.of_reading(read, ROUNDS, warm_up=2)
            found[name] = (decoding - reading) / ROWS * 1e6
            raw.unpersist()
    return found


def _raw(spark: SparkSession, value: Callable[[int], bytes]) -> DataFrame:
    few = spark.createDataFrame([(number, value(number)) for number in range(DISTINCT)], "number int, value binary")
    topic = F.lit(TOPICS.transactions)
    many = few.crossJoin(F.broadcast(spark.range(ROWS // DISTINCT))).repartition(PARTS)
    given = {"value": F.col("value"), "topic": topic, "timestamp": F.expr("TIMESTAMP '2026-01-01 00:00:00Z'"), "key": F.lit(b"k")}
    given["read_by"] = given["timestamp"]
    fields = (one.split(" ", 1) for one in COLUMNS.split(", "))
    return many.select(*(given.get(name, F.lit(None)).cast(kind).alias(name) for name, kind in fields))


def _payment(number: int) -> dict[str, Any]:
    return {
        "transaction_id": f"transaction-{number:08}",
        "event_time": "2026-01-01T00:00:00.250000Z",
        "card_id": f"card-{number:016x}",
        "customer_id": f"C{number:06}",
        "terminal_id": f"T{number % 97:06}",
        "merchant_id": f"M{number % 31:06}",
        "merchant_category": "5411",
        "amount": f"{number % 300}.50",
        "currency": "EUR",
        "channel": "pos",
        "country": "FR",
        "response_code": "approved",
        "latitude": 48.85 + number / 1e5,
        "longitude": 2.35 + number / 1e5,
    }


def _contract(number: int) -> bytes:
    return json.dumps(_payment(number), separators=(",", ":")).encode()


def _envelope(number: int) -> bytes:
    row = _payment(number) | {"event_time": 1767225600250000, "amount": (number % 300) * 100 + 50, "response_code": "00"}
    payload = {"before": None, "after": row, "source": {"db": "bank", "table": "payments", "lsn": number}, "op": "c", "ts_ms": 1}
    return json.dumps({"schema": {"type": "struct", "name": "Envelope"}, "payload": payload}, separators=(",", ":")).encode()


def _avro(number: int) -> bytes:
    out = io.BytesIO()
    out.write(struct.pack(">bI", 0, 1))
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), {one["name"]: None for one in AVRO_FIELDS} | _payment(number))
    return out.getvalue()


@contextmanager
def _registry() -> Iterator[str]:
    """Yields the URL of a registry that has the one schema."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"schema": json.dumps(SCHEMA)}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
