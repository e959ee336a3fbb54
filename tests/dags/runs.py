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

THINKS_S = 2.0
"""Between a question and its answer: `dag.test()` forgets one that is given while it still puts the question."""
ANSWERS = "/api/v2/dags/fraud_retraining/dagRuns/~/hitlDetails"


def main() -> None:
    bag = DagBag()
    found: dict[str, Any] = {"import_errors": bag.import_errors, "runs": []}
    dag = bag.dags["fraud_retraining"]
    found["tasks"] = {one.task_id: sorted(one.downstream_task_ids) for one in dag.tasks}
    found["dag"] = {"max_active_runs": dag.max_active_runs, "catchup": dag.catchup}
    with TestClient(create_app(apps="core"), base_url="http://localhost", raise_server_exceptions=False) as client:
        client.get(ANSWERS)  # what is imported for it is imported here: two threads that import wait for each other
        for run in json.load(sys.stdin):
            asked: list[dict[str, Any]] = []
            if answer := run.get("answer"):
                threading.Thread(target=_answer, args=(client, answer, asked), daemon=True).start()
            fresh = DagBag().dags["fraud_retraining"]  # a run's parameters stay in the DAG that was loaded for it
            done = fresh.test(logical_date=datetime.fromisoformat(run["at"]), run_conf=run.get("params"))
            states = {one.task_id: str(one.state) for one in done.get_task_instances()}
            found["runs"].append({"state": str(done.state), "tasks": states, "asked": asked})
    sys.__stdout__.write("\n" + json.dumps(found, default=str) + "\n")


def _answer(client: TestClient, answer: dict[str, str], asked: list[dict[str, Any]]) -> None:
    """Answers the first open question by Airflow's REST API, as its page does."""
    user = SimpleAuthManagerUser(username=answer["user"], role="ADMIN")
    client.headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(user)}"
    answered = False
    while not answered:  # the database is SQLite, and may be busy
        time.sleep(THINKS_S)
        found = client.get(ANSWERS, params={"response_received": False})
        open_ones = found.json()["hitl_details"] if found.is_success else []
        if open_ones and not asked:
            asked.append(open_ones[0])
            continue
        for one in open_ones:
            task = one["task_instance"]
            run = ANSWERS.replace("~", task["dag_run_id"]).removesuffix("/hitlDetails")
            place = f"{run}/taskInstances/{task['task_id']}/-1/hitlDetails"
            done = client.patch(place, json={"chosen_options": [answer["option"]], "params_input": {}})
            answered = done.is_success


if __name__ == "__main__":
    main()
