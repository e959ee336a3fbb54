"""What all dashboards have in common: their two sources as variables, links to each other, and how often they look."""

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

from monitoring.panels import Panel

TAG = "fraud-detection"


class Looks(NamedTuple):
    """Which time a dashboard shows, back from now, and how often it asks again, as Grafana writes both: `10m`, `5s`."""

    back: str
    every: str


def board(uid: str, title: str, description: str, looks: Looks, panels: Sequence[Panel]) -> dashboard.Dashboard:
    """Returns a dashboard. Its uid stays the same for ever: links and bookmarks are made of it."""
    others = dashboard.DashboardLink("Other dashboards").type(DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True)
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time(f"now-{looks.back}", "now")
        .refresh(looks.every)
        .with_variable(_source("prometheus", "Prometheus", "prometheus"))
        .with_variable(_source("postgres", "PostgreSQL", "grafana-postgresql-datasource"))
        .link(others.include_vars(True))
    )
    for number, panel in enumerate(panels, start=1):
        made = made.with_panel(panel.id(number))
    return made


def _source(name: str, label: str, plugin: str) -> dashboard.DatasourceVariable:
    made = dashboard.DatasourceVariable(name).label(label).type(plugin)
    model = made.build()
    model.auto = model.auto_min = model.auto_count = None  # defaults of another kind of variable, which Grafana's types refuse here
    return made
