"""What is done where TimescaleDB is, as far as PostgreSQL alone can do it: functions of its names stand in for TimescaleDB's.

They show what is asked of TimescaleDB, and when. Whether it does that nobody has seen yet: it cannot be installed here.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from local.postgres import PostgresServer
from spark_jobs.sinks.postgres import timescale
from spark_jobs.sinks.postgres.schema import TABLES, drop_partitions, make_partitions, migrate
from tests.records import AT

STAND_INS = """
CREATE TABLE asked (what text);
CREATE FUNCTION by_range(name, interval) RETURNS text LANGUAGE sql AS $$ SELECT $1 || ' by ' || $2 $$;
CREATE FUNCTION create_hypertable(regclass, text, create_default_indexes boolean) RETURNS void LANGUAGE sql
    AS $$ INSERT INTO asked VALUES ($1 || ': ' || $2) $$;
CREATE FUNCTION drop_chunks(regclass, older_than timestamptz) RETURNS SETOF text LANGUAGE sql
    AS $$ SELECT 'chunk of ' || $1 || ' before ' || ($2 AT TIME ZONE 'UTC')::date $$;
CREATE FUNCTION time_bucket(interval, timestamptz) RETURNS timestamptz LANGUAGE sql
    AS $$ SELECT date_bin($1, $2, '2000-01-01 00:00:00+00') $$;
CREATE FUNCTION add_continuous_aggregate_policy(regclass, start_offset interval, end_offset interval, schedule_interval interval)
    RETURNS void LANGUAGE sql AS $$ INSERT INTO asked VALUES ($1 || ' from ' || coalesce($2::text, 'the beginning')) $$;
CREATE PROCEDURE add_columnstore_policy(regclass, after interval) LANGUAGE sql
    AS $$ INSERT INTO asked VALUES ($1 || ' compressed after ' || $2) $$;
"""
VIEWS = ("alerts_per_minute", "alerts_by_country", "alerts_by_channel")


@pytest.fixture
def connection(database: PostgresServer) -> Iterator[psycopg.Connection]:
    with database.connect() as one:
        one.execute(STAND_INS)
        one.execute("SET timezone = 'UTC'")
        yield one
        one.execute("DELETE FROM pg_extension WHERE extname = 'timescaledb'")


def present(connection: psycopg.Connection, version: str, licence: str) -> None:
    connection.execute(
        "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)"  # noqa: S608
        f" VALUES (99999, 'timescaledb', 10, 2200, false, '{version}')"
    )
    connection.execute(f"SET timescaledb.license = '{licence}'")


def asked(connection: psycopg.Connection) -> list[str]:
    return [what for (what,) in connection.execute("SELECT what FROM asked ORDER BY what")]


def test_tables_are_hypertables_and_need_no_partitions(connection: psycopg.Connection) -> None:
    present(connection, "2.30.1", "apache")
    assert migrate(connection) == ["0001_tables", "0002_views", "0003_model_health", "0004_boards_views"]
    assert asked(connection) == ["alerts: timestamp by 30 days", "labels: labelled_at by 30 days", "scored: event_time by 1 day"]
    for table in TABLES:
        make_partitions(connection, table, {AT.date()})
    assert connection.execute("SELECT FROM pg_inherits JOIN pg_class ON oid = inhrelid AND relkind = 'r'").rowcount == 0
    insert(connection)
    kept = {table.name: date(2026, 11, 1) for table in TABLES}
    assert drop_partitions(connection, kept) == [f"chunk of {table.name} before 2026-11-01" for table in TABLES]
    assert migrate(connection) == []


@pytest.mark.parametrize("version", [None, "2.19.3"])
def test_without_it_or_with_an_old_one_they_are_partitions(connection: psycopg.Connection, version: str | None) -> None:
    if version:
        present(connection, version, "timescale")
    migrate(connection)
    make_partitions(connection, TABLES[0], {AT.date()})
    assert connection.execute("SELECT FROM scored_20180401").rowcount == 0
    assert asked(connection) == []
    if version is None:
        present(connection, "2.30.1", "timescale")
        assert timescale.licence(connection) is None, "the tables stay what they are"


def test_its_own_licence_keeps_counts_and_compresses(connection: psycopg.Connection) -> None:
    migrate(connection)
    for table in TABLES:
        make_partitions(connection, table, {AT.date(), AT.date() + timedelta(days=1)})
    insert(connection)
    expected = {name: content(connection, name) for name in VIEWS}
    text = list(timescale.statements("0002_views", "", "timescale"))[-1]
    assert text not in list(timescale.statements("0002_views", "", "apache"))
    connection.execute(plain(text).encode())
    assert {name: content(connection, name) for name in VIEWS} == expected
    assert all(rows for _, rows in expected.values())
    assert asked(connection) == [
        *("alerts compressed after 60 days", "alerts_per_minute from the beginning", "labels compressed after 60 days"),
        *("payments_per_hour from the beginning", "scored compressed after 3 days"),
    ]


def insert(connection: psycopg.Connection) -> None:
    """Payments on both sides of an hour and of midnight, and an alert of each second one."""
    common = "customer_id, terminal_id, merchant_id, merchant_category, amount, currency, response_code, rules, ruleset_version"
    for number in range(8):
        at, country = AT + timedelta(hours=3 * number), ("FR", "DE")[number % 2]
        connection.execute(
            f"INSERT INTO scored (event_time, key, transaction_id, card_id, country, channel, decision, {common})"  # noqa: S608
            " VALUES (%s, %s, 't', 'c', %s, 'pos', %s, '', '', '', '', 1, 'EUR', '', '{}', 'v')",
            (at, bytes([number]), country, ("approve", "review")[number % 3 == 0]),
        )
        connection.execute(
            "INSERT INTO alerts (timestamp, key, alert_id, transaction_id, user_id, decision, reasons, rules, card_id, amount,"
            " currency, merchant, ruleset_version) VALUES (%s, %s, 'a', 't', 'u', 'review', '{}', '{}', 'c', 1, 'EUR', 'M', 'v')",
            (at, bytes([number])),
        )


def content(connection: psycopg.Connection, view: str) -> tuple[list[tuple[str, int]], list[Any]]:
    found = connection.execute(f"SELECT * FROM {view} ORDER BY 1, 2")  # noqa: S608
    return [(one.name, one.type_code) for one in found.description or ()], found.fetchall()


def plain(text: str) -> str:
    """Returns the statements without what only TimescaleDB's parser and storage know."""
    text = re.sub(r"MATERIALIZED (VIEW \w+) WITH \(timescaledb\.[^)]*\)", r"\1", text).replace(" WITH NO DATA", "")
    text, settings = re.subn(r"ALTER TABLE \w+ SET \(timescaledb\.[^)]*\);", "", text)
    assert settings == len(TABLES)
    return text
