"""Airflow's own Python, and what it is told of the DAG."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".runtime" / "airflow" / "bin" / "python"


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
