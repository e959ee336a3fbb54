"""The notifier's pod: settings that the program reads, files of one Secret, and the ports of what it speaks to."""

from pathlib import Path

import pytest
import yaml

from notifier.settings import NotifierSettings, PostgresOutbox
from tests.chart.manifests import find, kinds, objects, pods
from tests.chart.notified import NOTIFIED
from tests.chart.test_security import ports, texts, violations
from tests.chart.test_settings import load

MONITORED = ("--set", "monitoring.podMonitor.enabled=true")


def test_it_is_left_out_unless_somebody_wants_it() -> None:
    assert not [one for one in kinds(objects(*MONITORED)) if "notifier" in one[1]]


def test_the_program_reads_its_settings_and_finds_its_files(home: Path) -> None:
    found = objects(*MONITORED, values=NOTIFIED)
    (pod,) = (one for one in pods(found) if one.labels["app.kubernetes.io/component"] == "notifier")
    (container,) = pod.spec["containers"]
    assert container["command"] == ["tini", "--", "python3", "-m", "notifier"]
    settings = load(NotifierSettings, found, container["args"], "fraud-notifier", home)
    assert isinstance(settings, NotifierSettings)
    assert isinstance(settings.outbox, PostgresOutbox)
    assert settings.channels.keys() == {"desk", "relay", "pager", "cases"}
    assert (settings.metrics.host, settings.topics.alerts) == ("::", "fraud.alerts")
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    secrets = {mounts[one["name"]]: one["secret"]["secretName"] for one in pod.spec["volumes"] if "secret" in one}
    assert secrets == {"/etc/notifier": "fraud-notifier"}
    assert violations(pod) == []
    assert not [text for one in found for text in texts(one) if "hunter2" in text]


def test_prometheus_finds_it_and_kubernetes_asks_for_its_health() -> None:
    found = objects(*MONITORED, values=NOTIFIED)
    (pod,) = (one for one in pods(found) if one.labels["app.kubernetes.io/component"] == "notifier")
    (container,) = pod.spec["containers"]
    monitor = find(found, "PodMonitor", "fraud-notifier")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= pod.labels.items()
    port = yaml.safe_load(find(found, "ConfigMap", "fraud-notifier")["data"]["notifier.yaml"])["metrics"]["port"]
    assert {"name": monitor["podMetricsEndpoints"][0]["port"], "containerPort": port} in container["ports"]
    assert [container[f"{kind}Probe"]["httpGet"] for kind in ("readiness", "liveness")] == [
        {"path": "/healthz", "port": "metrics"}
    ] * 2
    deployment = find(found, "Deployment", "fraud-notifier")["spec"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")


def test_the_policy_opens_the_ports_of_outbox_mail_and_services() -> None:
    policy = find(objects(values=NOTIFIED), "NetworkPolicy", "fraud-notifier")
    assert ports(policy) == {53, 5353, 9092, 5433, 587, 2525, 443, 8443}


def test_its_user_may_read_alerts_in_its_group_and_nothing_else() -> None:
    found = objects("--values", "values-kafka-alerts.yaml", values=NOTIFIED.replace("outbox:", "consumer_group: mine\n    outbox:"))
    acls = find(found, "KafkaUser", "fraud-notifier")["spec"]["authorization"]["acls"]
    assert {(one["resource"]["type"], one["resource"]["name"]): set(one["operations"]) for one in acls} == {
        ("topic", "fraud.alerts"): {"Read", "Describe"},
        ("group", "mine"): {"Read", "Describe"},
    }


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("notifier: {enabled: true}", "nobody is named who would get alerts"),
        (
            NOTIFIED.replace("type: postgres, host: postgres, port: 5433, password_file", "type: sqlite, path"),
            "a file that is gone with its pod",
        ),
        (
            NOTIFIED.replace("{type: service, url_file: /etc/notifier/pager}", "{type: mailbox, path: x}"),
            "channels.pager is a folder",
        ),
        (NOTIFIED.replace("min_amount", "min_amont"), "min_amont"),
        (NOTIFIED.replace("type: webhook, url_file", "type: webhook, url"), "url"),
        (
            "kafka: {securityProtocol: SASL_SSL, users: {detector: &a {name: a, secret: a}, test: *a, watcher: *a, topics: *a}}"
            + NOTIFIED,
            "SASL_SSL needs a name and a Secret for notifier",
        ),
    ],
)
def test_values_that_cannot_work_are_refused(values: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        objects(values=values)
