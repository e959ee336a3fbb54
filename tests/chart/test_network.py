"""How far each pod reaches: the API server and 443 are for who needs them, and peers are those that the values name."""

import json

import pytest

from tests.chart.manifests import Object, Pod, find, objects, pods
from tests.chart.test_detector import SUBMITTED
from tests.chart.test_pod_values import EVERYTHING, component
from tests.chart.test_security import has_token, policies

PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]
WEB = {80, 443, 6443, 8443}


def rules(found: tuple[Object, ...], pod: Pod) -> list[Object]:
    """Returns what a pod's policies let out, those rules that name ports."""
    return [rule for policy in policies(found, pod) for rule in policy["spec"]["egress"] if "ports" in rule]


def to_the_world(found: tuple[Object, ...], pod: Pod) -> set[int]:
    """Returns the ports that a pod reaches at any address."""
    return {port["port"] for rule in rules(found, pod) if "to" not in rule for port in rule["ports"]}


def blocks(found: tuple[Object, ...], name: str = "fraud-driver") -> list[str]:
    (rule,) = find(found, "NetworkPolicy", name)["spec"]["egress"]
    return [peer["ipBlock"]["cidr"] for peer in rule["to"]]


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_nothing_reaches_the_web_of_the_whole_world(runtime: str) -> None:
    found = objects("--values", "values-console.yaml", "--values", "values-models.yaml", "--set", f"runtime={runtime}")
    assert {pod.where: to_the_world(found, pod) & WEB for pod in pods(found)} == {pod.where: set() for pod in pods(found)}


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_who_has_no_token_reaches_no_api_server(runtime: str) -> None:
    found = objects(*EVERYTHING, "--set", f"runtime={runtime}", "--set", "s3.endpoint=http://s3:9000")
    for pod in pods(found):
        reached = {port["port"] for rule in rules(found, pod) for port in rule["ports"]}
        assert bool(reached & WEB) is has_token(pod), pod.where
    assert "trainer" in {component(pod) for pod in pods(found) if not has_token(pod)}


def test_the_api_server_is_where_the_values_say_and_without_a_cluster_at_a_private_address() -> None:
    assert blocks(objects()) == PRIVATE
    values = "networkPolicy: {apiServer: {cidrs: [192.0.2.7/32, '2001:db8::/64'], ports: [16443]}}"
    named = objects(values=values)
    for policy in ("fraud-driver", "fraud-test-application"):
        rule = find(named, "NetworkPolicy", policy)["spec"]["egress"][-1]
        assert [peer["ipBlock"]["cidr"] for peer in rule["to"]] == ["192.0.2.7/32", "2001:db8::/64"]
        assert rule["ports"] == [{"port": 16443, "protocol": "TCP"}]


def test_only_who_uses_s3_reaches_it_and_only_where_the_values_say() -> None:
    values: Object = {
        "models": {"store": "s3a://fraud/models"},
        "networkPolicy": {"s3": {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}},
    }
    found = objects(*EVERYTHING, "--set", "archive.checkpoint.url=s3a://fraud/archive", values=json.dumps(values))
    reaches = {
        component(pod) for pod in pods(found) for rule in rules(found, pod) if rule.get("to") == values["networkPolicy"]["s3"]["to"]
    }
    assert reaches == {"driver", "executor", "trainer", "models", "archiver", "maintenance"}
    assert {pod.where for pod in pods(found) if 443 in to_the_world(found, pod)} == set()
    on_aws = objects("--values", "values-console.yaml", "--set", "models.store=s3a://fraud/models")
    driver = next(pod for pod in pods(on_aws) if component(pod) == "driver")
    assert 443 in to_the_world(on_aws, driver), "nobody knows AWS's addresses"


def test_the_registry_is_where_the_values_say() -> None:
    to = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "registry"}}}]
    values = {
        "networkPolicy": {"registry": {"to": to}},
        "detector": {"config": {"input": {"registry": {"url": "https://registry.example:8443"}}}},
    }
    found = find(objects(values=json.dumps(values)), "NetworkPolicy", "fraud-detector")["spec"]["egress"]
    assert {"ports": [{"port": 8443, "protocol": "TCP"}], "to": to} in found


def test_metrics_are_for_prometheus_or_for_whom_the_values_name() -> None:
    def readers(*arguments: str, values: str | None = None) -> list[Object]:
        found = objects("--values", "values-s3.yaml", *arguments, values=values)
        names = ("fraud-driver", "fraud-watcher", "fraud-archiver")
        rules = [find(found, "NetworkPolicy", name)["spec"]["ingress"] for name in names]
        assert all(rule == rules[0] for rule in rules)
        (rule,) = rules[0]
        assert rule["ports"] == [{"port": 8000, "protocol": "TCP"}]
        return rule.get("from", [])

    prometheus = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}}
    assert readers() == [prometheus]
    mine = {"ipBlock": {"cidr": "192.0.2.0/24"}}
    assert readers(values=json.dumps({"networkPolicy": {"metrics": {"from": [mine]}}})) == [mine]
    assert readers(values="networkPolicy: {metrics: {from: []}}") == []


def test_executors_are_reached_by_their_own_alone() -> None:
    found = objects("--values", "values-console.yaml")
    executor = next(pod for pod in pods(found) if component(pod) == "executor")
    (policy,) = policies(found, executor)
    own = {key: value for key, value in executor.labels.items() if key.startswith("app.kubernetes.io/")}
    assert policy["spec"]["ingress"] == [{"from": [{"podSelector": {"matchLabels": own}}]}]


def test_a_mesh_or_a_broker_elsewhere_is_reached_by_every_pod() -> None:
    rule = {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}}}],
        "ports": [{"port": 15012}],
    }
    found = objects(*EVERYTHING, values=json.dumps({"networkPolicy": {"extraEgress": [rule]}}))
    assert [pod.where for pod in pods(found) if rule not in rules(found, pod)] == []
