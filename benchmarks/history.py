"""How fast exact history is: the kernel against Python state on the same features, against the number of keys, and after a restart.

The stream reads Parquet, a file a batch, and counts what comes out: neither Kafka nor JSON is in the figures. Rows a second of one
core: the CPU time of Python, its workers and the JVM together; the first half of the files warms up and does not count.
"""

import os
import subprocess
import sys
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.state import GroupStateTimeout
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from benchmarks.cpu import CpuTime
from harness.worlds import batch_features, data_set
from spark_jobs import checkpoint, session
from spark_jobs.aggregations import GroupBy
from spark_jobs.features import CARD
from spark_jobs.kept_plans import plan_of
from spark_jobs.moves import Move
from spark_jobs.schema import KINDS, schema
from spark_jobs.settings import S3, Spark
from spark_jobs.transforms.decode import BESIDE
from spark_jobs.transforms.history import history
from spark_jobs.vocabulary import Aggregation, Operation, days, hours

HOUR, DAY = 3_600_000_000, 86_400_000_000
SPAN_S = 10 * 86_400
"""Event time that all rows span: at 50 rows a key five lie in a window of a day."""
FILES = 4
ALL_FILES = range(FILES)
SMALL = GroupBy(
    name="card",
    key="card_id",
    retention=days(2),
    aggregations=(
        Aggregation(Operation.COUNT, windows=(hours(1), days(1))),
        Aggregation(Operation.SUM, "amount", windows=(hours(1), days(1))),
    ),
)
NAMES = ("card_count_1h", "card_count_1d", "card_sum_amount_1h", "card_sum_amount_1d")
RESULT = ", ".join(f"{name} double" for name in NAMES)
STATE = "times array<bigint>, cents array<bigint>"
PACKED_STATE = "times binary, cents binary"
"""applyInPandasWithState of Spark 4.3.0 cannot read a state of arrays back."""
Contestant = Callable[[DataFrame], DataFrame]


def session_of_two(folder: Path) -> SparkSession:
    """Returns a session on two cores, whose Python workers are this Python, and whose log is in the folder."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    return session.build("benchmark", Spark(master="local[2]", conf={"spark.driver.memory": "6g"}), S3(), 1, folder)


def write_events(spark: SparkSession, folder: Path, rows: int, keys: int, files: range = ALL_FILES) -> None:
    """Writes decoded payments in event-time order, each with a card of `keys` at random; `files` of the FILES that hold `rows`."""
    step = SPAN_S * 1_000_000 // rows
    payment = {
        "transaction_id": "concat('t', id)",
        "event_time": f"timestamp_micros(1522540800000000 + id * {step})",
        "card_id": f"concat('card-', pmod(xxhash64(id), {keys}))",
        "amount": "CAST(pmod(xxhash64(id, 1), 10000) / 100 AS DECIMAL(14,3))",
        "terminal_id": "concat('terminal-', pmod(xxhash64(id, 2), 1000))",
        "response_code": "'approved'",
    }
    transaction = F.struct(
        *(F.expr(payment.get(one.name, "NULL")).cast(one.dataType).alias(one.name) for one in schema(KINDS["transaction"]))
    )
    others = [F.lit(None).cast(schema(record)).alias(kind) for kind, record in KINDS.items() if kind != "transaction"]
    for number in files:
        spark.range(rows * number // FILES, rows * (number + 1) // FILES, 1, 1).select(
            F.lit("transaction").alias("kind"),
            F.expr(payment["event_time"]).alias("ingest_time"),
            transaction.alias("transaction"),
            *others,
            *(F.lit(None).cast(of).alias(name) for name, of in BESIDE.items()),
        ).write.mode("append").parquet(str(folder))


def kernel(events: DataFrame) -> DataFrame:
    """Returns the results of SMALL for each payment, by the kernel, of the columns that these need."""
    payment = F.struct(
        *(f"transaction.{name}" for name in ("transaction_id", "event_time", "card_id", "amount", "transaction_type"))
    )
    return _results(events.withColumn("transaction", payment).drop("ingest_time", "notes", "unknown", "reasons"), SMALL)


def transform_with_state(events: DataFrame) -> DataFrame:
    """Returns what `kernel` does, by a Python StatefulProcessor."""
    rows = _plain(events).groupBy("card_id")
    return rows.transformWithState(_Windows(), outputStructType=RESULT, outputMode="Update", timeMode="None")


def apply_in_pandas(events: DataFrame) -> DataFrame:
    """Returns what `kernel` does, by applyInPandasWithState."""

    def update(key: Any, frames: Iterator[pd.DataFrame], state: Any) -> Iterator[pd.DataFrame]:  # noqa: ARG001 the signature is Spark's
        times, cents = (array("q", packed).tolist() for packed in state.get) if state.exists else ([], [])
        for frame in frames:
            rows = zip(frame["time"].tolist(), frame["cents"].tolist(), strict=True)
            yield pd.DataFrame(_windows(times, cents, rows), columns=list(NAMES), dtype="float64")
        state.update((array("q", times).tobytes(), array("q", cents).tobytes()))

    rows = _plain(events).groupBy("card_id")
    return rows.applyInPandasWithState(update, RESULT, PACKED_STATE, "update", GroupStateTimeout.NoTimeout)


CONTESTANTS: dict[str, Contestant] = {
    "kernel": kernel,
    "Python transformWithState": transform_with_state,
    "Python applyInPandasWithState": apply_in_pandas,
}


class _Windows(StatefulProcessor):
    def init(self, handle: StatefulProcessorHandle) -> None:
        self._state = handle.getValueState("events", STATE)

    def handleInputRows(self, key: Any, rows: Iterator[Row], timerValues: Any) -> Iterator[Row]:  # noqa: ARG002, N802, N803 Spark's names
        found: Any = self._state.get()
        times, cents = (list(found[0]), list(found[1])) if found else ([], [])
        named = Row(*NAMES)
        arrived = sorted((row["time"], row["cents"]) for row in rows)
        for values in _windows(times, cents, arrived):
            yield named(*values)
        self._state.update((times, cents))

    def close(self) -> None:
        pass


def _plain(events: DataFrame) -> DataFrame:
    columns = (
        "transaction.card_id",
        "unix_micros(transaction.event_time) AS time",
        "CAST(transaction.amount * 100 AS BIGINT) AS cents",
    )
    return events.selectExpr(*columns)


def _windows(times: list[int], cents: list[int], rows: Any) -> list[tuple[float, float, float, float]]:
    found = []
    for time_, amount in rows:
        times.append(time_)
        cents.append(amount)
        hour = bisect_right(times, time_ - HOUR)
        day = bisect_right(times, time_ - DAY)
        del times[:day], cents[:day]
        hour -= day
        found.append((float(len(times) - hour), float(len(times)), sum(cents[hour:]) / 100, sum(cents) / 100))
    return found


def run(spark: SparkSession, folder: Path, place: Path, results: Contestant) -> dict[str, Any]:
    """Returns `rows`, `rows_per_second_per_core`, `check` (the sum of all results) of a stream over all files not read before."""
    events = spark.readStream.schema(spark.read.parquet(str(folder)).schema).option("maxFilesPerTrigger", 1).parquet(str(folder))
    done: list[tuple[int, float, float]] = []
    cpu = CpuTime(os.getpid())
    began = cpu.seconds()

    def count(batch: DataFrame, _: int) -> None:
        total = F.expr(" + ".join(f"coalesce(sum(`{name}`), 0)" for name in batch.columns))
        (row,) = batch.agg(F.count(F.lit(1)), total).collect()
        done.append((row[0], row[1], cpu.seconds()))

    results(events).writeStream.foreachBatch(count).outputMode("update").option("checkpointLocation", str(place)).trigger(
        availableNow=True
    ).start().awaitTermination()
    warm = len(done) // 2
    rows = sum(one[0] for one in done[warm:])
    taken = done[-1][2] - (done[warm - 1][2] if warm else began)
    return {"rows": rows, "rows_per_second_per_core": round(rows / taken), "check": round(sum(one[1] for one in done), 2)}


def versus_python(spark: SparkSession, folder: Path, rows: int, keys: int, runs: int) -> list[dict[str, Any]]:
    """Returns one dict a run and contestant: `keys`, `run`, `what` and what `run` returns. All must come to the same results."""
    events = folder / f"payments-{keys}"
    write_events(spark, events, rows, keys)
    found = [
        {"keys": keys, "run": number, "what": what, **run(spark, events, folder / f"{what} {keys} {number}", one)}
        for number in range(1, runs + 1)
        for what, one in CONTESTANTS.items()
    ]
    assert len({one["check"] for one in found}) == 1, found
    return found


def by_keys(spark: SparkSession, folder: Path, counts: Sequence[int], rows: int) -> list[dict[str, Any]]:
    """Returns one dict a number of keys: `keys`, `state_bytes_per_key` and what `run` returns, with all aggregations of CARD.

    The last file is left for `restart`.
    """
    found = []
    for keys in counts:
        events, place = _folders(folder, keys)
        write_events(spark, events, rows, keys, ALL_FILES[:-1])
        measured = run(spark, events, place, _card)
        state = sum(one.stat().st_size for one in (place / "state").rglob("*") if one.is_file())
        found.append({"keys": keys, "state_bytes_per_key": round(state / keys), **measured})
        write_events(spark, events, rows, keys, ALL_FILES[-1:])
    return found


def restart(folder: Path, keys: int) -> float:
    """Returns the seconds from the start of a new process to the first results from the state that `by_keys` left."""
    began = time.time()
    command = [sys.executable, "-m", "benchmarks.history", str(folder), str(keys)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout) - began


def migrate(spark: SparkSession, folder: Path, keys: int, group: GroupBy) -> dict[str, Any]:
    """Returns `keys`, `payments` and `seconds` of a migration of the state that `by_keys` left, to a group's plan."""
    _, old = _folders(folder, keys)
    empty = folder / "no keys"
    spark.createDataFrame([], "key string").coalesce(1).write.mode("overwrite").parquet(str(empty))
    (step,) = checkpoint.steps(spark, str(old))
    began = time.monotonic()
    pages = checkpoint.read_state(spark, str(old), checkpoint.require_newest(spark, str(old)).batch, step)
    move = Move(spark, group, plan_of(CARD), pages)
    moved = move.step(spark.readStream.schema("key string").parquet(str(empty)).fillna(""))
    writer = moved.writeStream.format("noop").outputMode("update").option("checkpointLocation", f"{old} {group.plan_hash[:8]}")
    writer.trigger(availableNow=True).start().awaitTermination()
    return {"keys": move.count.keys(), "payments": move.count.payments(), "seconds": round(time.monotonic() - began, 1)}


def features_for_training(folder: Path) -> dict[str, Any]:
    """Returns `rows` and `seconds` of a whole run of write_features, start included, over the Handbook's world."""
    data = data_set(folder / "world", "--days", "183")
    began = time.monotonic()
    rows = len(batch_features(data, folder / "features"))
    return {"rows": rows, "seconds": round(time.monotonic() - began, 1)}


def _go_on(folder: Path, keys: int) -> None:
    spark = session_of_two(folder)
    events, place = _folders(folder, keys)
    run(spark, events, place, _card)
    sys.stdout.write(str(time.time()))
    spark.stop()


def _folders(folder: Path, keys: int) -> tuple[Path, Path]:
    return folder / f"events-{keys}", folder / f"state-{keys}"


def _card(events: DataFrame) -> DataFrame:
    return _results(events, CARD)


def _results(events: DataFrame, group: GroupBy) -> DataFrame:
    return history(events, group).select(f"{group.name}.*")


if __name__ == "__main__":
    _go_on(Path(sys.argv[1]), int(sys.argv[2]))
