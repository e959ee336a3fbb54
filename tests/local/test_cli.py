"""The `fraud` command as a person or a script uses it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import Alert, decode
from local.broker import Broker
from local.mail import Mail, subjects
from local.s3 import S3Server
from tests.s3 import Archive

FRAUD = Path(sys.executable).parent / "fraud"
Fraud = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(home: Path) -> Iterator[dict[str, str]]:
    yield {**os.environ, "FRAUD_HOME": str(home / "state"), "NO_COLOR": "1"}
    Broker(home / "state" / "kafka").kill()
    S3Server(home / "state" / "s3").stop()
    Mail(home / "state" / "mail").stop()


@pytest.fixture
def fraud(environment: dict[str, str]) -> Fraud:
    def call(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([FRAUD, *arguments], capture_output=True, text=True, env={**environment, **variables})

    return call


def answer(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_day_in_its_life(fraud: Fraud, home: Path) -> None:
    state = fraud("status", "--json")
    assert (state.returncode, json.loads(state.stdout)["running"]) == (3, False)
    assert "The broker does not run. Start it: `fraud up`" in refused(fraud("topics"))
    assert "The broker does not run" in refused(fraud("produce", "--count", "1"))

    started = fraud("up", "--port", "0", "--with", "s3,mail")
    assert "S3 runs at http://127.0.0.1:" in started.stdout, started.stderr
    assert f"its mail is in {home / 'state' / 'mail' / 'mailbox'}" in started.stdout
    assert "created" not in fraud("up").stdout
    state = answer(fraud("status", "--json"))
    assert state["running"] is True
    assert state["s3"].startswith("http://127.0.0.1:")
    assert "S3 runs at" in fraud("status").stdout
    assert fraud("produce", "--clock", "replay", "--count", "500").returncode == 0
    found = {row["topic"]: (row["partitions"], row["records"]) for row in answer(fraud("topics", "--json"))}
    assert found == {
        "transactions": (2, 500),
        "transactions.labels": (2, 0),
        "customers": (1, 5_000),
        "merchants": (1, 10_000),
        "transactions.scored": (2, 0),
        "transactions.rejected": (1, 0),
        "fraud.alerts": (2, 0),
        "fraud.rulesets": (1, 0),
        "fraud.files": (1, 0),
    }
    detected = fraud(
        *("detect", "--trigger.mode", "availableNow", "--checkpoint", "s3a://fraud/checkpoint"),
        *("--rules", '{"large": {"when": "amount > 100", "reason": "Over 100"}}'),
    )
    assert detected.returncode == 0, detected.stderr
    printed = [line.partition(" => ")[2] for line in detected.stdout.splitlines()]
    after = {row["topic"]: row["records"] for row in answer(fraud("topics", "--json"))}
    assert after["transactions.scored"] == 500
    assert after["fraud.alerts"] == len(printed) > 0
    assert all(decode(Alert, line.encode()).reasons == ("Over 100",) for line in printed)
    archived = fraud(
        *("archive", "--sinks", '{"lake": {"type": "parquet", "path": "s3a://fraud/lake"}}'),
        *("--checkpoint", "s3a://fraud/archive-checkpoint"),
        *("--trigger.mode", "availableNow"),
    )
    assert archived.returncode == 0, archived.stderr
    archive = Archive("s3a://fraud/lake", S3Server(home / "state" / "s3"))
    assert {name: len(archive.rows(name)) for name in ("scored", "alerts", "unreadable")} == {
        "scored": 500,
        "alerts": len(printed),
        "unreadable": 0,
    }

    assert all(one.startswith("Fraud: ") for one in subjects(home / "state" / "mail" / "mailbox").values())
    (channel,) = answer(fraud("notify", "list", "--json"))["channels"]
    assert (channel["channel"], channel["dead"]) == ("mail", 0)
    assert answer(fraud("notify", "test", "mail", "--json"))["state"] == "delivered"

    assert all(check["ok"] for check in answer(fraud("doctor", "--json")))
    assert fraud("down").returncode == 0
    state = fraud("status", "--json")
    assert (state.returncode, json.loads(state.stdout)["s3"]) == (3, None)
    assert (home / "state").is_dir()
    assert fraud("down", "--purge").returncode == 0
    assert not (home / "state").exists()


def test_up_on_a_taken_port(fraud: Fraud) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "is in use. Name another" in refused(fraud("up", "--port", str(taken.getsockname()[1])))


def test_up_without_java(fraud: Fraud) -> None:
    assert "No Java is found" in refused(fraud("up", PATH="/nowhere", JAVA_HOME=""))


def test_a_mistyped_variable_is_refused(fraud: Fraud) -> None:
    message = refused(fraud("status", FRAUD_CHECKPOINTS="hunter2"))
    assert "`FRAUD_CHECKPOINTS` (the nearest name is `FRAUD_CHECKPOINT`)" in message
    assert "hunter2" not in message


def test_the_doctor_looks_at_a_checkpoint(fraud: Fraud, home: Path) -> None:
    done = fraud("doctor", "--checkpoint", "nowhere", "--json")
    assert done.returncode == 1
    assert [one["found"] for one in json.loads(done.stdout)] == ["no batch has begun here"]
    for folder in ("offsets", "commits"):
        (home / "c" / folder).mkdir(parents=True)
    (home / "c" / "offsets" / "0").write_text("v1\n{}\n{}")
    (home / "c" / "commits" / "0").write_text("")
    (home / "c" / "metadata").write_text("")
    done = fraud("doctor", "--checkpoint", "c")
    assert done.returncode == 0
    assert "ok      metadata: is missing or cannot be read; the next start writes it anew" in done.stdout
    assert "ok      commits/0: is empty; the next start removes it and runs the newest batch again" in done.stdout


def test_the_doctor_names_what_is_missing(fraud: Fraud) -> None:
    done = fraud("doctor", PATH="/nowhere", JAVA_HOME="")
    assert done.returncode == 1
    problems = [line for line in done.stdout.splitlines() if line.startswith("problem")]
    assert [line.split()[1] for line in problems] == ["Java:", "Maven:"]
    assert "Install a JDK 17 or newer" in problems[0]


def test_a_short_demo(fraud: Fraud, home: Path) -> None:
    done = fraud("demo", "--seconds", "10", "--plain", "--with", "mail")
    assert done.returncode == 0, done.stderr
    alerts = [line.partition(" => ")[2] for line in done.stdout.splitlines() if line.startswith("Fraud transaction detected => ")]
    assert alerts
    for line in alerts:
        assert decode(Alert, line.encode()).reasons
    assert "payments scored" in done.stdout
    assert [line for line in done.stdout.splitlines()[-7:] if "payment to alert p50" in line]
    assert "Mail => Fraud: " in done.stdout
    assert re.search(r"Mail: [1-9]\d* messages about the alerts, in ", done.stdout)
    assert any(decode(Alert, line.encode()).model_version for line in alerts), "a model was trained, and scores"
    assert "Model: xgboost-" in done.stdout
    (run,) = (home / "state" / "demo").iterdir()
    assert {"detector.yaml", "producer.yaml", "detector.log", "spark.log", "watcher.log", "checkpoint"} <= {
        one.name for one in run.iterdir()
    }
    assert f"checkpoint: {run}" in done.stdout
    (metrics,) = re.findall("Metrics, while it ran: (http://127.0.0.1:[0-9]+/metrics)", done.stdout)
    assert metrics in (run / "watcher.log").read_text()
    assert "watcher stopped" in (run / "watcher.log").read_text()
    assert fraud("status").returncode == 3, "it stops what it started"


def test_a_demo_whose_detector_fails_says_why_and_stops(fraud: Fraud) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = refused(fraud("demo", "--plain", FRAUD_METRICS__PORT=str(port)))
    assert f"The detector ended: Port {port} on 127.0.0.1 is in use" in message
    assert fraud("status").returncode == 3


def test_ctrl_c_stops_the_demo(fraud: Fraud, environment: dict[str, str]) -> None:
    demo = subprocess.Popen([FRAUD, "demo", "--plain"], stdout=subprocess.PIPE, text=True, env=environment)
    assert demo.stdout
    assert "starting" in demo.stdout.readline()  # broker, detector and producer run
    demo.send_signal(signal.SIGINT)
    assert "Stopped. Logs, settings and checkpoint:" in demo.stdout.read()
    assert demo.wait() == 0
    assert fraud("status").returncode == 3
