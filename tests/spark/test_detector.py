"""The detector as a process: nothing is lost, whatever happens to it."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import yaml

from configuration import FraudDetectionError, KafkaConnection, TopicNames
from contract import Alert, ContractError, Rejected, Transaction, decode, encode
from harness.detector import MICRO_BATCH, Detector, expected_alert, scraped
from harness.kafka import Record, read_all, send
from harness.watching import watching
from local.process import free_port
from tests.hostile import hostile
from tests.records import AT, transaction

EVENTS, HOSTILE = 40_000, 2_000


def by_id(records: list[Record], name: str) -> dict[str, set[tuple[bytes | None, bytes | None]]]:
    """Returns the different (key, value) of each transaction; records that say the same are one."""
    found = defaultdict(set)
    for record in records:
        value = json.loads(record.value)
        found[value["transaction"]["transaction_id"] if name == "scored" else value["transaction_id"]].add(
            (record.key, record.value)
        )
    return found


@pytest.mark.fresh
@pytest.mark.timeout(900)
def test_nothing_is_lost_when_the_detector_is_killed_twice_amid_hostile_records(
    detector: Detector, run_here: Callable[..., None], kafka: KafkaConnection, topics: TopicNames, tmp_path: Path
) -> None:
    producer = _produce(kafka, topics, tmp_path)
    detector.settings |= {"max_offsets": 5_000}
    detector.start("microBatch", trigger=MICRO_BATCH)
    values = hostile(HOSTILE)
    send(kafka.bootstrap_servers, topics.transactions, ((b"card-1", value) for value in values))
    detector.until_scored(8_000)
    detector.kill()
    detector.start("microBatch", trigger=MICRO_BATCH)
    detector.until_scored(28_000)
    detector.kill()
    assert producer.wait() == 0, "the producer failed"
    run_here(detector)

    ledger = set((tmp_path / "ledger").read_text().split())
    assert len(ledger) == EVENTS
    sent = read_all(kafka.bootstrap_servers, topics.transactions)
    scored = by_id(read_all(kafka.bootstrap_servers, topics.scored), "scored")
    alerts = by_id(read_all(kafka.bootstrap_servers, topics.alerts), "alert")
    rejected = defaultdict(set)
    for record in read_all(kafka.bootstrap_servers, topics.rejected):
        dead = decode(Rejected, record.value)
        rejected[dead.topic, dead.partition, dead.offset].add(record.value)

    assert ledger <= scored.keys(), "a delivered transaction is neither scored nor rejected"
    oracle, dead = defaultdict(set), set()  # hostile ones may share an id
    for record in sent:
        try:
            paid = decode(Transaction, record.value)
            if len(record.value or b"") > 65_536 or abs(paid.event_time - AT) > timedelta(days=3_000):
                raise ContractError("limits")
            oracle[paid.transaction_id].add(expected_alert(paid))
        except ContractError:
            dead.add((topics.transactions, record.partition, record.offset))
    assert rejected.keys() == dead
    assert 1_000 < len(dead) < HOSTILE
    assert scored.keys() == oracle.keys()
    assert alerts.keys() == {one for one, expected in oracle.items() if expected != {None}}
    assert len(alerts) > 300
    for one, values in alerts.items():
        found = [decode(Alert, value) for _, value in values]
        assert {(alert.decision, alert.rules) for alert in found} == oracle[one] - {None}
    repeats = Counter(len(values) for one, values in scored.items() if one.startswith("n"))
    assert repeats == {1: EVENTS}, "a repeat is not byte-identical"
    assert all(len(values) == 1 for values in rejected.values()), "a repeated dead letter is not byte-identical"


def _produce(kafka: KafkaConnection, topics: TopicNames, folder: Path) -> "subprocess.Popen[bytes]":
    settings = {
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers},
        "topics": asdict(topics),
        "clock": "replay",
        "count": EVENTS,
        "inline_labels": True,
        "ledger": str(folder / "ledger"),
    }
    file = folder / "producer.yaml"
    file.write_text(yaml.safe_dump(settings))
    return subprocess.Popen([sys.executable, "-m", "producer", "run", "--config", str(file)], stderr=subprocess.DEVNULL)


@pytest.mark.fresh
@pytest.mark.timeout(900)
def test_one_checkpoint_serves_both_modes_and_loses_nothing(detector: Detector, kafka: KafkaConnection, topics: TopicNames) -> None:
    sent: set[str] = set()

    def send_some(count: int = 500) -> None:
        ids = [f"t{len(sent) + number}" for number in range(count)]
        # A terminal for each card, each payment a little later: where several partitions meet at one terminal real-time mode does
        # not repeat the same features (docs/adr/0010).
        paid = (
            (f"card-{number % 50}", encode(_paid(one, number % 50, timedelta(milliseconds=len(sent) + number), number % 10 == 0)))
            for number, one in enumerate(ids)
        )
        send(kafka.bootstrap_servers, topics.transactions, paid)
        sent.update(ids)

    def scored() -> dict[str, set[tuple[bytes | None, bytes | None]]]:
        return by_id(read_all(kafka.bootstrap_servers, topics.scored), "scored")

    with watching(kafka, topics) as says:
        says.until(lambda says: says("up_to_date") == 1)
        for mode, end in (("realTime", "TERM"), ("microBatch", "INT"), ("realTime", "KILL")):
            before = len(read_all(kafka.bootstrap_servers, topics.scored))
            send_some()
            detector.start(mode)
            (jvm,) = psutil.Process(detector.pid).children()
            assert ("-XX:+UseZGC" in jvm.cmdline()) == (mode == "realTime"), "it alone pays for a collector without pauses"
            send_some()
            detector.until_scored(before + 1_000)
            # In real-time mode the checkpoint, and with it what Spark itself would say, is minutes away.
            says.until(lambda says, least=before + 1_000: says("out_records_total", topic=topics.scored) >= least)
            says.until(lambda says: says("newest_scored_age_seconds") < 5 and says("oldest_unscored_seconds") == 0)
            send_some(100)
            if end == "KILL":
                detector.kill()
            else:
                assert detector.stop(signal.SIGTERM if end == "TERM" else signal.SIGINT) == 0, detector.errors
                assert "detector stopped" in detector.errors
                assert [line for line in detector.errors.splitlines() if "[info" not in line] == [], "nothing of Java's or Python's"
                assert "processing Appender" not in (detector.folder / "logs" / "spark.log").read_text(), (
                    "log4j has failed on what a cut off task said"
                )
        send_some(100)
        says.until(lambda says: says("oldest_unscored_seconds") > 3)
        assert detector.run("availableNow") == 0
        written = len(read_all(kafka.bootstrap_servers, topics.scored))
        says.until(lambda says: says("scored_latency_seconds_count") == written and says("oldest_unscored_seconds") == 0)
        assert says("in_records_total", topic=topics.transactions) == len(sent)
        assert says("alert_latency_seconds_count") == len(read_all(kafka.bootstrap_servers, topics.alerts))
        assert says("channel_decisions_total", channel="pos", decision="approve") == says("decisions_total", decision="approve") > 0
    found = scored()
    assert found.keys() == sent
    assert all(len(values) == 1 for values in found.values()), "a repeat is not byte-identical"
    alerts = by_id(read_all(kafka.bootstrap_servers, topics.alerts), "alert")
    assert alerts.keys() == {one for one in sent if int(one[1:]) % 10 == 0}
    printed = {
        json.loads(line.partition(" => ")[2])["transaction_id"] for line in detector.printed if line.startswith("Fraud transaction")
    }
    assert printed == alerts.keys(), "an alert is not on the console"


def _paid(name: str, card: int, after: timedelta, is_fraud: bool) -> Transaction:
    places = {"card_id": f"card-{card}", "terminal_id": f"terminal-{card}"}
    return replace(transaction(transaction_id=name, event_time=AT + after, is_fraud=is_fraud), **places)


@pytest.mark.fresh
def test_a_stop_lets_the_batch_finish_and_the_metrics_tell_what_was_done(
    detector: Detector, run_here: Callable[..., None], kafka: KafkaConnection, topics: TopicNames
) -> None:
    port = free_port()
    values = [encode(transaction(transaction_id=f"t{number}", card_id=f"c{number}", is_fraud=number < 3)) for number in range(100)]
    send(kafka.bootstrap_servers, topics.transactions, ((b"k", value) for value in (*values, None, b"x", b"{}")))
    detector.start("microBatch", metrics={"port": port})
    detector.until_scored(100)
    send(kafka.bootstrap_servers, topics.transactions, [(b"k", encode(transaction(transaction_id="last")))])
    detector.until_scored(101)
    metrics = scraped(port)
    assert metrics['fraud_rows_total{kind="transaction"}'] >= 100
    assert metrics["fraud_alerts_total"] == 3
    assert metrics['fraud_decisions_total{decision="decline"}'] == 3
    assert metrics['fraud_rejected_total{reason="tombstone"}'] == 1
    assert metrics['fraud_rejected_total{reason="not_a_json_object"}'] == 1
    assert metrics['fraud_rejected_total{reason="missing"}'] == 1
    assert metrics["fraud_batch_duration_seconds_count"] >= 1
    # A hundred cards and one terminal: the steps are told apart.
    assert metrics['fraud_state_rows{group="card"}'] >= 100 > metrics['fraud_state_rows{group="terminal"}'] > 0
    assert metrics['fraud_state_bytes{group="card",where="disk"}'] > 0
    assert {"fraud_lag_rows", "fraud_lag_seconds", "fraud_seconds_since_progress"} <= metrics.keys()
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as answer:
            assert answer.read() == b"ok\n"
    assert detector.stop() == 0
    # What was finished is not repeated: the stop waited for the batch's commit.
    run_here(detector)
    assert len(read_all(kafka.bootstrap_servers, topics.scored)) == 101


@pytest.mark.fresh
def test_what_spark_cannot_do_is_one_paragraph(
    detector: Detector, run_here: Callable[..., None], kafka: KafkaConnection, topics: TopicNames
) -> None:
    def told(**changes: object) -> str:
        assert detector.run("availableNow", **changes) == 1
        (found,) = [line for line in detector.errors.splitlines() if line.startswith("error: ")]
        assert "Traceback" not in detector.errors
        assert "\tat " not in detector.errors
        assert "rror" in (detector.folder / "logs" / "detect_fraud.log").read_text(), "the trace is kept"
        return found

    def raised(**changes: object) -> str:
        with pytest.raises(FraudDetectionError) as caught:
            run_here(detector, **changes)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    send(kafka.bootstrap_servers, topics.transactions, [(b"k", encode(transaction())) for _ in range(10)])
    run_here(detector)
    checkpoint = detector.folder / "checkpoint"

    for log in (checkpoint / "offsets").iterdir():
        log.write_text("not an offset log")
    assert f"The checkpoint {checkpoint} cannot be used: " in raised()
    assert "The checkpoint /proc/nowhere cannot be used" in raised(checkpoint="/proc/nowhere")
    assert "Asked to run locally with 0 threads" in told(spark={"master": "local[0]"})
