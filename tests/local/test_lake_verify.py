"""Kafka, lake and database are compared record by record; what is missing or twice is told by its day. No Spark is needed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from click.testing import Result
from deltalake import write_deltalake
from typer.testing import CliRunner

from configuration import KafkaConnection, TopicNames
from contract import Customer, Label, Rejected, Transaction, encode
from contract.fields import fields_of
from harness.kafka import send
from local.cli import app
from local.errors import NoSink
from local.postgres import PostgresServer
from spark_jobs.archive_settings import PostgresSettings
from spark_jobs.errors import UnusableDatabase
from spark_jobs.sinks.postgres.connection import address_of, connected
from spark_jobs.sinks.postgres.schema import TABLES, make_partitions, migrate
from tests.lake import write_delta
from tests.records import AT, alert, scored, transaction

AGES = {"scored": "36500d", "alerts": "36500d", "labels": "36500d"}
PAID = [transaction(transaction_id=f"t{number}", event_time=AT + timedelta(days=number % 2)) for number in range(6)]
DAYS = [str(AT.date()), str(AT.date() + timedelta(days=1))]
LETTER = Rejected(topic="x", partition=0, offset=1, timestamp=AT, reasons=("empty",), schema_version=3, value=b"\x00\xff")


class Stores:
    """A lake, a database and topics, of which each is filled by itself."""

    def __init__(self, home: Path, kafka: KafkaConnection, topics: TopicNames, server: PostgresServer) -> None:
        self.lake, self._kafka, self._topics, self._server = home / "lake", kafka, topics, server
        self._batches = 0
        sinks = {"base": {"type": "postgres", **server.settings, "retention": AGES}}
        settings = {"kafka": {"bootstrap_servers": kafka.bootstrap_servers}, "topics": asdict(topics), "sinks": sinks}
        (home / "archive.yaml").write_text(yaml.safe_dump(settings))
        self.config = f"--config={home / 'archive.yaml'}"

    def archive(self, paid: Sequence[Transaction]) -> None:
        write_delta(self.lake, "scored", [scored(one) for one in paid], self._batches)
        write_delta(self.lake, "transactions", paid, self._batches)
        write_delta(self.lake, "alerts", [alert(one) for one in paid], self._batches)
        self._batches += 1

    def say(self, numbers: Sequence[int], first: int = 0) -> None:
        """Sends what a detector says of these payments, whose input records begin at an offset."""
        address, topics = self._kafka.bootstrap_servers, self._topics
        came_of = [[("input-topic", b"t"), ("input-partition", b"0"), ("input-offset", b"%d" % (first + one))] for one in numbers]
        paid = [PAID[one] for one in numbers]
        send(address, topics.scored, [(b"k", encode(scored(one)), told) for one, told in zip(paid, came_of, strict=True)])
        send(address, topics.alerts, [(b"k", encode(alert(one)), told) for one, told in zip(paid, came_of, strict=True)])

    def send(self, topic: str, *records: tuple[Any, ...]) -> None:
        send(self._kafka.bootstrap_servers, getattr(self._topics, topic), records)

    def insert(self, scored_ones: Sequence[Transaction], alerts: Sequence[Transaction]) -> None:
        """Makes the database anew, as of an archiver that was begun before all of them."""
        with self._server.connect() as found:
            found.execute("DROP SCHEMA public CASCADE")
            found.execute("CREATE SCHEMA public")
        asked = PostgresSettings.model_validate({"type": "postgres", **self._server.settings})
        with connected(address_of(asked)) as connection:
            migrate(connection)
            connection.execute("UPDATE fraud_migrations SET applied_at = '2018-01-01'")
            for table in TABLES:
                make_partitions(connection, table, {AT.date(), AT.date() + timedelta(days=1)})
            for one in scored_ones:
                key = hashlib.sha256(f"{one.transaction_id}\n{one.card_id}".encode()).digest()
                row = asdict(one) | {"key": key, "decision": "review", "rules": [], "ruleset_version": "v"}
                _insert(connection, "scored", row)
            for payment in alerts:
                warned = alert(payment)
                row = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(warned).items()}
                _insert(connection, "alerts", row | {"key": hashlib.sha256(warned.alert_id.encode()).digest()})

    def verify(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["lake", "verify", str(self.lake), self.config, *arguments])

    def wrong(self, *arguments: str) -> list[tuple[Any, ...]]:
        """Returns dataset, day, the three counts of what is wrong, and the example, of each day on which something is."""
        done = self.verify("--lag", "0s", *arguments, "--json")
        assert done.exit_code in (0, 1), done.output or done.exception
        found = json.loads(done.stdout)
        names = ("missing_in_lake", "missing_in_database", "twice")
        told = [one for one in found["days"] if any(one[name] for name in names)]
        assert (found["ok"], done.exit_code) == (not told, 1 if told else 0)
        return [(one["dataset"], one["day"], *(one[name] for name in names), one["example"]) for one in told]


def _insert(connection: Any, table: str, row: dict[str, Any]) -> None:
    columns = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (table,)
    ).fetchall()
    row = {name: value for name, value in row.items() if (name,) in columns and value is not None}
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values()))  # noqa: S608


@pytest.fixture
def stores(home: Path, kafka: KafkaConnection, topics: TopicNames, database: PostgresServer) -> Stores:
    return Stores(home, kafka, topics, database)


def test_a_lake_that_has_everything_once_is_told_so(stores: Stores) -> None:
    stores.archive(PAID)
    stores.say([1, 3, 5])  # Kafka has deleted the other day
    stores.say([3, 5])  # a detector's repeat
    stores.insert(PAID, PAID)
    write_delta(stores.lake, "rejected", [LETTER], 0)
    stores.send("rejected", (b"k", encode(LETTER)), (b"x/0/1", None, [("replayed", b"1")]), (b"k", b"no letter"), (b"k", None))
    assert stores.wrong("--kafka", "--database", "base") == []
    done = stores.verify("--kafka", "--database", "base")
    assert (done.exit_code, "Nothing is missing" in done.output) == (0, True), done.output
    days = {(one["dataset"], one["day"]): one for one in json.loads(stores.verify("--json").stdout)["days"]}
    assert (days["scored", DAYS[0]]["lake"], days["scored", DAYS[0]]["kafka"]) == (3, None)


def test_what_kafka_has_and_the_lake_has_not_is_missing(stores: Stores) -> None:
    stores.archive([PAID[0], PAID[2]])
    stores.say(range(6))
    stores.send("rejected", (b"k", encode(LETTER)))
    assert stores.wrong("--kafka") == [
        ("alerts", DAYS[0], 1, 0, 0, "alert-t4"),
        ("alerts", DAYS[1], 3, 0, 0, "alert-t1"),
        ("rejected", DAYS[0], 1, 0, 0, "x/0/1"),
        ("scored", DAYS[0], 1, 0, 0, "t4"),
        ("scored", DAYS[1], 3, 0, 0, "t1"),
        ("transactions", DAYS[0], 1, 0, 0, "t4"),
        ("transactions", DAYS[1], 3, 0, 0, "t1"),
    ]
    done = stores.verify("--kafka")
    assert done.exit_code == 0, "it came a moment ago, and may be on its way"
    done = stores.verify("--kafka", "--lag", "0s")
    assert (done.exit_code, "alert-t4" in done.output) == (1, True)


def test_twice_is_more_often_than_it_was_sent(stores: Stores) -> None:
    stores.archive([PAID[0], PAID[2]])
    stores.archive([PAID[0], PAID[2]])
    twice = [
        (name, DAYS[0], 0, 0, 2, example) for name, example in (("alerts", "alert-t0"), ("scored", "t0"), ("transactions", "t0"))
    ]
    assert stores.wrong() == twice
    stores.say([0, 2])
    assert stores.wrong("--kafka") == twice
    stores.say([0, 0], first=100)  # a producer has sent t0 twice, and a detector has repeated that
    assert stores.wrong("--kafka") == [(name, day, 0, 0, 1, example.replace("t0", "t2")) for name, day, *_, example in twice]


def test_a_record_that_is_kept_as_unreadable_is_not_missing(stores: Stores, topics: TopicNames) -> None:
    stores.archive([PAID[0]])
    stores.send(
        "scored", (b"k", json.dumps({"transaction": {"transaction_id": "t9", "card_id": "c", "event_time": f"{AT}"}}).encode())
    )
    assert stores.wrong("--kafka") == [(name, DAYS[0], 1, 0, 0, "t9") for name in ("scored", "transactions")]
    for partition in range(2):  # whichever it is in
        place = {"topic": [topics.scored], "partition": [partition], "offset": [0], "date": [AT.date()]}
        write_deltalake(stores.lake / "unreadable", pa.table(place), mode="append")
    assert stores.wrong("--kafka") == []


def label(paid: Transaction, **changes: Any) -> Label:
    about = {name: getattr(paid, name) for name in ("transaction_id", "card_id", "terminal_id", "event_time")}
    return Label(**(about | {"labelled_at": paid.event_time + timedelta(hours=1), "is_fraud": True} | changes))


def customer(card: str, hours: int) -> Customer:
    born = {"name": "Zoë", "birth_date": AT.date(), "country": "FR", "signup_date": AT.date()}
    home = {"home_latitude": 1.0, "home_longitude": 2.0, "updated_at": AT + timedelta(hours=hours)}
    return Customer(customer_id="C1", card_id=card, **born, **home)


def test_labels_and_profiles_are_compared_as_the_archiver_reads_them(stores: Stores) -> None:
    stores.archive(PAID)
    kept = [label(PAID[0]), label(PAID[0], source="chargeback"), label(PAID[1])]
    odd = {**json.loads(encode(kept[2])), "labelled_at": "2018-04-02T15:30:15.25+02:00", "source": "gossip", "new": 1}
    stores.send("labels", *((b"k", encode(one)) for one in kept[:2]), (b"k", json.dumps(odd).encode()), (b"k", b"no label"))
    profiles = [customer("c1", 0), customer("c1", 1), customer("c2", 0)]
    stores.send("customers", *((b"k", encode(one)) for one in profiles[1:]), (b"c2", None))  # the first is compacted away
    write_delta(stores.lake, "labels", kept, 0)
    write_delta(stores.lake, "customers", [*profiles, profiles[1]], 0)
    assert stores.wrong("--kafka") == []
    stores.send("labels", (b"k", encode(label(PAID[2]))))
    stores.send("customers", (b"k", encode(customer("c3", 0))))
    write_delta(stores.lake, "labels", kept[:1], 1)
    assert stores.wrong("--kafka") == [
        ("customers", DAYS[0], 1, 0, 0, "c3"),
        ("labels", DAYS[0], 1, 0, 1, "t0"),
    ]


def test_what_spark_alone_can_read_is_not_compared(stores: Stores) -> None:
    settings = Path(stores.config.removeprefix("--config="))
    fields = {one.name: f"$.{one.name}" for one in fields_of(Label)}
    settings.write_text(yaml.safe_dump({**yaml.safe_load(settings.read_text()), "input": {"labels": {"fields": fields}}}))
    stores.archive(PAID[:1])
    write_delta(stores.lake, "labels", [label(PAID[0])], 0)
    stores.send("labels", (b"k", encode(label(PAID[2]))))
    assert stores.wrong("--kafka") == []
    (of_labels,) = (one for one in json.loads(stores.verify("--kafka", "--json").stdout)["days"] if one["dataset"] == "labels")
    assert (of_labels["kafka"], of_labels["lake"]) == (None, 1)


def test_lake_and_database_have_the_same_of_the_days_that_both_keep(stores: Stores) -> None:
    stores.archive(PAID[:5])
    stores.insert([*PAID[:1], *PAID[2:]], PAID[:4])
    assert stores.wrong("--database", "base") == [
        ("alerts", DAYS[0], 0, 1, 0, "alert-t4"),
        ("scored", DAYS[1], 1, 1, 0, "t1"),
    ]
    (stores.lake / "_checkpoint").write_text("begun today: before that the lake need not have it")
    assert stores.wrong("--database", "base") == []
    stores.say([4])
    assert stores.wrong("--kafka", "--database", "base") == [("alerts", DAYS[0], 0, 1, 0, "alert-t4")]
    sinks = {"base": {"type": "postgres", **stores._server.settings}}
    settings = yaml.safe_load(Path(stores.config.removeprefix("--config=")).read_text()) | {"sinks": sinks}
    Path(stores.config.removeprefix("--config=")).write_text(yaml.safe_dump(settings))
    assert stores.wrong("--kafka", "--database", "base") == [], "the database keeps none of these days"


def test_a_database_that_cannot_be_asked_is_one_paragraph(stores: Stores, database: PostgresServer) -> None:
    stores.archive(PAID)
    refused = stores.verify("--database", "other").exception
    assert isinstance(refused, NoSink)
    assert "base" in str(refused)
    with database.connect() as found:
        found.execute("DROP SCHEMA public CASCADE")
        found.execute("CREATE SCHEMA public")
    assert isinstance(stores.verify("--database", "base").exception, UnusableDatabase)
