"""A namespace of the cluster in KUBECONFIG: apply, wait for, follow, kill. Waiting is watching: nothing here sleeps."""

import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import yaml
from kubernetes import client, config, dynamic, watch
from kubernetes.stream import stream

Object = dict[str, Any]
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
MANAGER = "fraud-e2e"
KINDS = (
    *(("v1", kind) for kind in ("Pod", "ConfigMap", "Secret", "Service", "ServiceAccount", "PersistentVolumeClaim")),
    *(("apps/v1", kind) for kind in ("Deployment", "StatefulSet")),
    *(("rbac.authorization.k8s.io/v1", kind) for kind in ("Role", "RoleBinding")),
    *(("batch/v1", kind) for kind in ("CronJob", "Job")),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    *(("sparkoperator.k8s.io/v1beta2", kind) for kind in ("ScheduledSparkApplication", "SparkApplication")),
)
"""What a release, its operator and Spark make."""


class Namespace:
    """One namespace with restricted Pod Security; it may exist already."""

    def __init__(self, name: str) -> None:
        config.load_kube_config()
        self.name = name
        self.core = client.CoreV1Api()
        self.dynamic = dynamic.DynamicClient(client.ApiClient())
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})

    def apply(self, *manifests: Object) -> None:
        """Creates or changes objects, by server-side apply: the API server refuses what their CRD does not know."""
        for manifest in manifests:
            self._resource(manifest["apiVersion"], manifest["kind"]).server_side_apply(
                body=manifest, name=manifest["metadata"]["name"], namespace=self.name, field_manager=MANAGER, force_conflicts=True
            )

    def apply_yaml(self, text: str) -> None:
        """The same for a file of manifests."""
        self.apply(*yaml.safe_load_all(text))

    def secret(self, name: str, data: dict[str, bytes]) -> None:
        """Creates or changes a Secret."""
        encoded = {key: b64encode(value).decode() for key, value in data.items()}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded})

    def get(self, api_version: str, kind: str, name: str) -> Object | None:
        """Returns an object, None where it does not exist."""
        try:
            found: Object = self._resource(api_version, kind).get(name=name, namespace=self.name).to_dict()
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise
        return found

    def list(self, api_version: str, kind: str, selector: str = "") -> list[Object]:
        """Returns the objects of a kind, those with the labels alone."""
        resource = self._resource(api_version, kind)
        items: list[Object] = resource.get(namespace=self.name, label_selector=selector).to_dict()["items"]
        return items

    def everything(self) -> set[str]:
        """Returns kind/name of all objects that a release could have made."""
        return {f"{kind}/{item['metadata']['name']}" for version, kind in KINDS for item in self.list(version, kind)}

    def until_only(self, kept: set[str], seconds: float) -> None:
        """Returns once there are no objects but these, and all of these."""
        for version, kind in KINDS:
            for item in self.list(version, kind):
                if f"{kind}/{item['metadata']['name']}" not in kept:
                    self.wait(version, kind, item["metadata"]["name"], lambda found: found is None, seconds)
        assert self.everything() == kept

    def delete(self, api_version: str, kind: str, name: str) -> None:
        """Deletes an object and waits until it is gone; nothing to do where there is none."""
        with suppress(client.ApiException):
            self._resource(api_version, kind).delete(name=name, namespace=self.name)
        self.wait(api_version, kind, name, lambda found: found is None, 120)

    def wait(self, api_version: str, kind: str, name: str, holds: Callable[[Object | None], bool], seconds: float) -> Object | None:
        """Returns the object once the condition holds for it, or for its absence (None)."""
        deadline = time.monotonic() + seconds
        resource = self._resource(api_version, kind)
        field = f"metadata.name={name}"
        last: Object | None = None
        while (left := deadline - time.monotonic()) > 0:
            listed = resource.get(namespace=self.name, field_selector=field).to_dict()
            last = next(iter(listed["items"]), None)
            if holds(last):
                return last
            version = listed["metadata"]["resourceVersion"]
            events = watch.Watch().stream(
                resource.get, namespace=self.name, field_selector=field, resource_version=version, timeout_seconds=int(left) + 1,
                serialize=False,
            )  # fmt: skip
            for event in events:
                last = None if event["type"] == "DELETED" else event["object"]
                if holds(last):
                    return last
        raise AssertionError(f"{kind} {name}: not within {seconds:g} s; it is {yaml.safe_dump(last)}")

    def follow(self, pod: str, seconds: float) -> Iterator[str]:
        """Yields the lines of a pod's log from its beginning, until it ends or the time is over."""
        deadline = time.monotonic() + seconds
        response = self.core.read_namespaced_pod_log(
            pod, self.name, container=self._own(pod), follow=True, _preload_content=False, _request_timeout=(10, seconds)
        )
        try:
            rest = b""
            for chunk in response.stream(4096):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
                if time.monotonic() > deadline:
                    return
        finally:
            response.close()

    def log(self, pod: str, previous: bool = False) -> str:
        """Returns a pod's log as it is now."""
        found: str = self.core.read_namespaced_pod_log(pod, self.name, container=self._own(pod), previous=previous)
        return found

    def _own(self, pod: str) -> str:
        """Returns a pod's first container, which is ours; a mesh puts its own behind."""
        name: str = self.core.read_namespaced_pod(pod, self.name).spec.containers[0].name
        return name

    def run(self, pod: str, *command: str) -> str:
        """Returns what a command prints in a pod."""
        printed: str = stream(
            self.core.connect_get_namespaced_pod_exec, pod, self.name, command=list(command), stdout=True, stderr=True,
            stdin=False, tty=False,
        )  # fmt: skip
        return printed

    def kill(self, pod: str) -> None:
        """SIGKILL for every process of a pod's container, as a crash or the kernel's OOM killer would."""
        self.run(pod, "bash", "-c", "kill -9 -1")

    def forward(self, pod: str, port: int, here: int) -> "subprocess.Popen[str]":
        """Returns the process that makes a port of this machine lead to a pod's, once that is ready. The caller ends it."""
        self.wait("v1", "Pod", pod, lambda found: found is not None and ready(found), 120)
        process = subprocess.Popen(
            [_kubectl(), "port-forward", "--namespace", self.name, f"pod/{pod}", f"{here}:{port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it complains whenever a client hangs up
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "Forwarding from" in line, line
        return process

    def kubectl(self, *arguments: str) -> str:
        """Returns what kubectl prints."""
        command = [_kubectl(), "--namespace", self.name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def shell(self, commands: str) -> str:
        """Returns what commands of a page of the docs print: their kubectl is in this namespace."""
        here = f'set -euo pipefail; kubectl() {{ command kubectl --namespace {self.name} "$@"; }}\n'
        done = subprocess.run(["bash", "-c", here + commands], capture_output=True, text=True, check=False, timeout=600)  # noqa: S607
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def image(self, pod: str) -> str:
        """Returns the image of a pod's first container."""
        image: str = self.core.read_namespaced_pod(pod, self.name).spec.containers[0].image
        return image

    def report(self) -> str:
        """Returns what a failed test's reader wants: events, pods, the end of their logs."""
        parts = [
            f"{event.involved_object.name}: {event.message}" for event in self.core.list_namespaced_event(self.name).items[-40:]
        ]
        for pod in self.core.list_namespaced_pod(self.name).items:
            parts.append(f"\n--- pod {pod.metadata.name}: {pod.status.phase}")
            with suppress(client.ApiException):
                log = self.core.read_namespaced_pod_log(pod.metadata.name, self.name, tail_lines=30)
                parts += [line[:300] for line in log.splitlines()]
        return "\n".join(parts)

    def _resource(self, api_version: str, kind: str) -> Any:
        return self.dynamic.resources.get(api_version=api_version, kind=kind)


def free_port() -> int:
    """Returns a port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _kubectl() -> str:
    program = shutil.which("kubectl")
    assert program, "kubectl is not in PATH"
    return program


def ready(pod: Object) -> bool:
    """Returns whether a pod's containers are ready."""
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))
