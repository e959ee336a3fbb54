"""What a panel asks: PromQL of Prometheus, SQL of PostgreSQL."""

from collections.abc import Callable
from typing import NamedTuple

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

PROMETHEUS = DataSourceRef("prometheus", "${prometheus}")
POSTGRES = DataSourceRef("grafana-postgresql-datasource", "${postgres}")
"""The names that Grafana's plugins have, and the variables of `monitoring.boards` by which a dashboard finds its sources."""


class Query(NamedTuple):
    """A query and whom it asks. `make` takes the letter by which its panel knows it."""

    source: DataSourceRef
    make: Callable[[str], Builder[Dataquery]]


def over_time(expression: str, legend: str) -> Query:
    """Returns PromQL whose answer is drawn over time; the legend may name labels: `{{topic}}`."""
    return Query(PROMETHEUS, lambda letter: _promql(expression, legend, letter).range())


def now(expression: str, legend: str) -> Query:
    """Returns PromQL whose answer is that of now."""
    return Query(PROMETHEUS, lambda letter: _promql(expression, legend, letter).instant())


def rows(statement: str) -> Query:
    """Returns SQL whose rows are shown as they are."""
    return Query(POSTGRES, lambda letter: _Sql(statement, "table", letter))


def days(statement: str) -> Query:
    """Returns SQL whose rows are drawn over time: columns `time` and numbers, and `metric`, which names a line, of several."""
    return Query(POSTGRES, lambda letter: _Sql(statement, "time_series", letter))


def _promql(expression: str, legend: str, letter: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(PROMETHEUS).expr(expression).legend_format(legend).ref_id(letter)


class _Sql(Builder[Dataquery], Dataquery):
    """A query of Grafana's PostgreSQL plugin, for which its library has no class."""

    def __init__(self, statement: str, form: str, letter: str) -> None:
        self._statement, self._form, self._letter = " ".join(statement.split()), form, letter

    def build(self) -> Dataquery:
        """Returns it."""
        return self

    def to_json(self) -> dict[str, object]:
        """Returns it as Grafana has it."""
        return {
            "datasource": POSTGRES,
            "editorMode": "code",
            "format": self._form,
            "rawQuery": True,
            "rawSql": self._statement,
            "refId": self._letter,
        }
