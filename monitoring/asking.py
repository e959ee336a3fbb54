"""Runs the queries of a dashboard as Grafana would, against a real Prometheus and a real PostgreSQL."""

import json
import math
import re
import urllib.parse
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

Json = dict[str, Any]

POINTS = 600
"""So many of a line at most."""
RATE_S = 60
"""What `$__rate_interval` is of a data source whose scrape interval is 15 s, Grafana's default: four scrapes."""
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Period(NamedTuple):
    """The time that a dashboard shows."""

    begin: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        """How long it is."""
        return round((self.end - self.begin).total_seconds())


class Answer(NamedTuple):
    """What a query found. Of one that is drawn over time the columns are `time`, `metric`, `value`."""

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


class Sources(NamedTuple):
    """Whom the queries ask: the URL of a Prometheus, and a connection to the archiver's database."""

    prometheus: str
    postgres: psycopg.Connection


def period_of(dashboard: Json, end: datetime) -> Period:
    """Returns the time that a dashboard shows at an instant."""
    back = re.fullmatch(r"now-(\d+)([mhd])", dashboard["time"]["from"])
    assert back, dashboard["time"]  # noqa: S101 ours
    return Period(end - int(back[1]) * UNITS[back[2]], end)


def ask(target: Json, sources: Sources, period: Period) -> Answer:
    """Returns the answer to one of a panel's queries. A number that is none (NaN) is left out.

    Raises:
        urllib.error.HTTPError, psycopg.Error: it is refused.
    """
    if "rawSql" in target:
        return _sql(target, sources.postgres, period)
    expression = target["expr"].replace("$__rate_interval", f"{RATE_S}s").replace("$__range", f"{period.seconds}s")
    if target.get("instant"):
        found = _get(sources.prometheus, "query", {"query": expression, "time": period.end.timestamp()})
        series = [(one["metric"], [one["value"]]) for one in found]
    else:
        step = max(period.seconds // POINTS, 1)
        asked = {"query": expression, "start": period.begin.timestamp(), "end": period.end.timestamp(), "step": step}
        series = [(one["metric"], one["values"]) for one in _get(sources.prometheus, "query_range", asked)]
    rows = [
        (datetime.fromtimestamp(at, UTC), _legend(target["legendFormat"], labels), float(value))
        for labels, points in series
        for at, value in points
        if math.isfinite(float(value))
    ]
    return Answer(("time", "metric", "value"), rows)


def _get(prometheus: str, form: str, asked: Json) -> Any:
    with urllib.request.urlopen(f"{prometheus}/api/v1/{form}?{urllib.parse.urlencode(asked)}") as answer:  # noqa: S310 http
        return json.load(answer)["data"]["result"]


def _legend(form: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda name: labels.get(name[1], ""), form)


def _sql(target: Json, postgres: psycopg.Connection, period: Period) -> Answer:
    shown = rf"\1 BETWEEN '{period.begin.isoformat()}' AND '{period.end.isoformat()}'"
    found = postgres.execute(re.sub(r"\$__timeFilter\(([^)]*)\)", shown, target["rawSql"]).encode())
    columns, rows = [one.name for one in found.description or ()], found.fetchall()
    return _long(columns, rows) if target["format"] == "time_series" else Answer(columns, rows)


def _long(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Answer:
    """Returns a row for each number, with the name of its line: that of its column, behind what `metric` says."""
    numbers = [name for name in columns if name not in ("time", "metric")]
    told = [
        (
            one["time"].replace(tzinfo=UTC),
            " ".join(filter(None, (one.get("metric"), name if name != "value" else ""))),
            float(one[name]),
        )
        for one in (dict(zip(columns, row, strict=True)) for row in rows)
        for name in numbers
        if one[name] is not None
    ]
    return Answer(("time", "metric", "value"), told)
