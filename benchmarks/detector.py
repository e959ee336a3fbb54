"""How fast the detector is: rows a second of one core while it catches up, and milliseconds from a payment to its alert.

Detector and producer are processes of their own, the broker is real. The clock of all three is this machine's. A latency is the
time from a payment's event_time, which the producer reads right before it sends, to the broker's append of the alert. Kafka's
times are whole milliseconds, rounded down: each latency is up to one millisecond too low.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Consumer, TopicPartition

import local
from benchmarks.cpu import CpuTime
from benchmarks.page import table
from configuration import KafkaConnection, TopicNames
from configuration.durations import parse
from contract import Alert, Scored, decode
from harness.detector import MICRO_BATCH, Detector
from harness.kafka import TIMEOUT_S, read_all
from local.screen import percentile
from producer.topics import create_topics
from training.store import ModelStore

DEMO_RULES = yaml.safe_load((Path(local.__file__).parent / "demo.yaml").read_text())["rules"]
MANY_ALERTS = {"over_150": {"when": "amount > 150", "action": "review", "reason": "Amount over 150"}}
"""Enough for a 99.9th percentile. A model adds many of its own: under load cards pay far more often than where it learnt."""
DEFAULT = "realTime, checkpoint every 5m"
BACKLOG = 3_000_000
"""Transactions that wait for a detector that catches up: a minute or two of work."""
HEAP = {"spark.driver.memory": "4g"}
"""Of a detector that catches up; a laptop's has 2 GiB."""
COLD, SETTLED = 300_000, 1_500_000
"""Where the first figure of catching up ends, and where the second begins: by then the JVM has compiled what it runs."""
STEP_S = 0.2
SWAP_EVERY_S = 40
TRIGGERS: dict[str, dict[str, Any]] = {
    **{f"realTime, checkpoint every {every}": {"mode": "realTime", "duration": every} for every in ("1m", "5m")},
    "microBatch": MICRO_BATCH,
}
CATCHING_UP = f"""\
A backlog of {BACKLOG:,} transactions in one partition, micro-batches of 300,000 records without pause, the demo's four rules, all
features, 4 GiB of heap. CPU time is that of Python and JVM together. The first figure is that of a detector that has just started:
it is taken from the moment at which the detector says that it runs, and the JVM compiles its code meanwhile. The second is that of
a detector that has run for a minute or two."""
LATENCY = """\
Milliseconds from a payment's event_time, read right before it is sent, to the broker's append of its alert; whole milliseconds, up
to one too low. All features, one rule, `amount > 150`. Each run has a detector of its own, one partition a topic. Before the
seconds that count come a warm-up and the first checkpoint of all."""


def backlog(kafka: KafkaConnection, folder: Path, partitions: int = 1, count: int = BACKLOG) -> TopicNames:
    """Returns topics with so many transactions that wait."""
    topics = new_topics(kafka, "catch-up", partitions)
    # No label falls due: every record but the profiles is a transaction.
    _produce(kafka, topics, folder, clock="replay", count=count, inline_labels=True, label_delay="3650d")
    return topics


def paid_now(kafka: KafkaConnection, folder: Path, count: int, rate: int) -> TopicNames:
    """Returns topics with so many transactions that wait, all of today: `rate` were made a second."""
    topics = new_topics(kafka, "today")
    _produce(kafka, topics, folder, count=count, rate=rate, inline_labels=True)
    return topics


def catch_up(
    kafka: KafkaConnection,
    folder: Path,
    waiting: TopicNames,
    models: str | None = None,
    spark: Mapping[str, Any] | None = None,
    partitions: int = 1,
) -> list[dict[str, Any]]:
    """Returns two measurements of a detector that works off a `backlog`, with the champion of a store or without a model.

    Each has `what`, `rows`, `rows_per_second`, `rows_per_second_per_core`, `cores`. The first is of the first COLD transactions,
    from the moment at which the detector says that it runs: its JVM compiles while it works. The second is of those from SETTLED
    on. CPU time is that of Python and JVM together. `spark` are its settings.
    """
    written = new_topics(kafka, "caught-up", partitions)
    topics = replace(waiting, scored=written.scored, alerts=written.alerts, rejected=written.rejected)
    consumer = Consumer({**kafka.librdkafka(), "group.id": "benchmark"})
    with running(kafka, topics, folder, MICRO_BATCH, DEMO_RULES, models, spark or {"conf": HEAP}) as detector:
        used = CpuTime(detector.pid)

        def until(count: int) -> tuple[int, float, float]:
            while (scored := records(consumer, topics.scored)) < count:
                assert detector.alive, detector.errors
                assert not records(consumer, topics.rejected), "payments are refused, and would be waited for for ever"
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


def latency_table(alerted: list[dict[str, Any]]) -> str:
    """Returns what several `latencies` measured as a Markdown table."""
    columns = {"mode": "mode", "seconds": "seconds", "alerts": "alerts", "p50": "p50", "p99": "p99", "p999": "p99.9", "max": "max"}
    return table(tuple(columns.values()), [tuple(row[name] for name in columns) for row in alerted])


def latencies(
    kafka: KafkaConnection,
    folder: Path,
    name: str,
    rate: int,
    warm_up: int,
    measured: int = 0,
    models: str | None = None,
    checkpoints: int = 1,
    beside: Callable[[TopicNames], AbstractContextManager[object]] = nullcontext,
    spark: Mapping[str, Any] = {},
) -> dict[str, Any]:
    """Returns `mode` (a name of TRIGGERS), `rate`, `seconds`, `alerts`, `cores`, and `p50`, `p99`, `p999`, `max` in milliseconds.

    `warm_up` and `measured` are seconds: alerts of the last `measured` seconds count, or, where that is longer, of so many that
    `checkpoints` lie inside: `seconds`. Before them come `warm_up` and the time to the first checkpoint, which is in none of the
    figures but `cores`, the processors that Python and Java used from the first payment on. `models` is a model store; `beside` is
    what runs meanwhile; `spark` are the detector's settings.
    """
    topics = new_topics(kafka, "latency")
    every = round(parse(TRIGGERS[name].get("duration", "0s")).total_seconds())
    seconds = max(measured, checkpoints * every + every // 5)
    with running(kafka, topics, folder, TRIGGERS[name], MANY_ALERTS, models, spark) as detector, beside(topics):
        used = CpuTime(detector.pid)
        began, before = time.monotonic(), used.seconds()
        sent = _produce(kafka, topics, folder, rate=rate, duration=f"{warm_up + every + seconds}s")
        detector.until_scored(sent)
        cores = round((used.seconds() - before) / (time.monotonic() - began), 2)
        found = _summary(kafka, topics, timedelta(seconds=seconds))
        return {"mode": name, "rate": rate, "seconds": seconds, "cores": cores, **found}


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
    return {"alerts": len(values), **{name: round(percentile(values, percent)) for name, percent in percentiles.items()}}


def _produce(kafka: KafkaConnection, topics: TopicNames, folder: Path, **settings: Any) -> int:
    """Returns how many transactions were sent."""
    file = folder / "producer.yaml"
    common = {"kafka": {"bootstrap_servers": kafka.bootstrap_servers}, "topics": asdict(topics)}
    file.write_text(yaml.safe_dump(common | settings | {"json": True}))
    command = [sys.executable, "-m", "producer", "run", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["transactions"])


def records(consumer: Consumer, topic: str) -> int:
    """Returns how many records came to a topic."""
    places = [TopicPartition(topic, number) for number in consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions]
    return sum(consumer.get_watermark_offsets(place, timeout=TIMEOUT_S, cached=False)[1] for place in places)


def new_topics(kafka: KafkaConnection, name: str, partitions: int = 1) -> TopicNames:
    """Returns topics of their own, of one partition each: the producer and the broker need a core too."""
    topics = TopicNames().prefixed(f"{name}-{time.time_ns()}.")
    create_topics(kafka, topics.specs(partitions))
    return topics


@contextmanager
def running(
    kafka: KafkaConnection,
    topics: TopicNames,
    folder: Path,
    trigger: dict[str, Any],
    rules: dict[str, Any],
    models: str | None = None,
    spark: Mapping[str, Any] = {},
) -> Iterator[Detector]:
    """Yields a detector that runs in a process of its own, and ends it. In real-time mode it has caught up."""
    home = folder / topics.scored
    home.mkdir()
    detector = Detector(kafka, topics, home)
    detector.settings |= {"rules": rules, "stop_timeout": "5s", "models": {"store": models}}
    detector.settings |= {"spark": dict(spark), "console": {"enabled": False}}
    detector.start(trigger["mode"], trigger=trigger)
    try:
        yield detector
    finally:
        detector.kill()
