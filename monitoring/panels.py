"""The kinds of panels. Each has a title, a sentence that says what it shows and when to worry, a unit, and queries."""

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import barchart, bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueTextMode,
    GraphDrawStyle,
    StackingMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.table import Options as TableOptions

from monitoring.queries import Query

Panel = timeseries.Panel | stat.Panel | bargauge.Panel | barchart.Panel | table.Panel
HEIGHT = 8
LETTERS = "ABCDEFGH"


class Told(NamedTuple):
    """What people read of a panel. `unit` is Grafana's name of it: `s`, `percentunit`, `bytes`, `short` of a count, `none`."""

    title: str
    description: str
    unit: str


def lines(told: Told, *queries: Query, width: int = 8) -> Panel:
    """Returns lines over time."""
    return _panel(timeseries.Panel().fill_opacity(8).show_points(VisibilityMode.AUTO), told, queries, width)


def bars(told: Told, *queries: Query, width: int = 8) -> Panel:
    """Returns bars over time, one upon the other: of counts, which add up."""
    stacked = common.StackingConfig().mode(StackingMode.NORMAL)
    return _panel(timeseries.Panel().draw_style(GraphDrawStyle.BARS).fill_opacity(80).stacking(stacked), told, queries, width)


def shares(told: Told, *queries: Query, width: int = 8) -> Panel:
    """Returns bars over time, one upon the other, as shares of their sum."""
    stacked = common.StackingConfig().mode(StackingMode.PERCENT)
    return _panel(timeseries.Panel().draw_style(GraphDrawStyle.BARS).fill_opacity(80).stacking(stacked), told, queries, width)


def number(told: Told, *queries: Query, width: int = 8) -> Panel:
    """Returns the newest value of each series, and its name, large."""
    return _panel(stat.Panel().text_mode(BigValueTextMode.VALUE_AND_NAME), told, queries, width)


def ranking(told: Told, *queries: Query, width: int = 8) -> Panel:
    """Returns a bar for each series of Prometheus."""
    return _panel(bargauge.Panel().orientation(VizOrientation.HORIZONTAL).min(0), told, queries, width)


def columns(told: Told, *queries: Query, width: int = 8) -> Panel:
    """Returns a bar for each row of a database: the first column names it, the others are its numbers."""
    return _panel(barchart.Panel().orientation(VizOrientation.HORIZONTAL), told, queries, width)


def listing(told: Told, *queries: Query, width: int = 24) -> Panel:
    """Returns rows of a database as a table."""
    empty = table.Panel()
    options = empty.build().options
    assert isinstance(options, TableOptions)  # noqa: S101 the library's own
    options.footer = None  # Grafana 13 has it elsewhere
    return _panel(empty, told, queries, width)


def _panel(empty: Panel, told: Told, queries: Sequence[Query], width: int) -> Panel:
    panel = empty.title(told.title).description(told.description).unit(told.unit).height(HEIGHT).span(width)
    panel = panel.datasource(queries[0].source)  # a panel has one: its queries ask the same
    for letter, query in zip(LETTERS, queries, strict=False):
        panel = panel.with_target(query.make(letter))
    return panel
