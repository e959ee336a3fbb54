"""What other clusters have: quotas, taints, admission that changes each pod. The test cluster's own server plays the latter."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster import Namespace, Object

ADMISSION = Path(os.environ.get("CLUSTER", "/nowhere")).parent / "tests" / "admission.py"
"""Its head says what it does; it is a part of the test cluster, and other clusters have the real thing."""
ADDRESS = "10.245.0.1"
CERTIFICATE = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
    *("-subj", "/CN=hook", "-addext", f"subjectAltName=IP:{ADDRESS}", "-keyout", "key.pem", "-out", "cert.pem"),
)
HARD = {"limits.cpu": "8", "limits.memory": "16Gi", "requests.cpu": "4", "requests.memory": "16Gi", "pods": "20"}
USUAL_API_PORT = 6443
TAINT = "dedicated=fraud:NoSchedule"


@contextmanager
def ports(namespace: Namespace, _: Path) -> Iterator[None]:
    """An API server and DNS pods on ports of their own, as MicroK8s and OpenShift have them: that is for who starts the cluster."""
    slices = namespace.dynamic.resources.get(api_version="discovery.k8s.io/v1", kind="EndpointSlice")
    found = slices.get(name="kubernetes", namespace="default").to_dict()["ports"]
    if USUAL_API_PORT in [one["port"] for one in found]:
        pytest.skip("the cluster's ports are the usual ones: start it with API_PORT=16443 DNS_PORT=5353")
    yield


@contextmanager
def quota(namespace: Namespace, _: Path) -> Iterator[None]:
    """A namespace whose quota takes no container without a CPU limit."""
    namespace.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "others"}, "spec": {"hard": HARD}})
    try:
        yield
    finally:
        namespace.kubectl("delete", "resourcequota", "others")


@contextmanager
def taint(namespace: Namespace, _: Path) -> Iterator[None]:
    """Nodes that take nobody who does not bear their taint."""
    namespace.kubectl("taint", "nodes", "--all", TAINT)
    try:
        yield
    finally:
        namespace.kubectl("taint", "nodes", "--all", f"{TAINT}-")


@contextmanager
def sidecars(namespace: Namespace, folder: Path) -> Iterator[None]:
    """A container that sleeps for ever in each pod that does not ask for none: a mesh."""
    with _admitted(namespace, folder, "mesh"):
        yield


@contextmanager
def uid_range(namespace: Namespace, folder: Path) -> Iterator[None]:
    """OpenShift's restricted-v2: users of the namespace's range, set where none is named, and others refused."""
    with _admitted(namespace, folder, "scc"):
        yield


@contextmanager
def _admitted(namespace: Namespace, folder: Path, what: str) -> Iterator[None]:
    subprocess.run(CERTIFICATE, cwd=folder, check=True, capture_output=True)
    hook: Object = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": f"fraud-e2e-{what}"},
        "webhooks": [
            {
                "name": f"{what}.fraud-e2e.example",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": {
                    "url": f"https://{ADDRESS}:9443/{what}",
                    "caBundle": base64.b64encode((folder / "cert.pem").read_bytes()).decode(),
                },
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}},
            }
        ],
    }
    described = folder / "hook.yaml"
    described.write_text(yaml.safe_dump(hook))
    with subprocess.Popen([sys.executable, str(ADMISSION)], cwd=folder, stdout=(folder / "admission.log").open("w")) as server:
        try:
            namespace.kubectl("apply", "--filename", str(described))
            yield
        finally:
            namespace.kubectl("delete", "--filename", str(described))
            server.terminate()
