"""The benchmarks, each on a broker of its own, into docs/benchmarks.md: `make bench` (an hour and a half), or one section alone."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import (
    archive,
    detector,
    encryption,
    health,
    history,
    hot_key,
    mapping,
    notifying,
    page,
    producer,
    quality,
    retraining,
    rules,
    scaling,
    watching,
)
from benchmarks.page import Section, table
from benchmarks.peers import comparison
from configuration import KafkaConnection
from spark_jobs.features import CARD
from spark_jobs.vocabulary import Aggregation, Operation, days

KERNEL = Path(__file__).parent.parent / "kernel" / "pom.xml"
ROWS = 1_000_000
RATE = 1_000
WARM_UP_S, MEASURED_S, CHECKPOINTS = 60, 300, 5
KEYS = [10_000, 100_000, 1_000_000]

Row = dict[str, Any]


def main(
    sections: Annotated[list[str] | None, typer.Argument(help="Of them, these; without names all.")] = None,
) -> None:
    """Measure, and write docs/benchmarks.md.

    Sections: producer, kernel, history, restart, migration, mapping, rules, peers, catching-up, latency, hot-key,
    scaling, encryption, watcher, archive, archive-beside, copy, timeline, health, quality, notifier, retraining.
    Nothing else should run meanwhile.
    """
    page.measure("benchmarks.md", SECTIONS, sections or [], "python -m benchmarks")


def _producer(kafka: KafkaConnection, _folder: Path) -> str:
    made = producer.measure(kafka.bootstrap_servers, ROWS // 2)
    return f"""\
Time is CPU time of the process. The data set is the Handbook's world; goals: 20,000 made whole, 50,000 encoded and sent.

{table(("what", "rows", "rows/s/core"), [(row["what"], row["rows"], row["rows_per_second_per_core"]) for row in made])}"""


def _kernel(_kafka: KafkaConnection, _folder: Path) -> str:
    command = ["mvn", "--quiet", "--file", str(KERNEL), "test-compile", "exec:exec"]
    return f"""\
Without Spark, on one thread, with JMH; ± is the error at 99.9 % confidence (kernel/README.md explains the table).

{subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()}"""


def _history(_kafka: KafkaConnection, folder: Path) -> str:
    spark = history.session_of_two(folder)
    try:
        versus = [
            *history.versus_python(spark, folder, ROWS, KEYS[0], runs=2),
            *history.versus_python(spark, folder, ROWS // 2, KEYS[1], runs=1),
        ]
        by_keys = history.by_keys(spark, folder, KEYS, 2 * ROWS)
    finally:
        spark.stop()
    trained = history.features_for_training(folder)
    return f"""\
A stream of decoded payments from Parquet, its state in RocksDB: neither Kafka nor JSON is in these figures. CPU time is that of
Python, its workers and the JVM; the second half counts. First the same features, count and sum of a card's amounts over 1 h and
24 h, by the kernel and by Python, of the columns that these need; all come to the same results. The kernel is {_versus(versus)}
times as fast as the best of Python, run by run; the first finds a cold JVM. (Goal: ten times.)

{table(("cards", "what", "run", "rows", "rows/s/core"), [_contestant(row) for row in versus])}

Then all of a card's aggregations, against the number of cards. (Goal: the rate within 2 times from the fewest cards to the most.)

{table(("cards", "rows", "rows/s/core", "state, bytes a card"), [_keys(row) for row in by_keys])}

All features of the Handbook's world for training, {trained["rows"]:,} rows, by `write_features` and read back:
{trained["seconds"]} s. (Goal: 90 s.)"""


def _restart(_kafka: KafkaConnection, folder: Path) -> str:
    spark = history.session_of_two(folder)
    try:
        history.by_keys(spark, folder, KEYS[-1:], 2 * ROWS)
    finally:
        spark.stop()
    return f"""\
From a process's start to the first results with the state of {KEYS[-1]:,} cards, payments from Parquet:
{history.restart(folder, KEYS[-1]):.1f} s. (Goal: 30 s.)"""


def _migration(_kafka: KafkaConnection, folder: Path) -> str:
    spark = history.session_of_two(folder)
    other = replace(CARD, aggregations=(*CARD.aggregations[1:], Aggregation(Operation.COUNT, windows=(days(2), days(14)))))
    found = []
    try:
        history.by_keys(spark, folder, KEYS[1:], 2 * ROWS)
        for keys in KEYS[1:]:
            for what, group in (("the same", CARD), ("another", other)):
                moved = history.migrate(spark, folder, keys, group)
                found.append((moved["keys"], moved["payments"], what, moved["seconds"]))
    finally:
        spark.stop()
    return f"""\
The state of cards, out of one checkpoint into a new one: to the same plan, and to another one, for which each payment is looked at
anew. Two state partitions; the checkpoints are on the local disk.

{table(("cards", "payments", "plan", "seconds"), found)}"""


def _mapping(_kafka: KafkaConnection, folder: Path) -> str:
    return mapping.section(folder)


def _rules(_kafka: KafkaConnection, folder: Path) -> str:
    return rules.section(folder)


def _peers(kafka: KafkaConnection, folder: Path) -> str:
    return comparison.section(comparison.compare(kafka, folder / "peers"))


def _catching_up(kafka: KafkaConnection, folder: Path) -> str:
    return f"""\
{detector.CATCHING_UP} (Goals: 15,000 and 50,000.)

{detector.throughput_table(detector.catch_up(kafka, folder, detector.backlog(kafka, folder)))}"""


def _latency(kafka: KafkaConnection, folder: Path) -> str:
    alerted = [detector.latencies(kafka, folder, mode, RATE, WARM_UP_S, MEASURED_S, checkpoints=CHECKPOINTS) for mode in MODES]
    slow = alerted[-1]
    ratios = (
        f"- {row['mode']}: {_ratio(slow, row, 'p50')} times lower than micro-batch at p50, {_ratio(slow, row, 'p99')} times at p99."
        for row in alerted[:-1]
    )
    lines = "\n".join(ratios)
    return f"""\
{detector.LATENCY} {RATE:,} payments a second, no model. In real-time mode {CHECKPOINTS} checkpoints lie inside; micro-batches
follow each other without pause, their fastest setting, and count for {MEASURED_S} s.
(Goals: 30 ms at p99, 500 at p99.9, 1,500 at most; 100 times lower than micro-batch at p50, 50 times at p99.)

{detector.latency_table(alerted)}

{lines}"""


def _hot_key(kafka: KafkaConnection, folder: Path) -> str:
    found = hot_key.measure(kafka, folder)
    columns = ("where", "alerts", "p50", "p99", "max")
    return f"""\
A terminal with {hot_key.PAYMENTS:,} payments in its last five hours, in real-time mode; {hot_key.RATE} payments a second follow,
every tenth there. Milliseconds from a payment to its alert. (Goal: within 2 times.)

{table(columns, [tuple(row[name] for name in columns) for row in found.latencies])}

The checkpoint holds {found.state_bytes:,} bytes of that terminal with its {hot_key.PAYMENTS:,} payments."""


def _scaling(kafka: KafkaConnection, folder: Path) -> str:
    return scaling.section(scaling.measure(kafka, folder))


def _encryption(kafka: KafkaConnection, folder: Path) -> str:
    return encryption.section(encryption.measure(kafka, folder))


def _watcher(kafka: KafkaConnection, folder: Path) -> str:
    return watching.section(watching.measure(kafka, folder))


def _archive(kafka: KafkaConnection, folder: Path) -> str:
    return archive.section(kafka, folder)


def _beside(kafka: KafkaConnection, folder: Path) -> str:
    return archive.beside_section(kafka, folder)


def _copy(_kafka: KafkaConnection, folder: Path) -> str:
    return archive.copy_section(folder)


def _timeline(_kafka: KafkaConnection, folder: Path) -> str:
    return archive.timeline_section(folder)


def _health(_kafka: KafkaConnection, folder: Path) -> str:
    return health.section(folder)


def _quality(_kafka: KafkaConnection, folder: Path) -> str:
    return quality.section(folder)


def _retraining(_kafka: KafkaConnection, _folder: Path) -> str:
    return retraining.section()


def _notifier(kafka: KafkaConnection, folder: Path) -> str:
    return notifying.section(notifying.measure(kafka, folder))


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


def _ratio(slow: Row, fast: Row, name: str) -> str:
    return f"{slow[name] / max(fast[name], 0.5):.0f}"  # half a millisecond is what a clock of whole ones can tell


MODES = ("realTime, checkpoint every 1m", "realTime, checkpoint every 5m", "microBatch")
SECTIONS = {
    "producer": Section("Producer", _producer),
    "kernel": Section("The kernel alone", _kernel),
    "history": Section("History", _history),
    "restart": Section("Restart", _restart),
    "migration": Section("Migration", _migration),
    "mapping": Section("Other people's records", _mapping),
    "rules": Section("Rules", _rules),
    "peers": Section("Peers", _peers),
    "catching-up": Section("Detector, catching up", _catching_up),
    "latency": Section("From payment to alert", _latency),
    "hot-key": Section("One hot key", _hot_key),
    "scaling": Section("Slots and executors", _scaling),
    "encryption": Section("Encryption between executors", _encryption),
    "watcher": Section("The watcher", _watcher),
    "archive": Section("The archiver", _archive),
    "archive-beside": Section("A detector with an archiver beside it", _beside),
    "copy": Section("COPY against executemany", _copy),
    "timeline": Section("A card's timeline", _timeline),
    "health": Section("A model's health", _health),
    "quality": Section("Data quality", _quality),
    "notifier": Section("The notifier", _notifier),
    "retraining": Section("Retraining", _retraining),
}

if __name__ == "__main__":
    typer.run(main)
