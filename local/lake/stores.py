"""What each store has, as rows of one table in DuckDB. `Stores` holds it, `local.lake.verify` compares.

Of each record it has its own time in microseconds (`micros`), what it is known by (`key`, as in the database), the same for people
(`name`), how often the store has it (`n`), and how often it has had it long enough for the archiver to have copied it (`settled`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import BinaryIO

import duckdb
import psycopg
import pyarrow as pa
from confluent_kafka import Message, TopicPartition
from psycopg import sql

from configuration import KafkaConnection, require_topics
from contract import ContractError, Customer, Label, Merchant, decode
from contract.decoding import Tolerance
from local.reading import bounds, consumer_of, until_the_ends
from producer.layout import arrow_schema
from spark_jobs.archive_settings import ArchiveSettings
from spark_jobs.errors import UnusableDatabase
from spark_jobs.sinks.postgres.connection import Address, connected
from training.lake import KEYS, Lake
from watcher.records import is_receipt

GROUP = "fraud-lake"
AT_ONCE = 10_000
"""Records of Kafka that DuckDB takes at a time."""
PATIENCE_S = 600.0
"""How long the database may take for a table: it reads all of it."""

Shown = Callable[[Iterable[Message], int], Iterable[Message]]
"""Passes messages on, of so many, and shows how far it is."""

_KNOWN_BY = {
    "scored": ("event_time", f"sha256({KEYS['scored']})", "transaction_id"),
    "transactions": ("event_time", f"sha256({KEYS['scored']})", "transaction_id"),
    "alerts": ('"timestamp"', f"sha256({KEYS['alerts']})", "alert_id"),
    "labels": ("labelled_at", f"sha256({KEYS['labels']})", "transaction_id"),
    "rejected": ('"timestamp"', "concat_ws('/', topic, partition, \"offset\")", "concat_ws('/', topic, partition, \"offset\")"),
    "customers": ("updated_at", "card_id", "card_id"),
    "merchants": ("updated_at", "terminal_id", "terminal_id"),
}
"""Of each dataset that is compared its time, key and name."""

IN_DATABASE = {
    "scored": ("event_time", "transaction_id"),
    "alerts": ("timestamp", "alert_id"),
    "labels": ("labelled_at", "transaction_id"),
}
"""Its tables, with their time and name."""

_IN_JSON = {
    "scored": {name: f"$.transaction.{name}" for name in ("transaction_id", "card_id", "event_time")},
    "alerts": {name: f"$.{name}" for name in ("alert_id", "timestamp")},
    "rejected": {name: f"$.{name}" for name in ("topic", "partition", "offset", "timestamp")},
}
"""Where the detector's records have what a dataset is known by."""

_LEARNT: Mapping[str, type] = {"labels": Label, "customers": Customer, "merchants": Merchant}
"""What the detector learns from, as it was sent."""

_ORIGIN = re.compile(rb"[a-zA-Z0-9._-]{1,249}/\d{1,9}/\d{1,18}(/\d{1,9})?")
_BESIDE = pa.schema([("place", pa.string()), ("written", pa.int64())])
_BATCH = pa.schema([("dataset", pa.string()), ("value", pa.string()), ("origin", pa.binary()), *_BESIDE])


class Stores:
    """A context manager: what is found is kept in a file that is gone afterwards, as it may be more than memory holds."""

    def __enter__(self) -> "Stores":
        self._folder = TemporaryDirectory(prefix="fraud-lake-")
        self.found = duckdb.connect(f"{self._folder.name}/found.db")
        self.found.execute("SET TimeZone = 'UTC'")
        columns = "store VARCHAR, dataset VARCHAR, micros BIGINT, key VARCHAR, name VARCHAR, n BIGINT, settled BIGINT"
        self.found.execute(f"CREATE TABLE found ({columns})")
        self.found.execute("CREATE TABLE unreadable (place VARCHAR)")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.found.close()
        self._folder.cleanup()

    def add_lake(self, lake: Lake) -> None:
        """Adds what the lake has."""
        for name, (time, key, shown) in _KNOWN_BY.items():
            if (rows := lake.rows(name)) is not None:
                self.found.register("rows", rows)
                counted = f"epoch_us({time}), {key}, min({shown}), count(*), 0"
                with lake.reached():
                    self.found.execute(f"INSERT INTO found SELECT 'lake', '{name}', {counted} FROM rows GROUP BY 3, 4")  # noqa: S608
        if (rows := lake.rows("unreadable")) is not None:
            self.found.register("rows", rows)
            with lake.reached():
                self.found.execute("INSERT INTO unreadable SELECT concat_ws('/', topic, partition, \"offset\") FROM rows")

    def add_kafka(self, settings: ArchiveSettings, until: datetime, show: Shown) -> frozenset[str]:
        """Adds what Kafka still has of what the archiver copies; returns the names of the datasets that this tells of.

        Of what the detector has written repeats, which have the same input record, count once. Labels and profiles are those in
        the contract's form: where one topic of a kind is mapped, Spark alone can read it, and the kind is left out. After the lake,
        whose unreadable records are left out. Settled is what Kafka has had since `until`.

        Raises:
            BrokerUnreachable, MissingTopic, NoRecords: it cannot be read.
        """
        columns = "dataset VARCHAR, micros BIGINT, key VARCHAR, name VARCHAR, origin BLOB, is_settled BOOLEAN"
        self.found.execute(f"CREATE TABLE told ({columns})")
        topics, settled_ms = settings.topics, int(until.timestamp() * 1000)
        said = {topics.scored: "scored", topics.alerts: "alerts", topics.rejected: "rejected"}
        sent = _learnt(settings)
        messages = _messages(settings.kafka, [*said, *sent], show)
        while some := list(islice(messages, AT_ONCE)):
            of_detector = [one for one in some if one.topic() in said and not is_receipt(one.value(), one.headers())]
            self.found.register("batch", pa.Table.from_pylist([_row(one, said) for one in of_detector], schema=_BATCH))
            for name in said.values():
                self.found.execute(_told(name), [settled_ms])
            for topic, name in sent.items():
                self._add_sent(name, [one for one in some if one.topic() == topic], settings.limits.tolerance, settled_ms)
        once = "count(DISTINCT origin) {0} + count(*) FILTER (origin IS NULL {1})"
        settled = once.format("FILTER (is_settled)", "AND is_settled")
        self.found.execute(
            f"""INSERT INTO found SELECT 'kafka', dataset, micros, key, min(name), {once.format("", "")}, {settled}
            FROM told GROUP BY dataset, micros, key"""  # noqa: S608
        )
        self.found.execute(
            "INSERT INTO found SELECT 'kafka', 'transactions', micros, key, name, n, settled FROM found"
            " WHERE store = 'kafka' AND dataset = 'scored'"
        )
        return frozenset({"transactions", *said.values(), *sent.values()})

    def _add_sent(self, name: str, messages: list[Message], tolerance: Tolerance, settled_ms: int) -> None:
        """Adds labels or profiles, as the archiver reads them; what it cannot read it keeps as unreadable."""
        kind, rows = _LEARNT[name], []
        for one in messages:
            with suppress(ContractError):
                rows.append({**asdict(decode(kind, one.value(), tolerance)), "place": _place(one), "written": one.timestamp()[1]})
        self.found.register("batch", pa.Table.from_pylist(rows, schema=pa.schema([*arrow_schema(kind), *_BESIDE])))
        time, key, shown = _KNOWN_BY[name]
        self.found.execute(
            f"INSERT INTO told SELECT '{name}', epoch_us({time}), {key}, {shown}, NULL, written <= ?"  # noqa: S608
            " FROM batch WHERE place NOT IN (FROM unreadable)",
            [settled_ms],
        )

    def add_database(self, address: Address, kept_from: Mapping[str, date]) -> date:
        """Adds what the database has of the days that each of its tables keeps; returns the day on which it was begun.

        Raises:
            UnusableDatabase: it cannot be read.
        """
        file, address = Path(self._folder.name) / "rows.csv", address._replace(timeout_s=PATIENCE_S)
        for table, begin in kept_from.items():
            with _read(), file.open("wb") as out, connected(address) as connection:
                _copy(connection, table, begin, out)
            columns = {"micros": "BIGINT", "key": "VARCHAR", "name": "VARCHAR"}
            self.found.execute(
                f"INSERT INTO found SELECT 'database', '{table}', micros, key, name, 1, 1"  # noqa: S608
                f" FROM read_csv('{file}', header = false, columns = {columns}, auto_detect = false, delim = ',', quote = '\"')"
            )
        with _read(), connected(address) as connection:
            (begun,) = connection.execute("SELECT CAST(min(applied_at) AS date) FROM fraud_migrations").fetchone() or (None,)
        return begun or date.min


def _told(name: str) -> str:
    """Returns the statement that adds a batch's records of a dataset: those that are what the archiver takes for it."""
    time, key, shown = _KNOWN_BY[name]
    paths = _IN_JSON[name]
    fields = (
        f'TRY_CAST(parts[{number}] AS TIMESTAMPTZ) AS "{one}"' if one == time.strip('"') else f'parts[{number}] AS "{one}"'
        for number, one in enumerate(paths, 1)
    )
    return f"""INSERT INTO told
    SELECT '{name}', epoch_us({time}), {key}, {shown}, origin, written <= ? FROM (
        SELECT {", ".join(fields)}, origin, written, place FROM (
            SELECT CASE WHEN json_valid(value) THEN json_extract_string(value, {list(paths.values())}) END AS parts, *
            FROM batch WHERE dataset = '{name}'))
    WHERE {time} IS NOT NULL AND {shown} IS NOT NULL AND place NOT IN (FROM unreadable)"""  # noqa: S608


def _row(message: Message, dataset_of: dict[str, str]) -> dict[str, object]:
    topic, value = message.topic() or "", message.value()
    return {
        "dataset": dataset_of[topic],
        "value": None if value is None else value.decode(errors="replace"),
        "origin": _origin(message),
        "place": _place(message),
        "written": message.timestamp()[1],
    }


def _place(message: Message) -> str:
    return f"{message.topic()}/{message.partition()}/{message.offset()}"


def _learnt(settings: ArchiveSettings) -> dict[str, str]:
    """Returns the datasets of labels and profiles whose topics have the contract's form, by topic."""
    plain = {kind: inputs for kind, inputs in settings.inputs.items() if all(one.fields is None for one in inputs)}
    return {str(one.topic): f"{kind}s" for kind, inputs in plain.items() for one in inputs}


def _origin(message: Message) -> bytes | None:
    """Returns the input record that one came of; None where the headers do not tell it, and so for the archiver never a repeat."""
    told = dict(reversed(message.headers() or []))  # of several with a name the first counts
    parts = [told.get(f"input-{name}") for name in ("topic", "partition", "offset")]
    if told.get("input-element") is not None:
        parts.append(told["input-element"])
    place = b"/".join(one if isinstance(one, bytes) else b"" for one in parts)
    return place if _ORIGIN.fullmatch(place) else None


def _messages(connection: KafkaConnection, topics: list[str], show: Shown) -> Iterator[Message]:
    partitions = require_topics(connection, topics)
    consumer = consumer_of(connection, GROUP)
    try:
        starts, total = [], 0
        for topic in topics:
            for number in range(partitions[topic]):
                first, end = bounds(consumer, topic, number)
                if first < end:
                    starts.append(TopicPartition(topic, number, first))
                    total += end - first
        consumer.assign(starts)
        yield from show(until_the_ends(consumer, len(starts)), total)
    finally:
        consumer.close()


@contextmanager
def _read() -> Iterator[None]:
    try:
        yield
    except UnusableDatabase as error:
        raise UnusableDatabase(error.what, "Check the sink's settings; its user has to be able to read its tables.") from None


def _copy(connection: psycopg.Connection, table: str, begin: date, out: BinaryIO) -> None:
    """Writes micros, key and name of a table's rows as CSV."""
    time, name = map(sql.Identifier, IN_DATABASE[table])
    query = sql.SQL(
        "COPY (SELECT (extract(epoch FROM {time}) * 1000000)::bigint, encode(key, 'hex'), {name} FROM {table}"
        " WHERE {time} >= {begin}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"
    ).format(time=time, name=name, table=sql.Identifier(table), begin=sql.Literal(f"{begin.isoformat()} 00:00:00+00"))
    with connection.cursor().copy(query) as copy:
        for some in copy:
            out.write(some)
