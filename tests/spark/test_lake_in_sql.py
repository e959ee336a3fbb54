"""The lake says in DuckDB what the database says, view by view and record by record; the archiver's own sinks fill both."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from contract import Contribution, Label, Topics, Transaction, encode
from local.lake.stores import Stores
from local.lake.verify import Asked, compared
from local.lake.views import connect
from local.postgres import PostgresServer
from spark_jobs.archive_settings import PostgresSettings
from spark_jobs.input_settings import InputSettings
from spark_jobs.settings import S3
from spark_jobs.sinks.delta import DeltaSink
from spark_jobs.sinks.parquet import ParquetSink
from spark_jobs.sinks.postgres.connection import address_of
from spark_jobs.sinks.postgres.sink import PostgresSink
from spark_jobs.sources import inputs_of
from spark_jobs.transforms.stored import datasets, learnt, said
from tests.frames import EVERY_TIME
from tests.records import AT, alert, scored, transaction
from training.lake import Lake

TOPICS = Topics()
FOR_EVER = timedelta(days=36_500)
WRITTEN = ("scored", "transactions", "alerts", "labels")


def paid() -> list[Transaction]:
    """Payments of three days, two of them beside midnight, in two currencies."""
    midnight = datetime(2018, 4, 2, tzinfo=UTC)
    times = [AT, AT + timedelta(seconds=30), midnight - timedelta(microseconds=1), midnight, midnight + timedelta(days=1, hours=5)]
    return [
        transaction(
            transaction_id=f"t{number}",
            card_id=f"card-{number % 3}",
            event_time=at,
            amount=Decimal(number + 1) / 4,
            currency=("EUR", "JPY")[number // 4],
            country=("FR", "DE")[number % 2],
            channel=("pos", "ecom", "atm")[number % 3],
            merchant_id=f"M{number % 2}",
        )
        for number, at in enumerate(times)
    ]


def label(one: Transaction, hours: int, **changes: Any) -> Label:
    about = {name: getattr(one, name) for name in ("transaction_id", "card_id", "terminal_id", "event_time")}
    return Label(**(about | {"labelled_at": one.event_time + timedelta(hours=hours), "is_fraud": True} | changes))


def test_every_view_says_the_same(database: PostgresServer, raw: Callable[..., DataFrame], tmp_path: Path) -> None:
    payments = paid()
    moved = Contribution(feature="amount", direction="raises", contribution=1.5, usual=2.0)
    warned = [
        alert(payments[0], contributions=(moved,), fraud_score=0.75, model_version="m", decision="decline", rules=("over", "odd")),
        alert(payments[1], reasons=('A "quoted", {braced}\t reason \\', "Over 10"), rules=()),
        *(alert(one) for one in payments[2:4]),
    ]
    labels = [
        label(payments[0], 1, is_fraud=False),
        label(payments[0], 2, source="analyst"),
        label(payments[0], 2, source="chargeback", is_fraud=False),
        label(payments[1], 48, scenario="theft", campaign_id="c1"),
        label(payments[4], 3, source="issuer", labelled_by="Zoë"),
    ]
    told = [(TOPICS.scored, encode(scored(one)), {"timestamp": AT}) for one in payments]
    told += [(TOPICS.alerts, encode(one), {"timestamp": AT}) for one in warned]
    taught = [(TOPICS.labels, encode(one), {"timestamp": AT}) for one in labels]
    rows = said(raw(*told), TOPICS).unionByName(learnt(raw(*taught), inputs_of(InputSettings(), TOPICS), EVERY_TIME))
    base = address_of(PostgresSettings.model_validate({"type": "postgres", **database.settings}))
    sink = PostgresSink(base, 2, dict.fromkeys(("scored", "alerts", "labels"), FOR_EVER))
    sink.open(None)  # type: ignore[arg-type]  # it needs none
    sink.write(rows, 0)
    found = {name: one for name, one in datasets(rows).items() if name in WRITTEN}
    lakes = [str(tmp_path / name) for name in ("parquet", "delta")]
    ParquetSink(lakes[0], 2).write(found, 0)
    DeltaSink(lakes[1], 2, "one", S3()).write(found, 0)
    with database.connect() as asked:
        views = [name for (name,) in asked.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'").fetchall()]
        assert len(views) >= 11
        expected = {name: _content(asked.execute(f"SELECT * FROM {name}")) for name in views}  # noqa: S608
    for lake in lakes:
        there = connect(lake)
        for name in views:
            assert _content(there.execute(f"SELECT * FROM {name}")) == expected[name], name  # noqa: S608
        assert there.sql("SELECT max(card_count_1h) FROM scored").fetchall() == [(None,)], "features are there too"
        with Stores() as stores:
            stores.add_lake(Lake(lake, S3()))
            stores.add_database(base, dict.fromkeys(("scored", "alerts", "labels"), date(2018, 1, 1)))
            days = compared(
                stores, Asked((), dict.fromkeys(("scored", "alerts", "labels"), date(2018, 1, 1)), date.min, datetime.now(UTC))
            )
        counted = {
            name: [(one["lake"], one["database"]) for one in days if one["dataset"] == name] for name in ("scored", "labels")
        }
        assert counted == {"scored": [(3, 3), (1, 1), (1, 1)], "labels": [(3, 3), (2, 2)]}
        assert not any(one["missing_in_lake"] or one["missing_in_database"] or one["twice"] for one in days)


def _content(answer: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Returns the columns of an answer, and its rows in one order; numbers of all types alike."""
    return [one[0] for one in answer.description], sorted((tuple(map(_plain, row)) for row in answer.fetchall()), key=repr)


def _plain(value: Any) -> Any:
    match value:
        case bool() | None:
            return value
        case int() | float() | Decimal():
            return round(float(value), 9)
        case datetime():
            return value.astimezone(UTC)
        case list():
            return [_plain(one) for one in value]
        case dict():  # JSON leaves out what is absent
            return {name: _plain(one) for name, one in value.items() if one is not None}
        case _:
            return value
