"""A real Prometheus over programs on this machine, and with the chart's rules where a test brings them."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.prometheus import EVERY, PrometheusServer

LOOK = "5s"
"""How often rules are looked at. A Prometheus in production takes 15 to 60 seconds, for this and for asking programs."""


class Prometheus:
    """What one has found."""

    def __init__(self, url: str) -> None:
        self.url = url

    def firing(self) -> dict[str, str]:
        """Returns the severity of each alert that fires now, by the alert's name."""
        with urllib.request.urlopen(f"{self.url}/api/v1/alerts") as answer:  # noqa: S310 http
            alerts = json.load(answer)["data"]["alerts"]
        return {one["labels"]["alertname"]: one["labels"]["severity"] for one in alerts if one["state"] == "firing"}

    def value(self, query: str) -> float | None:
        """Returns the value of the first series that a query finds now; None where it finds none."""
        asked = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}") as answer:  # noqa: S310 http
            found = json.load(answer)["data"]["result"]
        return float(found[0]["value"][1]) if found else None


@contextmanager
def prometheus(home: Path, groups: list[dict[str, Any]], ports: Mapping[str, int]) -> Iterator[Prometheus]:
    """Runs one meanwhile, with groups of rules, over the programs at these ports, by the names of their jobs."""
    home.mkdir(parents=True)
    (home / "rules.yaml").write_text(json.dumps({"groups": groups}))
    server = PrometheusServer(home)
    every = {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": LOOK}
    server.start(ports, **{"global": every, "rule_files": ["rules.yaml"]})
    try:
        yield Prometheus(server.url)
    finally:
        server.stop()
