"""The watcher's pod: health, metrics, and the topics of payments that the detector's settings name."""

import json
from typing import Any

import pytest
import yaml

from contract import Transaction
from contract.fields import fields_of
from tests.chart.manifests import find, kinds, objects, pods

MONITORED = ("--set", "monitoring.podMonitor.enabled=true")
FIELDS = {one.name: "$.x" for one in fields_of(Transaction) if one.required}
WEB, TILLS = {"topic": "web", "fields": FIELDS}, {"topic": "tills", "fields": FIELDS}
SOME = {"where": "body:op::string <> 'd'"}


def test_it_is_left_out_where_nobody_wants_it() -> None:
    found = objects(*MONITORED, "--set", "watcher.enabled=false")
    assert not [one for one in kinds(found) if "watcher" in one[1]]


def test_prometheus_finds_it_and_kubernetes_asks_for_its_health() -> None:
    found = objects(*MONITORED)
    (pod,) = (pod for pod in pods(found) if pod.labels["app.kubernetes.io/component"] == "watcher")
    (container,) = pod.spec["containers"]
    monitor = find(found, "PodMonitor", "fraud-watcher")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= pod.labels.items()
    port = yaml.safe_load(find(found, "ConfigMap", "fraud-watcher")["data"]["watcher.yaml"])["metrics"]["port"]
    assert {"name": monitor["podMetricsEndpoints"][0]["port"], "containerPort": port} in container["ports"]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("readiness", "liveness")]
    assert probes == [{"path": "/healthz", "port": "metrics"}] * 2
    policy = find(found, "NetworkPolicy", "fraud-watcher")["spec"]
    assert [rule["ports"] for rule in policy["ingress"]] == [[{"port": port, "protocol": "TCP"}]]


@pytest.mark.parametrize(
    ("inputs", "complete", "filtered"),
    [
        ({}, ["transactions"], []),
        ({"transactions": WEB}, ["web"], []),
        ({"transactions": [WEB, TILLS | SOME]}, ["web"], ["tills"]),
        ({"transactions": [WEB | SOME, WEB]}, ["web"], []),
        ({"transactions": [WEB | SOME]}, [], ["web"]),
        ({"transactions": [WEB], "labels": [{"topic": "web"} | SOME]}, [], ["web"]),
    ],
    ids=["none", "mapped", "one where", "where and the rest", "where alone", "shared"],
)
def test_it_watches_what_the_detector_reads(inputs: dict[str, Any], complete: list[str], filtered: list[str]) -> None:
    values = {"detector": {"config": {"input": inputs}}, "topics": {"names": {"alerts": "mine"}}}
    for label in inputs.get("labels", []):
        label["fields"] = dict.fromkeys(
            ("transaction_id", "card_id", "terminal_id", "event_time", "labelled_at", "is_fraud"), "$.x"
        )
    told = yaml.safe_load(find(objects(values=json.dumps(values)), "ConfigMap", "fraud-watcher")["data"]["watcher.yaml"])
    assert (told["inputs"], told["filtered_inputs"], told["topics"]["alerts"]) == (complete, filtered, "mine")


def test_a_user_may_read_the_topics_that_it_watches() -> None:
    values = {"detector": {"config": {"input": {"transactions": [WEB, TILLS | SOME]}}}}
    user = find(objects("--values", "values-kafka-alerts.yaml", values=json.dumps(values)), "KafkaUser", "fraud-watcher")
    topics = {acl["resource"]["name"] for acl in user["spec"]["authorization"]["acls"] if acl["resource"]["type"] == "topic"}
    assert topics == {"web", "tills", "transactions.scored", "transactions.rejected", "fraud.alerts"}
