"""A real Prometheus, from .runtime/chart-tools, over programs on this machine and with the chart's rules."""

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.process import HOST, Process

SCRAPE, LOOK = "1s", "5s"
"""How often programs are asked for metrics, and rules are: a Prometheus in production takes 15 to 60 seconds for both."""


class Prometheus:
    """What one has found."""

    def __init__(self, address: str) -> None:
        self._address = address

    def firing(self) -> dict[str, str]:
        """Returns the severity of each alert that fires now, by the alert's name."""
        with urllib.request.urlopen(f"http://{self._address}/api/v1/alerts") as answer:
            alerts = json.load(answer)["data"]["alerts"]
        return {one["labels"]["alertname"]: one["labels"]["severity"] for one in alerts if one["state"] == "firing"}

    def value(self, query: str) -> float | None:
        """Returns the value of the first series that a query finds now; None where it finds none."""
        asked = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"http://{self._address}/api/v1/query?{asked}") as answer:
            found = json.load(answer)["data"]["result"]
        return float(found[0]["value"][1]) if found else None


@contextmanager
def prometheus(home: Path, groups: list[dict[str, Any]], ports: Mapping[str, int]) -> Iterator[Prometheus]:
    """Runs one meanwhile, with groups of rules, over the programs at these ports, by the names of their jobs."""
    program = shutil.which("prometheus")
    assert program, "prometheus is not in PATH: `make chart-tools` brings it"
    home.mkdir(parents=True)
    (home / "rules.yaml").write_text(json.dumps({"groups": groups}))
    jobs = [{"job_name": job, "static_configs": [{"targets": [f"{HOST}:{port}"]}]} for job, port in ports.items()]
    every = {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": LOOK}
    file = home / "prometheus.yaml"
    file.write_text(json.dumps({"global": every, "rule_files": ["rules.yaml"], "scrape_configs": jobs}))
    process = Process("Prometheus", home, f"--config.file={file}")
    address = f"{HOST}:{process.take_port(None)}"
    command = [program, f"--config.file={file}", f"--storage.tsdb.path={home / 'data'}", f"--web.listen-address={address}"]
    process.start(command, lambda: _answers(address))
    try:
        yield Prometheus(address)
    finally:
        process.stop()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{address}/-/ready", timeout=1).close()
    except OSError:
        return False
    return True
