"""What the values `pod` and `pods` say, in every pod of the chart: those of Spark, of hooks and of tests too."""

import json
from typing import Any

import pytest
import yaml

from charts.derived import COMPONENTS, values_schema
from charts.render import render
from tests.chart.manifests import Object, Pod, find, objects, pods, spark_pod
from tests.chart.test_detector import SUBMITTED
from tests.chart.test_security import violations

EVERYTHING = (
    *("--values", "values-console.yaml", "--values", "values-models.yaml"),
    *("--set", "archive.enabled=true", "--set", "archive.config.sinks.lake.type=delta"),
    *("--set", "archive.config.sinks.lake.path=s3a://fraud/lake"),
    *("--set", "notifier.enabled=true", "--set", "notifier.secret=fraud-notifier", "--set", "notifier.config.outbox.type=postgres"),
    *("--set", "notifier.config.outbox.password_file=/etc/notifier/database"),
    *("--set", "notifier.config.channels.pager.type=service"),
    *("--set", "notifier.config.channels.pager.url_file=/etc/notifier/pager"),
    *("--set", "notifier.config.routes[0].channels={pager}", "--set", "notifier.ports={9443}"),
)
"""With every component that has a pod."""

POD: Object = {
    "nodeSelector": {"pool": "fraud"},
    "tolerations": [{"key": "dedicated", "value": "fraud", "effect": "NoSchedule"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"},
    ],
    "priorityClassName": "payments",
    "labels": {"cost-centre": "42"},
    "annotations": {"example.com/team": "fraud"},
    "cpuLimit": "2",
    "ephemeralStorage": "40Gi",
    "imagePullSecrets": ["registry"],
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "volumes": [{"name": "authorities", "configMap": {"name": "house"}}],
    "volumeMounts": [{"name": "authorities", "mountPath": "/etc/house", "readOnly": True}],
}


def everything(runtime: str, pod: Object = POD, others: Object | None = None, *arguments: str) -> tuple[Object, ...]:
    """Returns all objects with these values for all pods, and for those of single components."""
    values = {"runtime": runtime, "pod": pod, "pods": others or {}}
    return objects(*EVERYTHING, *arguments, values=json.dumps(values))


def component(pod: Pod) -> str:
    found = pod.labels.get("spark-role") or pod.labels["app.kubernetes.io/component"]
    return found.removesuffix("-application")


def of(found: tuple[Object, ...], name: str) -> Pod:
    return next(pod for pod in pods(found) if component(pod) == name)


def lacking(pod: Pod) -> list[str]:
    """Returns the values of POD that a pod has not got."""
    (container,) = pod.spec["containers"]
    has: dict[str, bool] = {
        key: pod.spec.get(key) == POD[key]
        for key in ("nodeSelector", "tolerations", "topologySpreadConstraints", "priorityClassName")
    }
    has["affinity"] = POD["affinity"].items() <= pod.spec["affinity"].items()
    for key in ("labels", "annotations"):
        has[key] = POD[key].items() <= pod.metadata[key].items()
    has["imagePullSecrets"] = pod.spec["imagePullSecrets"] == [{"name": "registry"}]
    has["env"] = POD["env"][0] in container.get("env", [])
    has["volumes"] = POD["volumes"][0] in pod.spec["volumes"]
    has["volumeMounts"] = POD["volumeMounts"][0] in container["volumeMounts"]
    resources = container["resources"]
    has["cpuLimit"] = resources["limits"].get("cpu") == "2"
    has["ephemeralStorage"] = {resources[kind].get("ephemeral-storage") for kind in ("requests", "limits")} == {"40Gi"}
    assert has.keys() == POD.keys()
    return [key for key, there in has.items() if not there]


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_every_pod_has_what_the_values_say(runtime: str) -> None:
    found = pods(everything(runtime))
    assert {component(pod) for pod in found} == set(COMPONENTS)
    assert {pod.where: lacking(pod) for pod in found if lacking(pod)} == {}
    assert set(POD) == set(values_schema()["$defs"]["Pod"]["properties"]), "a value that no test looks for"


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_who_says_nothing_gets_nothing(runtime: str) -> None:
    for pod in pods(objects(*EVERYTHING, "--set", f"runtime={runtime}")):
        assert not pod.spec.keys() & {
            "nodeSelector",
            "tolerations",
            "topologySpreadConstraints",
            "priorityClassName",
            "imagePullSecrets",
        }
        for container in pod.spec["containers"]:
            limits = container.get("resources", {}).get("limits", {})
            assert limits.keys() <= {"memory"}, "a CPU limit throttles a stream"


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_a_component_adds_to_labels_and_takes_the_place_of_all_else(runtime: str) -> None:
    own = {"executor": {"nodeSelector": {"disk": "fast"}, "labels": {"cost-centre": "7"}, "tolerations": [], "cpuLimit": "4"}}
    found = everything(runtime, POD, own)
    executor = of(found, "executor")
    assert executor.spec["nodeSelector"] == {"pool": "fraud", "disk": "fast"}
    assert executor.labels["cost-centre"] == "7"
    assert "tolerations" not in executor.spec
    assert executor.spec["containers"][0]["resources"]["limits"]["cpu"] == "4"
    assert lacking(of(found, "driver")) == []


def test_what_selects_a_pod_cannot_be_taken_from_it() -> None:
    found = everything("none", {"labels": {"app.kubernetes.io/component": "mine"}}, {"driver": {"labels": {"spark-role": "mine"}}})
    assert {component(pod) for pod in pods(found)} == set(COMPONENTS)


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_a_volumes_node_and_peoples_own_affinity_both_hold(runtime: str) -> None:
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "kafka"}}}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    own = {"affinity": {"nodeAffinity": {}, "podAffinity": {required: [term]}}}
    affinity = of(everything(runtime, own), "executor").spec["affinity"]
    assert affinity["nodeAffinity"] == {}
    beside, theirs = affinity["podAffinity"][required]
    assert (beside["topologyKey"], theirs) == ("kubernetes.io/hostname", term)


ENDS = {"topics", "test", "trainer", "models", "maintenance"}


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_a_pod_that_ends_asks_a_mesh_for_no_sidecar(runtime: str) -> None:
    injected: Object = {"labels": {"sidecar.istio.io/inject": "true"}}
    for pod in pods(everything(runtime, injected)):
        asks = pod.labels["sidecar.istio.io/inject"], pod.metadata.get("annotations", {}).get("linkerd.io/inject")
        assert asks == (("false", "disabled") if component(pod) in ENDS else ("true", None)), pod.where
    scheduled = ("--set", "archive.schedule=@hourly", "--set", "archive.checkpoint.url=s3a://fraud/archive")
    assert of(everything(runtime, injected, {}, *scheduled), "archiver").labels["sidecar.istio.io/inject"] == "false"
    wanted = everything(runtime, {}, {"topics": injected})
    assert of(wanted, "topics").labels["sidecar.istio.io/inject"] == "true", "native sidecars end with their pod"


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_on_openshift_no_pod_names_a_user_or_a_group(runtime: str) -> None:
    found = pods(objects(*EVERYTHING, "--values", "values-openshift.yaml", "--set", f"runtime={runtime}"))
    assert {component(pod) for pod in found} == set(COMPONENTS)
    for pod in found:
        assert pod.spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}, pod.where
        # A user of the namespace's range is what restricted-v2 adds; with it the pod is as restricted as elsewhere.
        admitted = pod.spec["securityContext"] | {"runAsUser": 1000660000}
        assert violations(pod._replace(spec={**pod.spec, "securityContext": admitted})) == []


def ilum(pod: Object, others: Object | None = None) -> dict[str, str]:
    values = json.dumps({"runtime": "ilum", "pod": pod, "pods": others or {}})
    told = yaml.safe_load(
        find(objects("--values", "values-console.yaml", values=values), "ConfigMap", "fraud-ilum")["data"]["submit.json"]
    )
    return dict(pair.split("=", 1) for pair in told["jobConfig"].split(";"))


def test_ilum_is_told_what_spark_has_settings_for() -> None:
    sayable = ("nodeSelector", "labels", "annotations", "cpuLimit", "imagePullSecrets", "env")
    settings = ilum({key: POD[key] for key in sayable})
    for role, environment in (("driver", "spark.kubernetes.driverEnv"), ("executor", "spark.executorEnv")):
        assert settings[f"spark.kubernetes.{role}.node.selector.pool"] == "fraud"
        assert settings[f"spark.kubernetes.{role}.label.cost-centre"] == "42"
        assert settings[f"spark.kubernetes.{role}.annotation.example.com/team"] == "fraud"
        assert settings[f"spark.kubernetes.{role}.limit.cores"] == "2"
        assert settings[f"{environment}.HTTPS_PROXY"] == "http://proxy:3128"
    assert settings["spark.kubernetes.container.image.pullSecrets"] == "registry"


@pytest.mark.parametrize(
    "key",
    ["tolerations", "affinity", "topologySpreadConstraints", "priorityClassName", "ephemeralStorage", "volumes", "volumeMounts"],
)
def test_what_ilum_cannot_be_told_is_refused(key: str) -> None:
    value: Any = POD[key]
    with pytest.raises(ValueError, match=rf"Spark has no setting for pod\.{key}\. Leave it empty in pods\.driver"):
        render(values=json.dumps({"runtime": "ilum", "pods": {"driver": {key: value}}}))
    # The pods that the chart itself makes have it all the same.
    own = {role: {key: type(value)()} for role in ("driver", "executor")}
    ilum({key: value}, own)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ("pod: {nodeselector: {}}", "additional properties 'nodeselector' not allowed"),
        ("pods: {drivr: {}}", "drivr"),
        ("pods: {driver: {tolerations: {}}}", "'/pods/driver/tolerations': got object, want array"),
        ("pod: {cpuLimit: 2}", "'/pod/cpuLimit': got number, want string"),
        ("pod: {labels: {a: 1}}", "'/pod/labels/a': got number, want string"),
        ("pod: {cpuLimit: 900m}", "asks for 1 CPU, and its limit is 900m. Raise cpuLimit in pods.driver"),
        ("pods: {executor: {ephemeralStorage: 19Gi}}", "detector.executor.stateDisk is 20Gi, and the executor may write 19Gi"),
    ],
)
def test_it_is_refused(values: str, says: str) -> None:
    with pytest.raises(ValueError, match="Error") as caught:
        render(values=values)
    assert says in str(caught.value)


def test_the_executor_of_none_is_the_template_that_spark_reads() -> None:
    assert lacking(spark_pod(everything("none"), "executor")) == []
