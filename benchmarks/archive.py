"""What the archiver takes, by sink and by the length of a batch, and what COPY gains, what a detector loses and a timeline takes.

A detector has scored the payments before. Each run is an archiver of its own that finds all of them waiting: CPU time is that of
Python, its workers and the JVM, and counts from the moment at which WARM_UP of what a run copies is copied.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
from confluent_kafka import Consumer
from pyspark.sql import Row as PySparkRow

from benchmarks import detector
from benchmarks.cpu import CpuTime
from benchmarks.page import table
from configuration import KafkaConnection, TopicNames
from harness.detector import MICRO_BATCH, Archiver, scraped
from local.postgres import PostgresServer
from local.process import free_port
from local.screen import percentile
from spark_jobs.archive_settings import PostgresSettings
from spark_jobs.sinks.postgres.connection import address_of
from spark_jobs.sinks.postgres.lines import COLUMNS
from spark_jobs.sinks.postgres.schema import TABLES, make_partitions, migrate
from spark_jobs.sinks.postgres.sink import upsert

ROWS = 300_000
PACE = 5_000
"""Payments a second of which a batch has as many as come in so many seconds."""
BATCHES_S = (1, 2, 10)
BATCHES = 24
"""At most, of a run: short ones would take minutes."""
WARM_UP = 0.3
STEP_S = 0.2
MIB = 1024**2

COPIED, ROUNDS = 50_000, 3
RATE, WARM_UP_S, MEASURED_S, TRIGGER = 500, 30, 120, "realTime, checkpoint every 1m"

TIMELINE_ROWS, TIMELINE_CARDS, TIMELINE_DAYS = 10_000_000, 100_000, 90
ASKED, AT_ONCE = 500, 500_000
TIMELINE = "SELECT * FROM card_timeline WHERE card_id = %s AND at >= %s ORDER BY at DESC"
FILL = """
    INSERT INTO scored (event_time, key, transaction_id, card_id, customer_id, terminal_id, merchant_id, merchant_category, amount,
                        currency, channel, country, response_code, decision, rules, ruleset_version)
    SELECT %(begin)s + n * %(step)s::interval, sha256(n::text::bytea), 't' || n, 'card-' || (hashint4(n) & 2147483647) %% %(cards)s,
           'customer-' || n %% 50000, 'terminal-' || n %% 10000, 'merchant-' || n %% 5000, '5411', n %% 30000 / 100.0,
           'EUR', 'pos', 'FR', 'approved', 'approve', '{}', 'v'
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""

Row = dict[str, Any]


def section(kafka: KafkaConnection, folder: Path) -> str:
    """Returns what copying takes, by sink."""
    with _database(folder) as server:
        copied = copying(kafka, folder, server)
    columns = {"sink": "sinks", "seconds": "batch", "rows": "records", "rows_per_second": "records/s"}
    columns |= {"rows_per_second_per_core": "records/s/core", "batch_ms": "ms a batch", "mib": "MiB of the driver's Python"}
    return f"""\
{ROWS:,} payments of one day that a detector with the demo's rules has scored, and their alerts, wait in Kafka. A batch has as many
records as come in 1, 2 and 10 s at {PACE:,} a second, and the next one begins at once. CPU time is that of Python and JVM together,
without the database's. All sinks together read Kafka three times, and count each record three times. Nothing is collected to the
driver: its Python does not grow with the batch. (Goals: 20,000 records a second to PostgreSQL with a primary key and two indexes;
15,000 to all together; Delta within 150 ms of Parquet at 10,000 records.)

{table(tuple(columns.values()), [tuple(row[name] for name in columns) for row in copied])}"""


def beside_section(kafka: KafkaConnection, folder: Path) -> str:
    """Returns what a detector's alerts take with an archiver beside it."""
    with _database(folder) as server:
        found = latencies(kafka, folder, server)
    return f"""\
Payment to alert at {RATE} payments a second in real-time mode, without an archiver and with one beside it that writes to the three
sinks every minute, on the same two cores. (Goal: within 1.5 times at p99.)

{detector.latency_table(found)}"""


def copy_section(folder: Path) -> str:
    """Returns what COPY gains."""
    with _database(folder) as server:
        races = versus_executemany(server)
    return f"""\
{COPIED:,} scored rows into a table with the primary key and two indexes, each way in one transaction, in turn: by the archiver's
sink, which copies to a temporary table, and by `executemany`, which psycopg sends in pipelines. Rows a second of the wall clock,
client and database together; the database does not wait for the disk (`fsync=off`). (Goal: 5 times.)

{table(("round", "COPY", "executemany", "times"), races)}"""


def timeline_section(folder: Path) -> str:
    """Returns how soon a card's timeline is told."""
    with _database(folder) as server:
        told = timeline(server)
    return f"""\
A card's timeline of {TIMELINE_DAYS} days out of {told["rows"]:,} payments in PostgreSQL, `card_timeline`, {ASKED} cards at random,
each with {told["found"]} rows on average: p50 {told["p50"]:.1f} ms, p95 {told["p95"]:.1f} ms. (Goal: 50 ms at p95.)"""


def copying(kafka: KafkaConnection, folder: Path, server: PostgresServer) -> list[Row]:
    """Returns a measurement of each sink alone and of all at once, with short and with long batches."""
    topics = _scored(kafka, folder)
    found = []
    for names in (("parquet",), ("delta",), ("postgres",), ("parquet", "delta", "postgres")):
        for seconds in BATCHES_S:
            with server.connect() as database:
                _empty(database)
            home = folder / f"{'-'.join(names)}-{seconds}"
            home.mkdir()
            row = _copy(kafka, topics, home, _sinks(names, home, server), seconds * PACE)
            found.append({"sink": "all" if len(names) > 1 else names[0], "seconds": f"{seconds} s", **row})
    return found


def latencies(kafka: KafkaConnection, folder: Path, server: PostgresServer) -> list[Row]:
    """Returns what a detector's alerts take alone, and with an archiver beside it."""

    @contextmanager
    def archiver(topics: TopicNames) -> Iterator[None]:
        home = folder / "beside"
        home.mkdir()
        with server.connect() as database:
            _empty(database)
        one = Archiver(kafka, topics, home)
        one.settings |= {"sinks": _sinks(("parquet", "delta", "postgres"), home, server), "stop_timeout": "5s"}
        one.start("microBatch")
        try:
            yield
            assert one.alive, one.errors
        finally:
            one.kill()

    return [
        {**detector.latencies(kafka, folder, TRIGGER, RATE, WARM_UP_S, MEASURED_S, beside=beside), "mode": what}
        for what, beside in (("the detector alone", nullcontext), ("an archiver beside it", archiver))
    ]


def versus_executemany(server: PostgresServer) -> list[tuple[int, int, int, str]]:
    """Returns each round: its number, rows a second by the sink and by executemany, and how many times as many the first are."""
    address = address_of(PostgresSettings.model_validate(server.settings))
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    columns = ", ".join(COLUMNS["scored"])
    values = ", ".join(["%s"] * len(COLUMNS["scored"]))
    found = []
    with server.connect() as database:
        _empty(database)
        migrate(database)
        make_partitions(database, TABLES[0], [begin.date()])
        database.execute(FILL, {"begin": begin, "step": timedelta(milliseconds=1), "cards": 1_000, "first": 1, "last": COPIED})
        rows = database.execute(f"SELECT {columns} FROM scored").fetchall()  # noqa: S608
        with database.cursor().copy(f"COPY (SELECT {columns} FROM scored) TO STDOUT") as copy:  # noqa: S608
            lines = b"".join(bytes(part) for part in copy).decode().splitlines()
        for number in range(1, ROUNDS + 1):
            database.execute("TRUNCATE scored")
            database.execute("CHECKPOINT")
            began = time.perf_counter()
            upsert(address, "scored", COLUMNS["scored"], (PySparkRow(line) for line in lines))
            copied = time.perf_counter() - began
            database.execute("TRUNCATE scored")
            database.execute("CHECKPOINT")
            began = time.perf_counter()
            with database.transaction():
                insert = f"INSERT INTO scored ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608
                database.cursor().executemany(insert, rows)
            inserted = time.perf_counter() - began
            found.append((number, round(COPIED / copied), round(COPIED / inserted), f"{inserted / copied:.1f}"))
    return found


def timeline(server: PostgresServer) -> Row:
    """Returns `rows` in the database, `found` of a card, and `p50` and `p95` of asking for its timeline, in milliseconds."""
    now = datetime.now(UTC)
    begin = (now - timedelta(days=TIMELINE_DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    chosen = random.Random(20)  # noqa: S311 no secret
    times, found = [], 0
    with server.connect() as database:
        _fill(database, begin)
        for _ in range(ASKED):
            card = f"card-{chosen.randrange(TIMELINE_CARDS)}"
            began = time.perf_counter()
            found += len(database.execute(TIMELINE, (card, begin)).fetchall())
            times.append((time.perf_counter() - began) * 1000)
    told = {name: percentile(times, percent) for name, percent in (("p50", 50), ("p95", 95))}
    return {"rows": TIMELINE_ROWS, "found": round(found / ASKED), **told}


def _scored(kafka: KafkaConnection, folder: Path) -> TopicNames:
    topics = detector.paid_now(kafka, folder, ROWS, PACE)
    with detector.running(kafka, topics, folder, MICRO_BATCH, detector.DEMO_RULES, spark={"conf": detector.HEAP}) as writer:
        writer.until_scored(ROWS)
    return topics


def _sinks(names: Sequence[str], home: Path, server: PostgresServer) -> dict[str, Row]:
    ages = dict.fromkeys((table.name for table in TABLES), "36500d")
    return {
        name: {"type": "postgres", **server.settings, "retention": ages}
        if name == "postgres"
        else {"type": name, "path": str(home / name)}
        for name in names
    }


def _copy(kafka: KafkaConnection, topics: TopicNames, home: Path, sinks: Mapping[str, Row], max_offsets: int) -> Row:
    archiver, port = Archiver(kafka, topics, home), free_port()
    archiver.settings |= {"sinks": dict(sinks), "max_offsets": max_offsets, "metrics": {"port": port}}
    archiver.settings |= {"spark": {"conf": detector.HEAP}, "stop_timeout": "5s"}
    consumer = Consumer({**kafka.librdkafka(), "group.id": "benchmark"})
    names = (*topics.outputs(), topics.labels, topics.customers, topics.merchants)
    total = len(sinks) * min(BATCHES * max_offsets, sum(detector.records(consumer, name) for name in names))
    consumer.close()
    archiver.start("microBatch", trigger=MICRO_BATCH)
    try:
        used = CpuTime(archiver.pid)

        def until(count: float) -> tuple[float, float, float]:
            while (copied := _sum(port, "fraud_archive_rows_total")) < count:
                assert archiver.alive, archiver.errors
                assert not _sum(port, "fraud_archive_failures_total"), archiver.errors
                time.sleep(STEP_S)
            return copied, time.monotonic(), used.seconds()

        begun, ended = until(WARM_UP * total), until(total)
        mib = psutil.Process(archiver.pid).memory_info().rss / MIB
        assert archiver.stop() == 0, archiver.errors
    finally:
        archiver.kill()
    rows, wall, cpu = (after - before for before, after in zip(begun, ended, strict=True))
    return {
        "rows": round(rows),
        "rows_per_second": round(rows / wall),
        "rows_per_second_per_core": round(rows / cpu),
        "batch_ms": round(max_offsets * len(sinks) / (rows / wall) * 1000),
        "mib": round(mib),
    }


def _sum(port: int, name: str) -> float:
    """Returns a metric of all sinks together."""
    return sum(value for series, value in scraped(port).items() if series.startswith(f"{name}{{"))


@contextmanager
def _database(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder / "postgres")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _empty(database: psycopg.Connection) -> None:
    database.execute("DROP SCHEMA public CASCADE")
    database.execute("CREATE SCHEMA public")


def _fill(database: psycopg.Connection, begin: datetime) -> None:
    """Fills `scored` with payments of TIMELINE_CARDS cards, one after the other in time, by series that the database makes."""
    _empty(database)
    migrate(database)
    make_partitions(database, TABLES[0], [(begin + timedelta(days=day)).date() for day in range(TIMELINE_DAYS + 1)])
    step = timedelta(days=TIMELINE_DAYS) / TIMELINE_ROWS
    for first in range(0, TIMELINE_ROWS, AT_ONCE):
        values = {"begin": begin, "step": step, "cards": TIMELINE_CARDS, "first": first, "last": first + AT_ONCE - 1}
        database.execute(FILL, values)
    database.execute("VACUUM ANALYZE scored")
