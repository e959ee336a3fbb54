"""Catching up with one task slot against two, and with one executor process against two, on the same machine."""

from pathlib import Path
from typing import Any

from benchmarks import detector
from benchmarks.page import table
from configuration import KafkaConnection

PARTITIONS = 2
EXECUTOR_MIB = 3_072
MASTERS = {
    "one process, 1 task slot": "local[1]",
    "one process, 2 task slots": "local[2]",
    "driver and 1 executor with 2 task slots": f"local-cluster[1,2,{EXECUTOR_MIB}]",
    "driver and 2 executors with 1 task slot each": f"local-cluster[2,1,{EXECUTOR_MIB}]",
}


def measure(kafka: KafkaConnection, folder: Path) -> list[dict[str, Any]]:
    """Returns what `detector.catch_up` measures once it has settled, for each of MASTERS, of the same backlog in two partitions."""
    waiting = detector.backlog(kafka, folder, PARTITIONS)
    found = []
    for what, master in MASTERS.items():
        conf = detector.HEAP | {"spark.executor.memory": f"{EXECUTOR_MIB}m"}
        *_, settled = detector.catch_up(kafka, folder, waiting, spark={"master": master, "conf": conf}, partitions=PARTITIONS)
        found.append(settled | {"what": what})
    return found


def section(rows: list[dict[str, Any]]) -> str:
    """Returns what a page says."""
    columns = {"what": "detector", "rows": "rows", "rows_per_second": "rows/s", "cores": "cores used"}
    columns |= {"rows_per_second_per_core": "rows/s/core"}
    return f"""\
As [catching up](#detector-catching-up), settled, from two partitions, with other masters of Spark. Broker and detector share the
two cores, so that two slots cannot have two cores to themselves.

{table(tuple(columns.values()), [tuple(row[name] for name in columns) for row in rows])}"""
