"""Compares a lake with Kafka and with the database: of each record, by day, whether it is there, and whether it is there once.

- What Kafka has has to be in the lake, and in the database as long as it keeps that day. Kafka may have fewer days: it deletes.
- What one of lake and database has, the other has to have: of days that the database keeps, and since the later of both was begun.
- A record is *twice* in the lake where its rows are more than the input records that Kafka knows of it. Where Kafka knows none, or
  is not asked, one row is enough.

What seems to be missing may be on its way: nothing that came within a while (`until`) is missed.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from local.lake.stores import Stores

ONCE = ("scored", "transactions", "alerts")
"""Datasets of which one row a record is expected even where Kafka is not asked: of one array come many letters, and a label may be
sent twice."""
COMPACTED = ("customers", "merchants")
"""Datasets of whose records Kafka keeps the newest of a key: the lake may have one twice that it has once."""


class Asked(NamedTuple):
    """What is compared."""

    kafka: Collection[str]
    """The datasets that Kafka was read for; empty: it is not asked."""
    kept_from: Mapping[str, date]
    """The day from which on the database keeps each of its tables; empty: it is not asked."""
    both_from: date
    """The day on which the later of lake and database was begun."""
    until: datetime
    """What is younger may be on its way."""


def compared(stores: Stores, asked: Asked) -> list[dict[str, Any]]:
    """Returns a row for each dataset and day.

    `kafka`, `lake`, `database` are counts, the former and the latter None where they are not asked or have no such dataset;
    `missing_in_lake`, `missing_in_database` and `twice` count records, and `example` names one of these.
    """
    stores.found.execute("CREATE TABLE kept (dataset VARCHAR, kept_from DATE)")
    for dataset, begin in asked.kept_from.items():
        stores.found.execute("INSERT INTO kept VALUES (?, ?)", [dataset, begin])
    until = int(asked.until.timestamp() * 1_000_000)
    stores.found.execute(_RECORDS, {"once": list(ONCE), "compacted": list(COMPACTED), "until": until, "both_from": asked.both_from})
    told = [dict(zip(_COLUMNS, row, strict=True)) for row in stores.found.sql(_DAYS).fetchall()]
    for one in told:
        if one["dataset"] not in asked.kafka:
            one["kafka"] = None
        if one["dataset"] not in asked.kept_from:
            one["database"] = None
    return told


_COLUMNS = ("dataset", "day", "kafka", "lake", "database", "missing_in_lake", "missing_in_database", "twice", "example")

_RECORDS = """
CREATE TABLE compared AS
WITH known AS (
    SELECT dataset, CAST(make_timestamp(micros) AS DATE) AS day, micros, min(name) AS name,
        coalesce(sum(n) FILTER (store = 'lake'), 0) AS lake, coalesce(sum(n) FILTER (store = 'kafka'), 0) AS kafka,
        coalesce(sum(settled) FILTER (store = 'kafka'), 0) AS settled, coalesce(sum(n) FILTER (store = 'database'), 0) AS database
    FROM found GROUP BY dataset, micros, key
), judged AS (
    SELECT known.*, coalesce(day >= kept_from AND micros <= $until, false) AS is_kept,
        coalesce(day >= kept_from AND day >= $both_from AND micros <= $until, false) AS in_both
    FROM known LEFT JOIN kept USING (dataset)
)
SELECT *,
    greatest(settled - lake, CASE WHEN lake = 0 AND database > 0 AND in_both THEN 1 ELSE 0 END) AS missing_in_lake,
    CASE WHEN database = 0 AND (settled > 0 AND is_kept OR lake > 0 AND in_both) THEN 1 ELSE 0 END AS missing_in_database,
    CASE WHEN list_contains($once, dataset) OR kafka > 0 AND NOT list_contains($compacted, dataset)
        THEN greatest(lake - greatest(kafka, 1), 0) ELSE 0 END AS twice
FROM judged
"""

_DAYS = """
SELECT dataset, day, CAST(sum(kafka) AS BIGINT), CAST(sum(lake) AS BIGINT), CAST(sum(database) AS BIGINT),
    CAST(sum(missing_in_lake) AS BIGINT), CAST(sum(missing_in_database) AS BIGINT), CAST(sum(twice) AS BIGINT),
    min(name) FILTER (missing_in_lake + missing_in_database + twice > 0)
FROM compared GROUP BY dataset, day ORDER BY dataset, day
"""
