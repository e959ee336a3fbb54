"""The laptop's Prometheus: it starts, is left alone, asks the laptop's programs, and stops."""

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import local.prometheus
from configuration import KafkaConnection
from local import launch, stores
from local.errors import MissingProgram, UnknownStore
from local.prometheus import PrometheusServer
from local.state import prometheus


@pytest.fixture
def own(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrometheusServer]:
    monkeypatch.setenv("FRAUD_HOME", str(home / "state"))
    one = prometheus()
    yield one
    one.stop()


def test_it_asks_the_programs_and_a_second_start_leaves_it_alone(own: PrometheusServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRAUD_METRICS__PORT", raising=False)
    launch.know_prometheus("detector", [])
    assert "FRAUD_METRICS__PORT" not in os.environ, "nobody asks"
    stores.start("monitoring", KafkaConnection())
    assert stores.running()["prometheus"] == own.url
    with urllib.request.urlopen(f"{own.url}/api/v1/status/config") as answer:  # noqa: S310 http
        jobs = yaml.safe_load(json.load(answer)["data"]["yaml"])["scrape_configs"]
    assert {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs} == {
        "detector": ["127.0.0.1:8000"],
        "watcher": ["127.0.0.1:8001"],
        "archiver": ["127.0.0.1:8002"],
    }
    launch.know_prometheus("archiver", ["--metrics.port=1"])
    assert "FRAUD_METRICS__PORT" not in os.environ, "who names a port has it"
    launch.know_prometheus("archiver", [])
    assert os.environ["FRAUD_METRICS__PORT"] == "8002"
    assert PrometheusServer(own.home).start() == own.url
    stores.stop()
    assert not own.running


def test_without_the_program_it_says_what_to_do(own: PrometheusServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local.prometheus, "FOLDER", tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingProgram, match="Run `make prometheus`"):
        own.start()
    with pytest.raises(UnknownStore, match="Known are s3, postgres, mail, monitoring"):
        stores.start("grafana", KafkaConnection())
