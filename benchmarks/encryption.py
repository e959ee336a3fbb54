"""What encryption between driver and executors costs: payments that pass from one executor to another, with it and without."""

import secrets
from pathlib import Path
from typing import Any

from benchmarks import detector
from benchmarks.page import table
from configuration import KafkaConnection

MASTER = "local-cluster[2,4,1024]"
"""Two executors of four slots: each is a process of its own, and half of all payments change it twice."""
RATE, WARM_UP_S = 500, 60
MODE = "realTime, checkpoint every 1m"
ROUNDS = 2


def measure(kafka: KafkaConnection, folder: Path) -> list[dict[str, Any]]:
    """Returns what `detector.latencies` measures, with `encryption` beside it, of ROUNDS of both, one after the other."""
    # On Kubernetes Spark makes the secret by itself.
    on = dict.fromkeys(("spark.authenticate", "spark.network.crypto.enabled", "spark.io.encryption.enabled"), "true")
    on["spark.authenticate.secret"] = secrets.token_hex(32)
    found = []
    for _ in range(ROUNDS):
        for what, more in (("off", {}), ("on", on)):
            spark = {"master": MASTER, "conf": {"spark.executor.memory": "1024m", **more}}
            found.append(detector.latencies(kafka, folder, MODE, RATE, WARM_UP_S, spark=spark) | {"encryption": what})
    return found


def section(rows: list[dict[str, Any]]) -> str:
    """Returns what a page says."""
    columns = {"encryption": "encryption", "alerts": "alerts", "p50": "p50", "p99": "p99", "p999": "p99.9", "max": "max"}
    columns |= {"cores": "cores used"}
    return f"""\
{detector.LATENCY} {RATE} payments a second, in real-time mode with a checkpoint every minute, one of which lies inside. A driver
and two executors on one machine, each a process of its own; `detector.encryption` of the chart is what is on or off.

{table(tuple(columns.values()), [tuple(row[name] for name in columns) for row in rows])}"""
