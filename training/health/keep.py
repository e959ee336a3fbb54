"""Where results go: rows in PostgreSQL, which dashboards read, and gauges in a file that Prometheus's node exporter serves."""

from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import UTC, datetime, time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from psycopg import sql

from configuration import FraudDetectionError
from spark_jobs.archive_settings import PostgresSettings
from spark_jobs.errors import UnusableDatabase
from spark_jobs.sinks.postgres.connection import address_of, connected
from spark_jobs.sinks.postgres.schema import migrate
from training.health.day import Result

TABLE = "model_health"
KEY = ("day", "model_version", "metric", "feature")
LABELS = ("model_version", "metric", "feature")


class CannotWrite(FraudDetectionError):
    """A file cannot be written."""


def in_database(settings: PostgresSettings, results: Sequence[Result]) -> None:
    """Writes the results in one transaction; a figure that is there already is replaced. The schema is brought up to date before.

    Raises:
        UnusableDatabase: the database cannot be used.
        NewerDatabase: a newer program has migrated it.
    """
    columns = [one.name for one in fields(Result)]
    rest = [one for one in columns if one not in KEY]
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}").format(
        sql.Identifier(TABLE),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
        sql.SQL(", ").join(map(sql.Identifier, KEY)),
        sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(one)) for one in rest),
    )
    try:
        with connected(address_of(settings)) as connection:
            migrate(connection)
            connection.cursor().executemany(statement, [astuple(one) for one in results])
    except UnusableDatabase as error:
        raise UnusableDatabase(error.what, "Check `postgres`. Run it again then: what was judged is judged alike.") from None


def in_file(file: Path, results: Sequence[Result]) -> None:
    """Writes the newest value of each metric as gauges, in one step.

    Raises:
        CannotWrite: the file cannot be written.
    """
    registry = CollectorRegistry()
    value = Gauge("fraud_model_health", "Newest value of a metric of the model's health", LABELS, registry=registry)
    breached = Gauge("fraud_model_health_breached", "Whether that value is beyond its limit", LABELS, registry=registry)
    day = Gauge("fraud_model_health_day_timestamp_seconds", "Begin of the day that it is of", LABELS, registry=registry)
    for one in sorted(results, key=lambda one: one.day):
        labels = (one.model_version, one.metric, one.feature)
        value.labels(*labels).set(one.value)
        breached.labels(*labels).set(one.breached)
        day.labels(*labels).set(datetime.combine(one.day, time(), UTC).timestamp())
    try:
        write_to_textfile(str(file), registry)
    except OSError as error:
        raise CannotWrite(f"{file} cannot be written: {error.strerror}", "Check `textfile`.") from None


def as_page(file: Path, content: str) -> None:
    """Writes a page.

    Raises:
        CannotWrite: the file cannot be written.
    """
    try:
        file.write_text(content)
    except OSError as error:
        raise CannotWrite(f"{file} cannot be written: {error.strerror}", "Check `html`.") from None
