"""Restricted Pod Security, few rights, closed networks, no secrets."""

import re
from typing import Any

import pytest

from charts.derived import CHART, values_schema
from charts.render import EXAMPLE_ARGUMENTS
from tests.chart.conftest import COMBINATIONS
from tests.chart.manifests import Object, Pod, find, granted_in, kinds, objects, pods
from tests.chart.notified import NOTIFIED

ROOT = CHART.parents[1]
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def violations(pod: Pod) -> list[str]:
    """Returns what the `restricted` Pod Security Standard forbids, and a writable root."""
    spec, security = pod.spec, pod.spec.get("securityContext", {})
    found = [f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    found += [f"volume {volume['name']}" for volume in spec.get("volumes", []) if not volume.keys() - {"name"} <= VOLUMES]
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("seccompProfile")
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        found.append("may run as root")
    for container in spec["containers"] + spec.get("initContainers", []):
        own = container.get("securityContext", {})
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        found += [f"{container['name']}: {key}" for key, value in wanted.items() if own.get(key) != value]
        found += [f"{container['name']}: {key}" for key in own.keys() - wanted.keys()]
        found += [f"{container['name']}: hostPort" for port in container.get("ports", []) if "hostPort" in port]
        if not any(mount["mountPath"] == "/tmp" for mount in container["volumeMounts"]) and "producer" not in container["image"]:
            found.append(f"{container['name']}: /tmp cannot be written")
    return found


def test_every_pod_is_restricted(rendered: tuple[Object, ...]) -> None:
    assert {pod.where: violations(pod) for pod in pods(rendered) if violations(pod)} == {}


def test_a_pod_that_is_not_restricted_is_found() -> None:
    container = {"name": "c", "image": "i", "volumeMounts": []}
    pod = Pod("", {}, {"hostNetwork": True, "volumes": [{"name": "h", "hostPath": {"path": "/"}}], "containers": [container]})
    assert len(violations(pod)) == 8


@pytest.mark.parametrize("name", COMBINATIONS)
def test_only_who_talks_to_the_api_server_has_a_token(name: str) -> None:
    found = objects(*COMBINATIONS[name])
    with_token = {
        pod.labels.get("spark-role") or pod.labels["app.kubernetes.io/component"] for pod in pods(found) if has_token(pod)
    }
    runtime = name.rpartition("-")[2]
    assert with_token == {"ilum": set(), "apache": {"driver"}, "none": {"driver"}}.get(runtime, {"driver", "test-application"})


def has_token(pod: Pod) -> bool:
    return bool(pod.spec["automountServiceAccountToken"])


ACCOUNTS = re.compile(r"^\| `(\S+)` \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
"""A row of the page's table: a ServiceAccount, the pods that run as it, which of them has its token, and what it may do."""


def may(cell: str) -> set[str]:
    """Returns `verb resource` for what a cell says, such as: create, get `pods`; list `events`."""
    rules = (rule.replace("`", "").rsplit(" ", 1) for rule in cell.split("; ") if cell != "nothing")
    return {f"{verb} {resource}" for verbs, resource in rules for verb in verbs.split(", ")}


def runs_as(pod: Pod) -> str:
    """Returns a pod's ServiceAccount. Spark gives executors that of their driver."""
    by_default = "fraud-detector" if pod.labels.get("spark-role") == "executor" else "default"
    return str(pod.spec.get("serviceAccountName", by_default))


def test_accounts_have_the_rights_that_the_page_says_and_no_others() -> None:
    _, _, section = (ROOT / "docs" / "how-to" / "install-on-your-cluster.md").read_text().partition("\n## Who may do what\n")
    table = {row[0]: row[1:] for row in ACCOUNTS.findall(section.partition("\n## ")[0])}
    rights: dict[str, set[str]] = {}
    who: dict[str, set[str]] = {}
    tokens: dict[str, set[str]] = {}
    for found in (*(objects(*arguments) for arguments in EXAMPLE_ARGUMENTS.values()), objects(values=NOTIFIED)):
        assert not [kind for kind, _ in kinds(found) if kind.startswith("Cluster")]
        assert {subject["namespace"] for one in found for subject in one.get("subjects", [])} <= {"payments"}
        for account, granted in granted_in(found).items():
            assert rights.setdefault(account, granted) == granted, "the same on every runtime"
        for pod in pods(found):
            own = pod.labels.get("spark-role") or pod.labels["app.kubernetes.io/component"]
            who.setdefault(runs_as(pod), set()).add(own)
            if has_token(pod):
                tokens.setdefault(runs_as(pod), set()).add(own)
    assert table.keys() == rights.keys() | who.keys()
    for account, (runs, token, does) in table.items():
        assert may(does) == rights.get(account, set()), account
        assert set(runs.split(", ")) == who[account], account
        assert ({token} - {"nobody"}) == tokens.get(account, set()), account


def policies(found: tuple[Object, ...], pod: Pod) -> list[Object]:
    return [one for one in found if one["kind"] == "NetworkPolicy" and selects(one["spec"]["podSelector"], pod.labels)]


def selects(selector: Object, labels: dict[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])
    )


def ports(policy: Object) -> set[int]:
    return {port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", [])}


def test_every_pod_is_under_closed_policies(rendered: tuple[Object, ...]) -> None:
    for pod in pods(rendered):
        found = policies(rendered, pod)
        assert 53 in {port for policy in found for port in ports(policy)}
        for policy in found:
            assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
            assert all(rule.get("ports") or rule.get("to") for rule in policy["spec"]["egress"]), (
                "a rule without both allows everything"
            )
            assert all(rule.get("from") for rule in policy["spec"].get("ingress", [])), "anybody could read the metrics"


ON_S3 = ("--set", "models.store=s3a://fraud/models")


@pytest.mark.parametrize(
    ("arguments", "component", "expected"),
    [
        (("--set", "kafka.bootstrapServers=a:9094\\,b:9094\\,c:19094"), "producer", {53, 5353, 9094, 19094}),
        (("--set", "kafka.bootstrapServers=a:9094"), "detector", {53, 5353, 9094}),
        (("--set", "kafka.bootstrapServers=[fd00::1]:9094\\,b:9095"), "producer", {53, 5353, 9094, 9095}),
        (("--set", "s3.endpoint=http://s3:9000"), "detector", {53, 5353, 9092}),
        ((*ON_S3, "--set", "s3.endpoint=http://s3:9000"), "detector", {53, 5353, 9092, 9000}),
        ((*ON_S3, "--set", "s3.endpoint=http://[fd00::1]"), "detector", {53, 5353, 9092, 80}),
        (ON_S3, "detector", {53, 5353, 9092, 443}),
        ((), "driver", {443, 6443}),
        (("--set", "networkPolicy.apiServer.ports={16443}"), "driver", {16443}),
        (("--set", "networkPolicy.dns.ports={1053}"), "watcher", {1053, 9092}),
        (("--set", "kafka.strimzi.cluster=k", "--set", "kafka.securityProtocol=SSL"), "producer", {53, 5353, 9093}),
    ],
)
def test_policies_open_the_ports_of_what_is_named(arguments: tuple[str, ...], component: str, expected: set[int]) -> None:
    found = objects("--values", "values-console.yaml", *arguments)
    assert ports(find(found, "NetworkPolicy", f"fraud-{component}")) == expected


def test_policies_can_be_left_out() -> None:
    found = objects("--set", "networkPolicy.enabled=false")
    assert not [name for kind, name in kinds(found) if kind == "NetworkPolicy"]


SECRET_TEXT = re.compile(
    r"-----BEGIN|password\s*[=:]\s*[^/\s]|jaas|AKIA[0-9A-Z]{16}|(access|secret)[._-]?key\s*[=:]\s*[^/\s]", re.IGNORECASE
)


def texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [
            text for key, value in node.items() for text in (f"{key}: {value}" if isinstance(value, str) else "", *texts(value))
        ]
    if isinstance(node, list):
        return [text for one in node for text in texts(one)]
    return [node] if isinstance(node, str) else []


def test_nothing_that_is_rendered_looks_like_a_secret(rendered: tuple[Object, ...]) -> None:
    assert not [one for one in rendered if one["kind"] == "Secret"]
    assert [text for one in rendered for text in texts(one) if SECRET_TEXT.search(text)] == []
    env = [env for pod in pods(rendered) for container in pod.spec["containers"] for env in container.get("env", [])]
    assert {one["name"] for one in env if "value" in one} <= {"FRAUD_CONFIG", "FRAUD_S3__CREDENTIALS_DIR"}, "places of files"


@pytest.mark.parametrize("text", ["sasl_password: hunter2", "-----BEGIN PRIVATE KEY-----", "fs.s3a.secret.key=abc"])
def test_what_looks_like_a_secret_is_found(text: str) -> None:
    assert SECRET_TEXT.search(text)


def test_no_value_can_be_a_secret() -> None:
    def names(node: Any) -> list[str]:
        if isinstance(node, dict):
            found = node.get("properties", {})
            own = [key for key, child in found.items() if isinstance(child, dict) and child.get("type") == "string"]
            return own + [name for child in node.values() for name in names(child)]
        return [name for one in node for name in names(one)] if isinstance(node, list) else []

    suspicious = {name for name in names(values_schema()) if re.search("pass|token|secret|credential|key", name, re.IGNORECASE)}
    # Names of Secrets, and of files in them.
    assert suspicious == {
        *("secret", "caSecret", "inputSecret", "s3Secret", "publicKeySecret", "signingKeySecret"),
        *("key", "password", "secret_file"),
    }
