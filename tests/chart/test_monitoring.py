"""Alert rules ask for metrics that exist; dashboards are taken as they are; everything only where it is asked for."""

import re
import shutil
import subprocess
from pathlib import Path

import yaml

from charts.derived import CHART
from monitoring.__main__ import dashboards
from tests.chart.manifests import Object, find, kinds, objects, pods, spark_pod
from tests.chart.notified import NOTIFIED
from tests.metric_names import served

ALL = tuple(
    part for name in ("podMonitor", "prometheusRule", "dashboards") for part in ("--set", f"monitoring.{name}.enabled=true")
)


def rules(*arguments: str, values: str | None = None) -> dict[str, Object]:
    found = find(objects(*ALL, *arguments, values=values), "PrometheusRule", "fraud-detector")
    return {rule["alert"]: rule for group in found["spec"]["groups"] for rule in group["rules"]}


def test_nothing_is_watched_unless_asked() -> None:
    assert not {kind for kind, _ in kinds(objects())} & {"PodMonitor", "PrometheusRule"}


def test_rules_ask_for_metrics_that_there_are() -> None:
    found = rules("--values", "values-s3.yaml", values=NOTIFIED)
    asked = {name for rule in found.values() for name in re.findall(r"\bfraud_[a-z_]+", rule["expr"])}
    assert {name.split("_")[1] for name in asked} > {"watch", "archive", "notify"}
    assert asked <= served()


def test_a_stall_is_judged_by_the_trigger() -> None:
    assert "> 120 and" in rules()["FraudDetectorStalled"]["expr"]
    real_time = rules("--set", "detector.config.trigger.mode=realTime", "--set", "detector.executor.slots=10")
    assert "> 900 and" in real_time["FraudDetectorStalled"]["expr"], "three times the default of five minutes"


def test_an_alert_that_is_gathered_on_purpose_is_not_late() -> None:
    assert "> 900" in rules(values=NOTIFIED)["FraudNotifierBehind"]["expr"], "ten minutes, and the default of five"
    assert "> 7800" in rules(values=NOTIFIED.replace("group: 1m", "group: 2h"))["FraudNotifierBehind"]["expr"]
    assert not [name for name in rules() if name.startswith("FraudNotifier")]


def test_a_run_that_ends_by_itself_is_not_missed() -> None:
    bounded = rules("--set", "detector.config.trigger.mode=availableNow")
    assert not {"FraudDetectorDown", "FraudDetectorRestarts", "FraudDetectorStalled"} & bounded.keys()
    assert "FraudDetectorRejects" in bounded


def test_the_runbook_is_where_the_values_say() -> None:
    rule = rules("--set", "monitoring.prometheusRule.runbookUrl=https://wiki.example.com/fraud")["FraudDetectorDown"]
    assert rule["annotations"]["runbook_url"] == "https://wiki.example.com/fraud#frauddetectordown"


def test_the_pod_monitor_finds_the_driver_and_no_executor() -> None:
    found = objects(*ALL, "--set", "monitoring.podMonitor.labels.release=prometheus")
    monitor = find(found, "PodMonitor", "fraud-detector")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    assert wanted <= spark_pod(found, "driver").labels.items()
    assert not wanted <= spark_pod(found, "executor").labels.items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (driver,) = spark_pod(found, "driver").spec["containers"]
    assert {"name": endpoint["port"], "containerPort": 8000} in driver["ports"]


def test_the_archivers_pod_monitor_finds_it_and_its_alert_knows_its_interval() -> None:
    found = objects(*ALL, "--values", "values-s3.yaml")
    monitor = find(found, "PodMonitor", "fraud-archiver")
    (pod,) = (one for one in pods(found) if one.labels["app.kubernetes.io/component"] == "archiver")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod.labels.items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert {"name": endpoint["port"], "containerPort": 8000} in pod.spec["containers"][0]["ports"]
    assert "FraudArchiveStalled" not in rules()
    assert "FraudArchiveStalled" not in rules("--values", "values-s3.yaml", "--set", "archive.schedule=@hourly")
    slow = rules(
        "--values", "values-s3.yaml", "--set", "archive.config.trigger.mode=microBatch,archive.config.trigger.interval=10m"
    )
    assert "> 1800 or" in slow["FraudArchiveStalled"]["expr"]


def test_a_dashboard_in_the_folder_reaches_grafana(tmp_path: Path) -> None:
    copy = shutil.copytree(CHART, tmp_path / "fraud-detection")
    (copy / "files" / "dashboards" / "mine.json").write_text('{"title": "{{ not a template }}"}')
    command = ["helm", "template", "fraud", copy, *ALL, "--show-only", "templates/monitoring/dashboards.yaml"]
    found = yaml.safe_load(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found["data"].pop("mine.json") == '{"title": "{{ not a template }}"}'
    assert found["data"] == dashboards()
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
