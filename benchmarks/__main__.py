"""All benchmarks, one after the other on a broker of their own, into docs/benchmarks.md: `make bench` (an hour)."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import detector, history, producer
from benchmarks.page import commit, machine, new_broker, table
from benchmarks.peers import comparison

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
KERNEL = Path(__file__).parent.parent / "kernel" / "pom.xml"
RATE = 1_000
KEYS = [10_000, 100_000, 1_000_000]

Row = dict[str, Any]
Remembered = tuple[list[Row], list[Row], float, Row]
err = Console(stderr=True)


def main(
    rows: Annotated[int, typer.Option(min=10_000, help="Transactions of the benchmarks of producer and history.")] = 1_000_000,
    warm_up: Annotated[int, typer.Option(min=10, help="Seconds before a latency is taken.")] = 60,
    measured: Annotated[
        int, typer.Option(min=10, help="Seconds for which latencies are taken, or longer: a checkpoint lies inside.")
    ] = 300,
    runs: Annotated[int, typer.Option(min=1, help="Latency runs of each mode, in turn.")] = 2,
    checkpoints: Annotated[int, typer.Option(min=1, help="Checkpoints in each run of real-time mode.")] = 5,
) -> None:
    """Measure producer and detector, and write the tables to docs/benchmarks.md. Nothing else should run meanwhile."""
    load = os.getloadavg()[0]
    with new_broker() as (kafka, folder):
        err.print("peers")
        compared = comparison.compare(kafka, folder / "peers")
        err.print("producer")
        made = producer.measure(kafka.bootstrap_servers, rows // 2)
        err.print("kernel alone")
        alone = _kernel()
        err.print("history")
        remembered = _history(folder, rows)
        err.print("detector, catching up")
        caught = detector.catch_up(kafka, folder)
        alerted: list[Row] = []
        for run in range(1, runs + 1):
            for mode in detector.TRIGGERS:
                err.print(f"detector, {mode}, run {run}")
                alerted.append(
                    {"run": run, **detector.latencies(kafka, folder, mode, RATE, warm_up, measured, checkpoints=checkpoints)}
                )
    options = f"--rows {rows} --warm-up {warm_up} --measured {measured} --runs {runs} --checkpoints {checkpoints}"
    PAGE.write_text(_page(options, load, made, alone, remembered, compared, caught, alerted))
    sys.stdout.write(PAGE.read_text())


def _kernel() -> str:
    command = ["mvn", "--quiet", "--file", str(KERNEL), "test-compile", "exec:exec"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _history(folder: Path, rows: int) -> Remembered:
    spark = history.session_of_two(folder)
    try:
        versus = [
            *history.versus_python(spark, folder, rows, KEYS[0], runs=2),
            *history.versus_python(spark, folder, rows // 2, KEYS[1], runs=1),
        ]
        found = versus, history.by_keys(spark, folder, KEYS, 2 * rows)
    finally:
        spark.stop()
    return *found, history.restart(folder, KEYS[-1]), history.features_for_training(folder)


def _page(
    options: str,
    load: float,
    made: list[Row],
    alone: str,
    remembered: Remembered,
    compared: list[Row],
    caught: list[Row],
    alerted: list[Row],
) -> str:
    versus, by_keys, restarted, trained = remembered
    return f"""\
# Benchmarks

Written by `make bench`; every run that was made is in here. Measured on {datetime.now(UTC):%Y-%m-%d} at commit {commit()} with

    make bench ARGS="{options}"

on {machine()}; load average before the start {load:.2f}.
Broker, producer and detector share the machine. Compare figures of one page, not of two machines.

## Producer

Time is CPU time of the process. The data set is the Handbook's world; goals: 20,000 made whole, 50,000 encoded and sent.

{table(("what", "rows", "rows/s/core"), [(row["what"], row["rows"], row["rows_per_second_per_core"]) for row in made])}

## The kernel alone

Without Spark, on one thread, with JMH; ± is the error at 99.9 % confidence (kernel/README.md explains the table).

{alone}

## History

A stream of decoded payments from Parquet, its state in RocksDB: neither Kafka nor JSON is in these figures. CPU time is that of
Python, its workers and the JVM; the second half counts. First the same features, count and sum of a card's amounts over 1 h and
24 h, by the kernel and by Python, of the columns that these need; all come to the same results. The kernel is {_versus(versus)}
times as fast as the best of Python, run by run; the first finds a cold JVM. (Goal: ten times.)

{table(("cards", "what", "run", "rows", "rows/s/core"), [_contestant(row) for row in versus])}

Then all of a card's aggregations, against the number of cards. From a process's start to the first results with the state of
{KEYS[-1]:,} cards: {restarted:.1f} s. (Goal: 30 s; the rate within 2 times from the fewest cards to the most.)

{table(("cards", "rows", "rows/s/core", "state, bytes a card"), [_keys(row) for row in by_keys])}

All features of the Handbook's world for training, {trained["rows"]:,} rows, by `write_features` and read back:
{trained["seconds"]} s. (Goal: 90 s.)

## Peers

{comparison.section(compared)}

## Detector, catching up

A backlog of {detector.BACKLOG:,} transactions in one partition, micro-batches of 300,000 records without pause, the demo's four
rules, all features, {detector.HEAP} of heap. CPU time is that of Python and JVM together. The first figure is that of a detector
that has just started: it is taken from the moment at which the detector says that it runs, and the JVM compiles its code
meanwhile. The second is that of a detector that has run for a minute or two. `python -m benchmarks.detector` measures this table
alone. (Goals: 15,000 and 50,000.)

{detector.throughput_table(caught)}

## From payment to alert

Milliseconds from a payment's event_time, read right before it is sent, to the broker's append of its alert; whole milliseconds, up
to one too low. {RATE:,} payments a second, all features, one rule, `amount > 150`. Micro-batches follow each other without pause,
their fastest setting. Each run has a detector of its own, one partition a topic. `--measured` seconds count, and at least so many
that `--checkpoints` of real-time mode lie inside. Before them come `--warm-up` and the first checkpoint of all.
(Goals: 30 ms at p99, 500 at p99.9, 1,500 at most; 100 times lower than micro-batch at p50, 50 times at p99.)

{table(("mode", "run", "alerts", "p50", "p99", "p99.9", "max"), list(map(_latency, sorted(alerted, key=_order))))}

{_ratios(alerted)}
"""


def _versus(rows: list[Row]) -> str:
    ratios = []
    for race in sorted({(row["keys"], row["run"]) for row in rows}):
        kernel, *others = (row["rows_per_second_per_core"] for row in rows if (row["keys"], row["run"]) == race)
        ratios.append(f"{kernel / max(others):.1f}")
    return ", ".join(ratios)


def _contestant(row: Row) -> tuple[Any, ...]:
    return row["keys"], row["what"], row["run"], row["rows"], row["rows_per_second_per_core"]


def _keys(row: Row) -> tuple[Any, ...]:
    return row["keys"], row["rows"], row["rows_per_second_per_core"], row["state_bytes_per_key"]


def _order(row: Row) -> tuple[int, int]:
    return list(detector.TRIGGERS).index(row["mode"]), row["run"]


def _latency(row: Row) -> tuple[Any, ...]:
    return (row["mode"], row["run"], row["alerts"], *(f"{row[name]:.0f}" for name in ("p50", "p99", "p999", "max")))


def _ratios(alerted: list[Row]) -> str:
    slow = {row["run"]: row for row in alerted if row["mode"] == "microBatch"}
    lines = []
    for row in sorted(alerted, key=_order):
        if row["mode"] != "microBatch":
            p50, p99 = (slow[row["run"]][name] / max(row[name], 0.5) for name in ("p50", "p99"))
            lines.append(
                f"- {row['mode']}, run {row['run']}: {p50:.0f} times lower than micro-batch at p50, {p99:.0f} times at p99."
            )
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
