"""What is in the database: every payment once, whole and typed; and what becomes of an archiver whose database is away."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import astuple, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyspark.sql import DataFrame

from configuration import PostgresConnection
from contract import Contribution, Topics, encode
from harness.detector import MICRO_BATCH, Archiver
from harness.kafka import send
from local.postgres import PostgresServer
from spark_jobs.archive_settings import PostgresSettings
from spark_jobs.errors import NewerDatabase, UnusableDatabase
from spark_jobs.sinks.postgres import schema
from spark_jobs.sinks.postgres.connection import Address, connected
from spark_jobs.sinks.postgres.schema import TABLES, drop_partitions, make_partitions, migrate
from spark_jobs.sinks.postgres.sink import PostgresSink
from spark_jobs.transforms.stored import said
from tests.records import AT, alert, scored, transaction
from tests.s3 import Archive
from tests.volumes import Volume
from training.health.day import Result
from training.health.keep import in_database

TOPICS = Topics()
AGES = {"scored": "36500d", "alerts": "36500d", "labels": "36500d"}
PATIENCE_S = 60.0
MANY = 5_000


@pytest.fixture
def server(database: PostgresServer) -> PostgresServer:
    return database


@pytest.fixture
def address(server: PostgresServer) -> Address:
    return Address(PostgresConnection.model_validate(server.settings), 3.0)


def changed(address: Address, **fields: Any) -> Address:
    return address._replace(asked=address.asked.model_copy(update=fields))


def rows(server: PostgresServer, table: str, order: str) -> list[Any]:
    with server.connect() as found:
        return found.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall()  # noqa: S608


def test_what_is_written_is_what_kafka_says_once(server: PostgresServer, address: Address, raw: Callable[..., DataFrame]) -> None:
    hard = 'tab\t line\n\r back\\slash \\N \\. "quoted", {brace} Zoë 𝄞'
    odd = transaction(transaction_id=hard, card_id="x" * 4_000, amount=Decimal("9999999999.99"), currency="EUR", device_id="nul\0")
    late = transaction(transaction_id="late", event_time=AT + timedelta(days=1))
    told = (Contribution(feature="a\0", direction="raises", contribution=1.5),)
    warned = alert(odd, alert_id="id", reasons=(hard, ""), rules=(), contributions=told)
    old = transaction(transaction_id="old", event_time=datetime(1900, 1, 1, tzinfo=UTC))
    records = [(TOPICS.scored, encode(scored(one)), {"timestamp": AT}) for one in (odd, late, old, odd)]
    sink = PostgresSink(address, 2, dict.fromkeys(AGES, timedelta(days=36_500)))
    sink.open(None)  # type: ignore[arg-type]  # it needs none
    for number in (0, 0, 1):
        sink.write(said(raw(*records, (TOPICS.alerts, encode(warned), {"timestamp": AT})), TOPICS), number)
    found = rows(server, "scored", "event_time")
    assert [(one[0], one[2], one[8]) for one in found] == [(AT, hard, odd.amount), (late.event_time, "late", late.amount)]
    assert found[0][3] == "x" * 500
    assert found[0][17] == "nul�"
    assert found[0][19] == ["over"]
    (one,) = rows(server, "alerts", "1")
    assert one[2] == "id"
    assert one[6:8] == ([hard, ""], [])
    assert one[15] == [{"feature": "a�", "direction": "raises", "contribution": 1.5}]
    partitions = rows(server, "pg_inherits", "1")
    assert len({one[0] for one in partitions if one}) >= 3


def test_the_schema_is_made_once_and_old_days_are_dropped(server: PostgresServer, address: Address) -> None:
    with connected(address) as connection:
        assert migrate(connection) == ["0001_tables", "0002_views", "0003_model_health", "0004_boards_views"]
    days = {date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1)}
    for _ in range(2):
        with connected(address) as connection:
            assert migrate(connection) == []
            for table in TABLES:
                make_partitions(connection, table, days)
    kept = {"scored": date(2026, 12, 1), "alerts": date(2026, 12, 1), "labels": date(2026, 11, 1)}
    with connected(address) as connection:
        assert drop_partitions(connection, kept) == ["scored_20261129", "scored_20261130", "alerts_20261101"]
        assert drop_partitions(connection, kept) == []
        connection.execute("INSERT INTO fraud_migrations (number, name) VALUES (99, 'later')")
    with pytest.raises(NewerDatabase, match="has migration 99"), connected(address) as connection:
        migrate(connection)


def test_views_tell_what_analysts_ask(server: PostgresServer, address: Address, raw: Callable[..., DataFrame]) -> None:
    caught, missed = (transaction(transaction_id=name, country="DE") for name in ("caught", "missed"))
    sink = PostgresSink(address, 1, dict.fromkeys(AGES, timedelta(days=36_500)))
    sink.open(None)  # type: ignore[arg-type]
    records = [(TOPICS.scored, encode(scored(one)), {"timestamp": AT}) for one in (caught, missed)]
    sink.write(said(raw(*records, (TOPICS.alerts, encode(alert(caught)), {"timestamp": AT})), TOPICS), 0)
    with connected(address) as connection:
        make_partitions(connection, TABLES[2], [AT.date()])
        for number, (name, is_fraud, hours) in enumerate((("caught", False, 1), ("caught", True, 2), ("missed", True, 1))):
            connection.execute(
                "INSERT INTO labels (labelled_at, key, transaction_id, card_id, terminal_id, event_time, is_fraud)"
                " VALUES (%s, %s, %s, 'card-1', 'T00001', %s, %s)",
                (AT + timedelta(hours=hours), bytes([number]), name, AT, is_fraud),
            )
    day = AT.date()
    assert rows(server, "matured_quality", "1") == [(day, 1, 2, 1, 1.0, 0.5)]
    assert rows(server, "fraud_share", "1") == [(day, 2, 2, 1)]
    assert rows(server, "alerts_by_rule", "1") == [(day, "over", 1)]
    assert rows(server, "alerts_by_reason", "1") == [(day, "Over 10", 1)]
    assert rows(server, "alerts_by_country", "1") == [(day, "DE", 2, 2)]
    assert rows(server, "alerts_by_channel", "1") == [(day, "pos", 2, 2)]
    assert rows(server, "alerts_by_merchant", "1") == [(day, "M00001", "EUR", 1, Decimal("12.5"))]
    assert rows(server, "amount_at_risk", "1") == [(day, "EUR", "review", 1, Decimal("12.5"))]
    assert rows(server, "alerts_per_minute", "1") == [(AT.replace(second=0, microsecond=0), "review", 1)]
    assert [one[2] for one in rows(server, "last_alerts", "1")] == ["alert-caught"]
    assert [one[2] for one in rows(server, "card_timeline", "at, what, transaction_id")] == [
        *("alert", "payment", "payment", "label: fraud", "label: genuine", "label: fraud")
    ]


def test_a_database_that_hangs_or_refuses_is_one_paragraph(server: PostgresServer, address: Address, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("hunter2")
    with pytest.raises(UnusableDatabase) as caught, connected(changed(address, password_file=tmp_path / "wrong")):
        pass
    assert "authentication failed" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(UnusableDatabase) as caught, connected(address) as connection:
        connection.execute("SELECT 'hunter2'::int")
    assert "hunter2" not in str(caught.value)
    with connected(address) as connection:
        connection.execute("SELECT 1")
    frozen = _processes(server)  # that of the connection is one
    for one in frozen:
        one.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(UnusableDatabase, match="did not answer in time"), connected(address) as connection:
            connection.execute("SELECT 1")
    finally:
        for one in frozen:
            one.send_signal(signal.SIGCONT)


def test_a_database_without_a_right_is_one_paragraph_and_nothing_is_made(server: PostgresServer, address: Address) -> None:
    with server.connect() as found:
        found.execute("DROP ROLE IF EXISTS reader")
        found.execute(f"CREATE ROLE reader LOGIN PASSWORD '{server.password_file.read_text()}'")
        found.execute("GRANT USAGE ON SCHEMA public TO reader")
    with (
        pytest.raises(UnusableDatabase, match=r"refuses what is written: InsufficientPrivilege \(42501\)"),
        connected(changed(address, user="reader")) as connection,
    ):
        migrate(connection)
    with server.connect() as found:
        found.execute("ALTER DATABASE fraud SET default_transaction_read_only = on")
    try:
        with pytest.raises(UnusableDatabase, match=r"ReadOnlySqlTransaction \(25006\)"), connected(address) as connection:
            migrate(connection)
    finally:
        with server.connect() as found:
            found.execute("SET default_transaction_read_only = off")
            found.execute("ALTER DATABASE fraud RESET default_transaction_read_only")
    assert rows(server, "pg_class WHERE relname = 'fraud_migrations'", "1") == []


def test_a_server_that_was_started_again_is_reached_at_once(server: PostgresServer, address: Address) -> None:
    with connected(address) as connection:
        connection.execute("SELECT 1")
    server.kill()
    server.start()
    with connected(address) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_rows(
    server: PostgresServer, address: Address, raw: Callable[..., DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = schema._migrations()
    newest = max(known)
    paid = [
        said(raw((TOPICS.scored, encode(scored(transaction(transaction_id=name))), {"timestamp": AT})), TOPICS) for name in "ab"
    ]
    sink = PostgresSink(address, 1, dict.fromkeys(AGES, timedelta(days=36_500)))
    with monkeypatch.context() as older:
        older.setattr(schema, "_migrations", lambda: {number: known[number] for number in known if number < newest})
        sink.open(None)  # type: ignore[arg-type]
        sink.write(paid[0], 0)
    sink.open(None)  # type: ignore[arg-type]
    sink.write(paid[1], 1)
    assert [one[2] for one in rows(server, "scored", "transaction_id")] == ["a", "b"]
    assert [one[0] for one in rows(server, "fraud_migrations", "1")] == sorted(known)


def test_a_models_health_is_kept_by_day_and_replaced_where_it_is_judged_again(server: PostgresServer) -> None:
    settings = PostgresSettings.model_validate(server.settings)
    one = Result(AT.date(), "xgboost-1", "input_drift", "amount", 0.25, limit_value=0.1, breached=True)
    other = Result(AT.date(), "xgboost-1", "recall", "", 0.7, 0.6, 0.8)
    in_database(settings, [one, other])
    in_database(settings, [replace(one, value=0.05, breached=False)])
    assert rows(server, "model_health", "metric") == [astuple(replace(one, value=0.05, breached=False)), astuple(other)]
    assert rows(server, "fraud_migrations", "1")[-1][0] == max(schema._migrations()), "the archiver's own table of migrations"


def test_a_database_whose_disk_is_full_has_no_part_of_a_batch(
    server: PostgresServer, address: Address, raw: Callable[..., DataFrame], volume: Volume
) -> None:
    volume.remount("size=512k")
    with server.connect() as found:
        found.execute(f"CREATE TABLESPACE small LOCATION '{volume.folder}'")
    try:
        sink = PostgresSink(address._replace(timeout_s=30.0), 1, dict.fromkeys(AGES, timedelta(days=36_500)))
        sink.open(None)  # type: ignore[arg-type]
        with server.connect() as found:
            make_partitions(found, TABLES[0], [AT.date()])
            found.execute("ALTER TABLE scored_20180401 SET TABLESPACE small")
        values = (encode(scored(transaction(transaction_id=f"t{one:05}"))) for one in range(MANY))
        batch = said(raw(*((TOPICS.scored, value, {"timestamp": AT}) for value in values)), TOPICS)
        with pytest.raises(UnusableDatabase, match=r"has no room left \(53100\)"):
            sink.write(batch, 0)
        assert rows(server, "scored", "1") == []
        volume.remount("size=100m")
        sink.write(batch, 0)
        assert len(rows(server, "scored", "1")) == MANY
    finally:
        with server.connect() as found:
            found.execute("DROP SCHEMA public CASCADE")
            found.execute("CREATE SCHEMA public")
            found.execute("DROP TABLESPACE small")


def _processes(server: PostgresServer) -> list[psutil.Process]:
    parent = psutil.Process(int((server.home / "pid").read_text()))
    return [parent, *parent.children()]


def test_a_database_that_is_away_holds_up_nothing_and_catches_up(
    server: PostgresServer, address: Address, archiver: Archiver, archive_here: Callable[..., None], tmp_path: Path
) -> None:
    lake = Archive(str(tmp_path / "lake"))
    base = {"type": "postgres", **server.settings, "retention": AGES, "timeout": "3s"}
    archiver.settings |= {"sinks": {**lake.sinks["sinks"], "base": base}, "retry": "1s"}
    stop, failed = threading.Event(), []

    def work() -> None:
        try:
            archive_here(archiver, stop, trigger=MICRO_BATCH)
        except Exception as error:  # told by the test's end
            failed.append(error)

    paid = [transaction(transaction_id=f"t{one:03}", card_id=f"c{one}") for one in range(30)]

    def pay(some: list[Any]) -> None:
        records = [(b"k", encode(scored(one)), [("input-topic", b"t")]) for one in some]
        send(archiver.kafka.bootstrap_servers, archiver.topics.scored, records)

    def ids() -> list[str]:
        return [one[2] for one in rows(server, "scored", "transaction_id")] if server.running else []

    pay(paid[:10])
    thread = threading.Thread(target=work)
    thread.start()
    try:
        _until(lambda: _has_table(server) and len(ids()) == 10, failed)
        server.kill()
        pay(paid[10:20])
        _until(lambda: len(lake.rows("scored")) == 20, failed)
        pay(paid[20:])
        _until(lambda: len(lake.rows("scored")) == 30, failed)
        server.start()
        _until(lambda: len(ids()) == 30, failed)
    finally:
        stop.set()
        thread.join()
    assert not failed
    assert ids() == [one.transaction_id for one in paid]


def _has_table(server: PostgresServer) -> bool:
    with server.connect() as found:
        return bool(found.execute("SELECT to_regclass('scored') IS NOT NULL").fetchone()[0])  # type: ignore[index]


def _until(is_so: Callable[[], bool], failed: list[Exception]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert not failed, failed
        assert time.monotonic() < deadline
        time.sleep(0.2)
