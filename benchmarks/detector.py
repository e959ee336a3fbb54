"""How fast the detector is: rows a second of one core while it catches up, and milliseconds from a payment to its alert.

Detector and producer are processes of their own, the broker is real. The clock of all three is this machine's. A latency is the
time from a payment's event_time, which the producer reads right before it sends, to the broker's append of the alert. Kafka's
times are whole milliseconds, rounded down: each latency is up to one millisecond too low.

`python -m benchmarks.detector` measures catching up alone, and prints its table.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Consumer, TopicPartition

import local
from benchmarks.cpu import CpuTime
from benchmarks.page import new_broker, table
from configuration import KafkaConnection, TopicNames
from configuration.durations import parse
from contract import Alert, Scored, decode
from harness.detector import MICRO_BATCH, Detector
from harness.kafka import TIMEOUT_S, read_all
from local.screen import percentile
from producer.topics import create_topics
from training.store import ModelStore

PARTITIONS = 1
"""Of each topic: in real-time mode four tasks, busy for each record; the producer and the broker need a core too."""
DEMO_RULES = yaml.safe_load((Path(local.__file__).parent / "demo.yaml").read_text())["rules"]
MANY_ALERTS = {"over_150": {"when": "amount > 150", "action": "review", "reason": "Amount over 150"}}
"""Enough for a 99.9th percentile. A model adds many of its own: under load cards pay far more often than where it learnt."""
DEFAULT = "realTime, checkpoint every 5m"
BACKLOG = 3_000_000
"""Transactions that wait for a detector that catches up: a minute or two of work."""
HEAP = "4g"
"""Memory of a detector that catches up; a laptop's has 2 GiB."""
COLD, SETTLED = 300_000, 1_500_000
"""Where the first figure of catching up ends, and where the second begins: by then the JVM has compiled what it runs."""
STEP_S = 0.2
SWAP_EVERY_S = 40
TRIGGERS: dict[str, dict[str, Any]] = {
    **{f"realTime, checkpoint every {every}": {"mode": "realTime", "duration": every} for every in ("1m", "5m")},
    "microBatch": MICRO_BATCH,
}


def catch_up(kafka: KafkaConnection, folder: Path, models: str | None = None) -> list[dict[str, Any]]:
    """Returns two measurements of a detector that has a backlog of BACKLOG, with the champion of a store or without a model.

    Each has `what`, `rows`, `rows_per_second`, `rows_per_second_per_core`, `cores`. The first is of the first COLD transactions,
    from the moment at which the detector says that it runs: its JVM compiles while it works. The second is of those from SETTLED
    on. CPU time is that of Python and JVM together.
    """
    topics = new_topics(kafka, "catch-up")
    # No label falls due: every record but the profiles is a transaction.
    _produce(kafka, topics, folder, clock="replay", count=BACKLOG, inline_labels=True, label_delay="3650d")
    consumer = Consumer({**kafka.librdkafka(), "group.id": "benchmark"})
    with running(kafka, topics, folder, MICRO_BATCH, DEMO_RULES, models, heap=HEAP) as detector:
        used = CpuTime(detector.pid)

        def until(count: int) -> tuple[int, float, float]:
            while (scored := _records(consumer, topics.scored)) < count:
                assert detector.alive, detector.errors
                time.sleep(STEP_S)
            return scored, time.monotonic(), used.seconds()

        started, warm, settled, finished = (until(count) for count in (0, COLD, SETTLED, BACKLOG))
    return [
        _throughput(f"the first {COLD:,}, from a cold JVM", started, warm),
        _throughput(f"from the {SETTLED:,}th on, settled", settled, finished),
    ]


def throughput_table(caught: list[dict[str, Any]]) -> str:
    """Returns what `catch_up` measured as a Markdown table."""
    columns = {"what": "transactions", "rows": "rows", "rows_per_second": "rows/s", "cores": "cores used"}
    columns |= {"rows_per_second_per_core": "rows/s/core"}
    return table(tuple(columns.values()), [tuple(row[name] for name in columns) for row in caught])


def latencies(
    kafka: KafkaConnection,
    folder: Path,
    name: str,
    rate: int,
    warm_up: int,
    measured: int = 0,
    models: str | None = None,
    checkpoints: int = 1,
) -> dict[str, Any]:
    """Returns `mode` (a name of TRIGGERS), `rate`, `seconds`, `alerts`, and `p50`, `p99`, `p999`, `max` in milliseconds.

    `warm_up` and `measured` are seconds: alerts of the last `measured` seconds count, or, where that is longer, of so many that
    `checkpoints` lie inside: `seconds`. Before them come `warm_up` and the time to the first checkpoint, which is in none of the
    figures. `models` is a model store.
    """
    topics = new_topics(kafka, "latency")
    every = round(parse(TRIGGERS[name].get("duration", "0s")).total_seconds())
    seconds = max(measured, checkpoints * every + every // 5)
    with running(kafka, topics, folder, TRIGGERS[name], MANY_ALERTS, models) as detector:
        sent = _produce(kafka, topics, folder, rate=rate, duration=f"{warm_up + every + seconds}s")
        detector.until_scored(sent)
        return {"mode": name, "rate": rate, "seconds": seconds, **_summary(kafka, topics, timedelta(seconds=seconds))}


def swap(kafka: KafkaConnection, folder: Path, rate: int, warm_up: int, store: ModelStore, other: str) -> dict[str, Any]:
    """Returns what a promotion of version `other` and a rollback cost a stream in real-time mode under load.

    `versions`: scored records of each; `lost`, `twice`: transactions without a scored record, and with two; `torn`: alerts that
    name another version than their scored record; the latencies as `latencies` has them, from `warm_up` seconds on.
    """
    topics = new_topics(kafka, "swap")
    with running(kafka, topics, folder, TRIGGERS[DEFAULT], MANY_ALERTS, store.place) as detector:
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(_produce, kafka, topics, folder, rate=rate, duration=f"{warm_up + 2 * SWAP_EVERY_S}s")
            time.sleep(warm_up + SWAP_EVERY_S / 2)
            store.point("champion", other, "benchmark")
            time.sleep(SWAP_EVERY_S)
            store.roll_back("benchmark")
            sent = sending.result()
        detector.until_scored(sent)
        scored = [decode(Scored, record.value) for record in read_all(kafka.bootstrap_servers, topics.scored)]
        alerts = [decode(Alert, record.value) for record in read_all(kafka.bootstrap_servers, topics.alerts)]
        by_id = {one.transaction.transaction_id: one.model_version for one in scored}
        return {
            "versions": list(Counter(by_id.values()).values()),
            "lost": sent - len(by_id),
            "twice": len(scored) - len(by_id),
            "torn": sum(by_id[one.transaction_id] != one.model_version for one in alerts),
            **_summary(kafka, topics, timedelta(seconds=2 * SWAP_EVERY_S)),
        }


def _throughput(what: str, begun: tuple[int, float, float], ended: tuple[int, float, float]) -> dict[str, Any]:
    rows, wall, cpu = (after - before for before, after in zip(begun, ended, strict=True))
    return {
        "what": what,
        "rows": rows,
        "rows_per_second": round(rows / wall),
        "rows_per_second_per_core": round(rows / cpu),
        "cores": round(cpu / wall, 2),
    }


def _summary(kafka: KafkaConnection, topics: TopicNames, measured: timedelta) -> dict[str, Any]:
    alerts = [(decode(Alert, record.value), record) for record in read_all(kafka.bootstrap_servers, topics.alerts)]
    first = max(alert.timestamp for alert, _ in alerts) - measured
    values = [record.timestamp - alert.timestamp.timestamp() * 1000 for alert, record in alerts if alert.timestamp >= first]
    percentiles = {"p50": 50, "p99": 99, "p999": 99.9, "max": 100}
    return {"alerts": len(values), **{name: round(percentile(values, percent), 1) for name, percent in percentiles.items()}}


def _produce(kafka: KafkaConnection, topics: TopicNames, folder: Path, **settings: Any) -> int:
    """Returns how many transactions were sent."""
    file = folder / "producer.yaml"
    common = {"kafka": {"bootstrap_servers": kafka.bootstrap_servers}, "topics": asdict(topics)}
    file.write_text(yaml.safe_dump(common | settings | {"json": True}))
    command = [sys.executable, "-m", "producer", "run", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["transactions"])


def _records(consumer: Consumer, topic: str) -> int:
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    return sum(consumer.get_watermark_offsets(place, timeout=TIMEOUT_S, cached=False)[1] for place in places)


def new_topics(kafka: KafkaConnection, name: str) -> TopicNames:
    """Returns topics of their own, one partition each."""
    topics = TopicNames().prefixed(f"{name}-{time.time_ns()}.")
    create_topics(kafka, topics.specs(PARTITIONS))
    return topics


@contextmanager
def running(
    kafka: KafkaConnection,
    topics: TopicNames,
    folder: Path,
    trigger: dict[str, Any],
    rules: dict[str, Any],
    models: str | None = None,
    *,
    heap: str = "2g",
) -> Iterator[Detector]:
    """Yields a detector that runs in a process of its own, and ends it. In real-time mode it has caught up."""
    home = folder / topics.transactions
    home.mkdir()
    detector = Detector(kafka, topics, home)
    detector.settings |= {"rules": rules, "stop_timeout": "5s", "models": {"store": models}}
    detector.settings |= {"spark": {"conf": {"spark.driver.memory": heap}}, "console": {"enabled": False}}
    detector.start(trigger["mode"], trigger=trigger)
    try:
        yield detector
    finally:
        detector.kill()


if __name__ == "__main__":
    load = os.getloadavg()[0]
    with new_broker() as (broker, home):
        for store in (None, *sys.argv[1:]):
            told = f"With the champion of {store}" if store else "Without a model"
            sys.stdout.write(f"{told}:\n\n{throughput_table(catch_up(broker, home, store))}\n\n")
            sys.stdout.flush()
    sys.stdout.write(f"Load average before the start {load:.2f}.\n")
