"""A real schema registry, Apicurio's, with Confluent's interface; in memory, on loopback alone."""

import urllib.request
from pathlib import Path

from configuration import find_java
from local.process import HOST, Process

FOLDER = Path(__file__).parent.parent.parent / ".runtime" / "registry"
ASK_TIMEOUT_S = 2.0
JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class SchemaRegistry:
    """One registry, and the folder of its log."""

    def __init__(self, home: Path) -> None:
        self._mark = f"-Dtest.registry={home}"
        self._process = Process("Registry", home, self._mark)

    @property
    def url(self) -> str:
        """Of Confluent's interface."""
        return f"http://{HOST}:{self._process.port}/apis/ccompat/v7"

    def start(self) -> str:
        """Returns the URL, once the registry answers there."""
        port = self._process.take_port(None)
        (jar,) = FOLDER.glob("apicurio-registry-app-*-runner.jar")
        settings = (f"-Dquarkus.http.host={HOST}", f"-Dquarkus.http.port={port}")
        self._process.start([find_java(), *JVM, self._mark, *settings, "-jar", str(jar)], self._answers)
        return self.url

    def stop(self) -> None:
        """Stops it; what it held is gone."""
        self._process.stop()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/schemas/types", timeout=ASK_TIMEOUT_S).close()  # noqa: S310 it is our own
        except OSError:
            return False
        return True
