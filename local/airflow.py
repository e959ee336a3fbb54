"""`make airflow-demo`: Airflow on this machine, and a first run of the retraining DAG on what a demo has archived."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import requests
import structlog
import typer
import yaml
from rich.console import Console

from configuration import FraudDetectionError, report, stop_signals
from local.children import Child, started
from local.demo import LABEL_DELAY
from local.errors import DemoFailed
from local.process import HOST, free_port
from local.state import home

ROOT = Path(__file__).absolute().parent.parent
AIRFLOW = ROOT / ".runtime" / "airflow" / "bin" / "airflow"
FOLDER = ROOT / ".runtime" / "airflow-demo"
PARTS = {"api-server": (), "dag-processor": (), "scheduler": ("--skip-serve-logs",)}
"""What `airflow standalone` starts too; but that serves logs on all addresses of the machine, and has a part that no step needs."""
DAG = "fraud_retraining"
USER = "admin"
STARTS_WITHIN_S = 180.0
ASK_EVERY_S = 1.0
GOES_ON = (None, "queued", "running")

out = Console(highlight=False, soft_wrap=True, markup=False)


class Airflow:
    """Airflow's REST API, while its parts run."""

    def __init__(self, address: str, parts: list[Child], stop: threading.Event) -> None:
        self._address, self._parts, self._stop = address, parts, stop
        self._session = requests.Session()

    def log_in(self) -> None:
        """Returns once the DAG is there.

        Raises:
            DemoFailed: it takes too long, or one of the parts has ended.
        """
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._stop.wait(ASK_EVERY_S):
            for one in self._parts:
                one.check()
            try:
                if "Authorization" not in self._session.headers:
                    told = self._ask("POST", "/auth/token", {"username": USER, "password": password()})
                    self._session.headers["Authorization"] = f"Bearer {told['access_token']}"
                self._ask("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})
                return
            except requests.RequestException as error:
                if time.monotonic() > deadline:
                    raise DemoFailed(f"Airflow does not answer: {error}", f"Its logs are in {FOLDER}.") from None

    def start(self, day: date) -> str:
        """Returns the id of a new run as of the beginning of a day."""
        run = self._ask("POST", f"/api/v2/dags/{DAG}/dagRuns", {"logical_date": f"{day}T00:00:00Z"})
        return str(run["dag_run_id"])

    def follow(self, run: str) -> Iterator[tuple[str, str]]:
        """Yields each step with its state when that changes, and at last the run with its own; ends early where it is asked to."""
        known: dict[str, str] = {}
        place = f"/api/v2/dags/{DAG}/dagRuns/{run}"
        state = None
        while state in GOES_ON and not self._stop.wait(ASK_EVERY_S):
            for part in self._parts:
                part.check()
            try:
                state = self._ask("GET", place)["state"]
                steps = self._ask("GET", f"{place}/taskInstances")["task_instances"]
            except requests.Timeout:  # the machine is busy: training takes all of it
                continue
            for one in steps:
                found = one["state"]
                if found not in (None, "queued", "scheduled") and known.get(one["task_id"]) != found:
                    known[one["task_id"]] = found
                    yield one["task_id"], found
        if state not in GOES_ON:
            yield "the run", str(state)

    def _ask(self, method: str, path: str, told: dict[str, Any] | None = None) -> Any:
        answer = self._session.request(method, f"{self._address}{path}", json=told, timeout=30)
        answer.raise_for_status()
        return answer.json()


def main(
    approval: Annotated[bool, typer.Option("--approval", help="Ask you before the model is promoted.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End with the first run.")] = False,
) -> None:
    """Start Airflow with the retraining DAG on a demo's archive, and its first run. Ctrl-C stops all of it."""
    lake = newest_lake() or a_demo_of_its_own()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    params = {"data": str(lake), "rules": str(ROOT / "local" / "demo.yaml"), "approval": approval, "watch": None}
    (FOLDER / "retraining.yaml").write_text(yaml.safe_dump({"schedule": None, "params": params}))
    address = f"http://{HOST}:{free_port()}"
    told = environment(address)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_signals())
        out.print("Airflow starts")
        subprocess.run([AIRFLOW, "db", "migrate"], env=told, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=True)
        parts = [stack.enter_context(started(name, FOLDER, [str(AIRFLOW), name, *more], told)) for name, more in PARTS.items()]
        airflow = Airflow(address, parts, stop)
        airflow.log_in()
        out.print(f"{address}/dags/{DAG}   user {USER}, password {password()}\nIts database, models and logs: {FOLDER}")
        for name, state in airflow.follow(airflow.start(last_day(lake))):
            out.print(f"  {name:<18} {state.replace('_', ' ')}")
        if not once and not stop.is_set():
            out.print("Airflow runs until Ctrl-C.")
            stop.wait()
    out.print("Stopped.")


def newest_lake() -> Path | None:
    """Returns what the last demo has archived; None: there was no demo."""
    return max((one.parent for one in home().glob("demo/*/lake/scored")), default=None)


def a_demo_of_its_own() -> Path:
    """Returns the lake of a demo that runs now, and ends when it is live.

    Raises:
        DemoFailed: it did not.
    """
    out.print("There is no archive yet: a demo makes one")
    subprocess.run([sys.executable, "-m", "local.cli", "demo", "--plain", "--seconds", "1"], check=False)
    lake = newest_lake()
    if lake is None:
        raise DemoFailed("The demo has archived nothing", "`make demo` shows why.")
    return lake


def last_day(lake: Path) -> date:
    """Returns the last day that a lake has payments of."""
    return max(date.fromisoformat(one.name.removeprefix("date=")) for one in (lake / "transactions").glob("date=*"))


def environment(address: str) -> dict[str, str]:
    """Returns what Airflow and the commands that it starts are told: all of it on loopback, and in the demo's folder."""
    port = address.rpartition(":")[2]
    airflow = {
        "core__dags_folder": str(ROOT / "dags"),
        "core__load_examples": "False",
        "core__execution_api_server_url": f"{address}/execution/",
        "api__host": HOST,
        "api__port": port,
        "api__base_url": address,
    }
    return {
        **os.environ,
        **{f"AIRFLOW__{name.upper()}": value for name, value in airflow.items()},
        "AIRFLOW_HOME": str(FOLDER),
        "PATH": f"{Path(sys.executable).parent}:{AIRFLOW.parent}:{os.environ['PATH']}",
        "FRAUD_RETRAINING": str(FOLDER),
        "FRAUD_STORE": str(FOLDER / "models"),
        "FRAUD_MODELS__STORE": str(FOLDER / "models"),
        "FRAUD_LABEL_DELAY": LABEL_DELAY,
    }


def password() -> str:
    """Returns the password that Airflow has made; empty before it has."""
    file = FOLDER / "simple_auth_manager_passwords.json.generated"
    return str(json.loads(file.read_text())[USER]) if file.exists() else ""


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        typer.run(main)
    except FraudDetectionError as error:
        sys.exit(report(error))
