"""Writes the pods that the DAG would start, as JSON by task: in Airflow's own Python, as runs.py."""

import json
import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import ApiClient


def main() -> None:
    bag = DagBag()
    dag = bag.dags["fraud_retraining"]
    pods = {
        one.task_id: ApiClient().sanitize_for_serialization(one.build_pod_request_obj(dry_run=True))
        for one in dag.tasks
        if isinstance(one, KubernetesPodOperator)
    }
    found = {"import_errors": bag.import_errors, "pods": pods, "params": dag.params.dump(), "schedule": dag.schedule}
    sys.__stdout__.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
