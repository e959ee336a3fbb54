"""Rendered manifests as objects, and the pods in them, wherever they stand."""

from collections.abc import Hashable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import yaml

from charts.render import render

Object = dict[str, Any]


class Strict(yaml.SafeLoader):
    """Refuses a key that is there twice, as server-side apply does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"{node.start_mark}: a key twice among {keys}"
        return super().construct_mapping(node, deep)


class Pod(NamedTuple):
    """A pod that a manifest leads to: of its own, of a controller, or of Spark."""

    where: str
    metadata: Object
    spec: Object

    @property
    def labels(self) -> dict[str, str]:
        return self.metadata.get("labels", {})


@cache
def objects(*arguments: str, values: str | None = None) -> tuple[Object, ...]:
    """Returns all objects of a release. Do not change them."""
    return tuple(one for one in yaml.load_all(render(*arguments, values=values), Strict) if one)


def find(found: tuple[Object, ...], kind: str, name: str) -> Object:
    """Returns the one object of that kind and name."""
    (one,) = (one for one in found if one["kind"] == kind and one["metadata"]["name"] == name)
    return one


def kinds(found: tuple[Object, ...]) -> set[tuple[str, str]]:
    """Returns (kind, name) of all objects."""
    return {(one["kind"], one["metadata"]["name"]) for one in found}


def pods(found: tuple[Object, ...]) -> list[Pod]:
    """Returns every pod that these objects become."""
    return [pod for one in found for pod in _pods(one)]


def granted_in(found: Iterable[Object]) -> dict[str, set[str]]:
    """Returns `verb group/resource/name` for all that each ServiceAccount may do; tests/e2e/test_rights.py asks the API server."""
    rights: dict[str, set[str]] = {one["metadata"]["name"]: set() for one in found if one["kind"] == "ServiceAccount"}
    roles = {one["metadata"]["name"]: one["rules"] for one in found if one["kind"] == "Role"}
    for binding in (one for one in found if one["kind"] == "RoleBinding"):
        assert binding["roleRef"]["kind"] == "Role"
        for subject in binding["subjects"]:
            assert subject["kind"] == "ServiceAccount"
            rights[subject["name"]] |= {
                f"{verb} {'/'.join(filter(None, (group, resource, *rule.get('resourceNames', ()))))}"
                for rule in roles[binding["roleRef"]["name"]]
                for verb in rule["verbs"]
                for group in rule["apiGroups"]
                for resource in rule["resources"]
            }
    return rights


def spark_pod(found: tuple[Object, ...], role: str) -> Pod:
    """Returns the driver, or an executor."""
    (pod,) = (pod for pod in pods(found) if pod.labels.get("spark-role") == role)
    return pod


def _pods(one: Object) -> Iterator[Pod]:
    where = f"{one['kind']} {one['metadata']['name']}"
    spec = one.get("spec", {})
    match one["kind"]:
        case "Pod":
            yield Pod(where, one["metadata"], spec)
        case "Deployment" | "StatefulSet" | "Job":
            yield Pod(where, spec["template"]["metadata"], spec["template"]["spec"])
        case "CronJob":
            template = spec["jobTemplate"]["spec"]["template"]
            yield Pod(where, template["metadata"], template["spec"])
        case "ScheduledSparkApplication":
            template = spec["template"]["driver"]["template"]
            yield Pod(where, template["metadata"], template["spec"])
        case "SparkApplication":
            for role in ("driver", "executor"):
                template = spec[role]["template"] if role in spec else spec[f"{role}Spec"]["podTemplateSpec"]
                yield Pod(f"{where}, {role}", template["metadata"], template["spec"])
        case "ConfigMap" if "executor.yaml" in one["data"]:
            template = yaml.safe_load(one["data"]["executor.yaml"])
            yield Pod(f"{where}, executor.yaml", template["metadata"], template["spec"])
