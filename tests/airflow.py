"""Airflow in its own Python, and what it is told of the DAG."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".runtime" / "airflow" / "bin" / "python"
RUNS = ROOT / "tests" / "dags" / "runs.py"
RUN_S = 900


def environment(folder: Path) -> dict[str, str]:
    """Returns the environment of an Airflow whose database is in a folder, where retraining.yaml and pod.yaml may be too."""
    assert PYTHON.exists(), "Airflow is not there: `make airflow` installs it"
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "FRAUD_RETRAINING": str(folder),
    }


class Airflow:
    """Airflow with a database of its own in a folder (`environment`), and with further variables."""

    def __init__(self, folder: Path, **told: str) -> None:
        self._environment = environment(folder) | told
        self._python(["-m", "airflow", "db", "migrate"])

    def runs(self, *wanted: dict[str, Any]) -> Any:
        """Returns what came of runs of the DAG, one after the other, as JSON; under `log` what Airflow said meanwhile."""
        printed = self._python([str(RUNS)], json.dumps(wanted))
        *log, found = printed.splitlines()
        return json.loads(found) | {"log": "\n".join(log)}

    def _python(self, arguments: Sequence[str], told: str = "") -> str:
        command = [PYTHON, *arguments]
        done = subprocess.run(command, env=self._environment, input=told, capture_output=True, text=True, timeout=RUN_S)
        assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
        return done.stdout
