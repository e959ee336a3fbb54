"""Runs the DAG as `dag.test()` does, in Airflow's own Python: reads runs as JSON from standard input, and writes what came of them.

It is a program, not a module of the tests: it has Airflow's packages, and none of the project's.
"""

import json
import sys
import threading
import time
from datetime import datetime
from typing import Any

from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.dag_processing.dagbag import DagBag
from fastapi.testclient import TestClient

ANSWERS = "/api/v2/dags/fraud_retraining/dagRuns/~/hitlDetails"


def main() -> None:
    bag = DagBag()
    found: dict[str, Any] = {"import_errors": bag.import_errors, "runs": []}
    dag = bag.dags["fraud_retraining"]
    found["tasks"] = {one.task_id: sorted(one.downstream_task_ids) for one in dag.tasks}
    found["dag"] = {"max_active_runs": dag.max_active_runs, "catchup": dag.catchup}
    for run in json.load(sys.stdin):
        asked: list[dict[str, Any]] = []
        if answer := run.get("answer"):
            threading.Thread(target=_answer, args=(answer, asked), daemon=True).start()
        began = time.monotonic()
        done = (
            DagBag()
            .dags["fraud_retraining"]
            .test(  # a run's parameters stay in the DAG that was loaded for it
                logical_date=datetime.fromisoformat(run["at"]), run_conf=run.get("params")
            )
        )
        states = {one.task_id: str(one.state) for one in done.get_task_instances()}
        found["runs"].append({"state": str(done.state), "tasks": states, "asked": asked, "seconds": time.monotonic() - began})
    sys.__stdout__.write("\n" + json.dumps(found, default=str) + "\n")


def _answer(answer: dict[str, str], asked: list[dict[str, Any]]) -> None:
    """Answers the first open question by Airflow's REST API, as its page does."""
    with TestClient(create_app(apps="core"), base_url="http://localhost") as client:
        user = SimpleAuthManagerUser(username=answer["user"], role="ADMIN")
        client.headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(user)}"
        while not asked:
            time.sleep(0.2)
            asked += client.get(ANSWERS, params={"response_received": False}).raise_for_status().json()["hitl_details"]
        one = asked[0]["task_instance"]
        place = (
            f"{ANSWERS.replace('~', one['dag_run_id']).removesuffix('/hitlDetails')}/taskInstances/{one['task_id']}/-1/hitlDetails"
        )
        client.patch(place, json={"chosen_options": [answer["option"]], "params_input": {}}).raise_for_status()


if __name__ == "__main__":
    main()
