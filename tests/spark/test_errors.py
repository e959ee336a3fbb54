"""What a person sees who made a mistake: one paragraph that says what to do, exit code 1, no trace."""

import socket
from dataclasses import asdict
from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from spark_jobs.detect_fraud import main


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str], home: Path):
    """Returns a function that starts the detector and returns its paragraph."""

    def start(*arguments: str) -> str:
        assert main(list(arguments)) == 1
        out, error = capfd.readouterr()
        assert out == ""
        assert error.startswith("error: ")
        assert error.count("\n") == 1, error
        return error

    return start


def on(kafka: KafkaConnection, topics: TopicNames) -> list[str]:
    return [
        "--kafka.bootstrap-servers",
        kafka.bootstrap_servers,
        *(part for name, topic in asdict(topics).items() for part in (f"--topics.{name}", topic)),
    ]


def test_a_wrong_address(told) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        port = bound.getsockname()[1]
        message = told("--kafka.bootstrap-servers", f"127.0.0.1:{port}")
    assert f"No Kafka broker answers at 127.0.0.1:{port}" in message
    assert "Check kafka.bootstrap_servers" in message


def test_a_missing_topic(told, kafka: KafkaConnection, topics: TopicNames) -> None:
    message = told(*on(kafka, topics), "--topics.alerts", "nowhere", "--topics.labels", "neither")
    assert "has no topic neither, nowhere. Create it" in message


def test_a_port_in_use(told, kafka: KafkaConnection, topics: TopicNames) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = told(*on(kafka, topics), "--metrics.port", str(port))
    assert f"Port {port} on 127.0.0.1 is in use. Set metrics.port to a free one" in message


def test_no_java(told, kafka: KafkaConnection, topics: TopicNames, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert "No Java is found" in told(*on(kafka, topics))
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    assert "JAVA_HOME holds no bin/java. Install a JDK 17 or newer" in told(*on(kafka, topics))


@pytest.mark.parametrize("version", ['openjdk version "11.0.2"', 'java version "1.8.0_392"', "what?"])
def test_a_wrong_java(
    told, kafka: KafkaConnection, topics: TopicNames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    message = told(*on(kafka, topics))
    assert "Java 17 or newer is needed" in message
    assert "Install a JDK 17" in message


def test_a_wrong_settings_key(told) -> None:
    assert "`--chekpoint` is not an option, the nearest name is `checkpoint`" in told("--chekpoint", "x")


def test_a_checkpoint_that_is_a_file(told, home: Path) -> None:
    (home / "checkpoint").write_text("x")
    assert "The checkpoint checkpoint is a file, not a folder. Name a folder" in told("--checkpoint", "checkpoint")


def test_a_password_file_that_is_not_there(told) -> None:
    message = told(
        *("--kafka.security-protocol", "SASL_SSL", "--kafka.sasl-username", "me", "--kafka.sasl-password-file", "/nowhere/password")
    )
    assert "/nowhere/password cannot be read" in message


def test_a_log_folder_that_cannot_be_made(told, home: Path) -> None:
    (home / "logs").write_text("x")
    assert "logs" in told()
