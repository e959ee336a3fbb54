"""The API server would take every object: Kubernetes' own schemas, and those of the operators' CRDs, both closed."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from charts.derived import CHART
from charts.render import EXAMPLE_ARGUMENTS
from tests.chart.manifests import Object, Strict, objects, pods

VERSIONS = ("1.30", "1.37")
"""The oldest that Chart.yaml names, and the newest whose schemas are at hand."""

CRD_DIR = Path(os.environ.get("CRD_DIR", CHART.parents[2] / "shared" / "crds"))
needs_crds = pytest.mark.skipif(
    not CRD_DIR.is_dir(), reason=f"no CRDs in {CRD_DIR}: set CRD_DIR to a folder with those of the operators"
)
CUSTOM = ("sparkoperator.k8s.io/", "spark.apache.org/", "kafka.strimzi.io/", "monitoring.coreos.com/")


def is_custom(one: Object) -> bool:
    return one["apiVersion"].startswith(CUSTOM)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_objects(rendered: tuple[Object, ...], version: str) -> None:
    assert [said for one in rendered if not is_custom(one) for said in kubernetes_says(one, version)] == []


def test_kubernetes_takes_the_pods_that_spark_makes(rendered: tuple[Object, ...]) -> None:
    for pod in pods(rendered):
        template = {"apiVersion": "v1", "kind": "PodTemplate", "template": {"metadata": pod.metadata, "spec": pod.spec}}
        assert kubernetes_says(template, VERSIONS[0]) == []


@needs_crds
def test_the_operators_take_their_objects(rendered: tuple[Object, ...]) -> None:
    assert [said for one in rendered if is_custom(one) for said in crd_says(one)] == []


@needs_crds
def test_a_field_that_an_operator_does_not_know_is_found() -> None:
    (one,) = (one for one in objects(*EXAMPLE_ARGUMENTS["console"]) if one["kind"] == "SparkApplication")
    wrong = {**one, "spec": {**one["spec"], "restartPolicies": {}}}
    assert crd_says(wrong) == ["$.spec: Additional properties are not allowed ('restartPolicies' was unexpected)"]


def test_no_two_objects_have_the_same_name(rendered: tuple[Object, ...]) -> None:
    names = [(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in rendered]
    assert len(names) == len(set(names))


def kubernetes_says(one: Object, version: str) -> list[str]:
    """Returns what strict field validation refuses, in a line: the whole error prints the schema."""
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{error.json_path}: {error.message}"]
    return []


def crd_says(one: Object) -> list[str]:
    if one["kind"] == "ScheduledSparkApplication" and not crds(one["apiVersion"], one["kind"]):
        # Not among the CRDs at hand. What it makes is.
        return crd_says({**one, "kind": "SparkApplication", "spec": one["spec"]["template"]})
    return [f"{error.json_path}: {error.message}" for error in crd_validator(one["apiVersion"], one["kind"]).iter_errors(one)]


def test_a_key_that_is_there_twice_is_found() -> None:
    with pytest.raises(AssertionError, match="a key twice"):
        yaml.load("{a: 1, a: 2}", Strict)  # noqa: S506 a safe loader


@cache
def crds(api_version: str, kind: str) -> list[Object]:
    """Returns the definitions of a kind in CRD_DIR: one, or none."""
    group = api_version.partition("/")[0]
    found = (
        crd
        for file in CRD_DIR.glob("*.yaml")
        for crd in yaml.load_all(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    )
    return [crd for crd in found if crd and crd["spec"]["group"] == group and crd["spec"]["names"]["kind"] == kind]


@cache
def crd_validator(api_version: str, kind: str) -> Draft202012Validator:
    found = crds(api_version, kind)
    assert len(found) == 1, f"{CRD_DIR} has no CRD for {api_version} {kind}"
    (served,) = (one for one in found[0]["spec"]["versions"] if one["name"] == api_version.partition("/")[2] and one["served"])
    schema = closed(served["schema"]["openAPIV3Schema"])
    schema["properties"] |= {"apiVersion": {"const": api_version}, "kind": {"const": kind}, "metadata": {"type": "object"}}
    return Draft202012Validator(schema)


def closed(node: Any) -> Any:
    """Returns a CRD's schema as JSON Schema that refuses unknown fields, as strict field validation does."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    found = {key: closed(value) for key, value in node.items() if key != "properties"}
    if isinstance(node.get("properties"), dict):
        found["properties"] = {key: closed(value) for key, value in node["properties"].items()}
        if not node.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in node:
            found["additionalProperties"] = False
    return found
