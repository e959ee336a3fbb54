"""A real Prometheus on the laptop: Debian's program over a folder; on loopback alone."""

import json
import shutil
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.errors import MissingProgram
from local.process import HOST, Process

FOLDER = Path(__file__).parent.parent / ".runtime" / "chart-tools"
"""Where `make prometheus` unpacks it."""
PORTS = {"detector": 8000, "watcher": 8001, "archiver": 8002}
"""Where the laptop's programs serve metrics, the watcher by its own default (local/launch.py)."""
EVERY = "1s"
"""How often they are asked, by one that is for a dashboard."""


class PrometheusServer:
    """One server, kept in a folder: `data/`, `prometheus.json`, `prometheus.log`, `pid`, `port`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._config = home / "prometheus.json"
        self._process = Process("Prometheus", home, f"--config.file={self._config}")
        self.log = self._process.log

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process.running

    @property
    def url(self) -> str:
        """Where people and programs find it; the port is kept over restarts."""
        return f"http://{HOST}:{self._process.port}"

    def start(self, ports: Mapping[str, int] = PORTS, **settings: Any) -> str:
        """Returns the URL, once the server answers there. It asks the programs at these ports, by the names of their jobs.

        One that runs already is left alone. `settings` are others of Prometheus's own.

        Raises:
            MissingProgram, PortTaken, ServerFailed: each says what to do.
        """
        if self.running:
            return self.url
        program = shutil.which("prometheus") or shutil.which("prometheus", path=str(FOLDER))
        if program is None:
            raise MissingProgram("Prometheus is not installed", "Run `make prometheus`, or put the program on PATH.")
        self.home.mkdir(parents=True, exist_ok=True)
        jobs = [{"job_name": job, "static_configs": [{"targets": [f"{HOST}:{port}"]}]} for job, port in ports.items()]
        asked = {"global": {"scrape_interval": EVERY, "scrape_timeout": EVERY}, "scrape_configs": jobs, **settings}
        self._config.write_text(json.dumps(asked))  # JSON is YAML too
        address = f"{HOST}:{self._process.take_port(None)}"
        options = [f"--storage.tsdb.path={self.home / 'data'}", f"--web.listen-address={address}"]
        self._process.start([program, f"--config.file={self._config}", *options], self._answers)
        return self.url

    def stop(self) -> None:
        """Stops the server; what it has seen stays. Nothing to do where none runs."""
        self._process.stop()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/-/ready", timeout=1).close()  # noqa: S310 it is our own
        except OSError:
            return False
        return True
