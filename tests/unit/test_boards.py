"""The dashboards that are committed are those of the code, and each panel tells what it shows. That each finds something is in
tests/spark/test_panels.py."""

import json
import re
from typing import Any

import pytest

from monitoring.__main__ import FOLDER, dashboards
from monitoring.asking import Period, _long, period_of
from tests.metric_names import served
from tests.records import AT

BOARDS: dict[str, Any] = {name: json.loads(text) for name, text in dashboards().items()}
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]
GROWING = ("rule", "model_version", "country", "reason", "topic", "sink", "feature", "version", "currency", "merchant", "channel")
"""What gets new values without an edit of a dashboard."""


def test_what_is_committed_is_what_the_code_makes() -> None:
    assert {file.name: file.read_text() for file in FOLDER.glob("*.json")} == dashboards(), "run `python -m monitoring`"


def test_each_dashboard_can_be_imported_as_it_is() -> None:
    assert len({one["uid"] for one in BOARDS.values()}) == len(BOARDS) == 4
    for board in BOARDS.values():
        assert (board["schemaVersion"], "id" in board) == (42, False)
        assert [(one["name"], one["type"]) for one in board["templating"]["list"]] == [
            ("prometheus", "datasource"),
            ("postgres", "datasource"),
        ]
        assert 1 <= len(board["panels"]) <= 14
        assert all(place["x"] + place["w"] <= 24 for place in (panel["gridPos"] for panel in board["panels"]))
    live = BOARDS["fraud-live.json"]
    assert (live["time"]["from"], live["refresh"]) == ("now-10m", "5s")


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=[f"{board}: {panel['title']}" for board, panel in PANELS])
def test_each_panel_says_what_it_shows_and_asks_by_variables(board: str, panel: Any) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert target["datasource"]["uid"] == ("${postgres}" if "rawSql" in target else "${prometheus}")
        for name in GROWING:
            assert not re.search(rf"\b{name}\s*(=~?|!=|IN|<>)\s*['\"(]\w", target.get("expr") or target["rawSql"]), name


def test_metrics_that_are_asked_for_are_served() -> None:
    expressions = [target["expr"] for _, panel in PANELS for target in panel["targets"] if "expr" in target]
    asked = {name for expression in expressions for name in re.findall(r"\bfraud_[a-z_]+", expression)}
    assert len(asked) > 25
    assert asked <= served()


def test_days_are_told_line_by_line_as_grafana_names_them() -> None:
    at = AT.replace(tzinfo=None)
    one = _long(["time", "metric", "value"], [(at, "EUR", 1), (at, "JPY", None)])
    assert one.rows == [(AT, "EUR", 1.0)]
    assert _long(["time", "caught", "missed"], [(at, 1, 2)]).rows == [(AT, "caught", 1.0), (AT, "missed", 2.0)]
    assert period_of({"time": {"from": "now-10m"}}, AT) == Period(AT.replace(minute=20), AT)
