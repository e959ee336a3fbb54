"""Part of `helm test`: says whether a SparkApplication (Kubeflow) and its pods run. Arguments: NAMESPACE NAME SECONDS."""

import json
import ssl
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API = "https://kubernetes.default.svc"
BROKEN = ("FAILING", "FAILED", "SUBMISSION_FAILED")
"""PENDING_RERUN is none of them: every changed setting leads through it."""


def watch(path: str, seconds: float, **selector: str) -> Iterator[dict[str, Any]]:
    """Yields the events of a watch: what there is now, then each change, until the time is over."""
    query = urllib.parse.urlencode({"watch": "true", **selector, "timeoutSeconds": int(seconds)})
    token = (ACCOUNT / "token").read_text()
    request = urllib.request.Request(  # noqa: S310 the API server's address is a constant
        f"{API}{path}?{query}", headers={"Authorization": f"Bearer {token}"}
    )
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=seconds + 10, context=context) as events:  # noqa: S310
        yield from map(json.loads, events)


def why_not_submitted(namespace: str, name: str, seconds: float) -> str | None:
    """Returns why the operator does not run the application, None once it does."""
    path = f"/apis/sparkoperator.k8s.io/v1beta2/namespaces/{namespace}/sparkapplications"
    last = "no state: does the operator serve this namespace?"
    for event in watch(path, seconds, fieldSelector=f"metadata.name={name}"):
        found = event["object"].get("status", {}).get("applicationState", {})
        state = found.get("state", "")
        if state == "RUNNING":
            return None
        last = f"{state} {found.get('errorMessage', '')}".strip() or last
        if state in BROKEN:
            break
    return last


def why_not_ready(namespace: str, name: str, seconds: float) -> str | None:
    """Returns what the application's pods wait for, None once its driver and an executor are ready and no other waits."""
    pods: dict[str, dict[str, Any]] = {}
    selector = f"sparkoperator.k8s.io/app-name={name}"
    for event in watch(f"/api/v1/namespaces/{namespace}/pods", seconds, labelSelector=selector):
        pod = event["object"]
        pods[pod["metadata"]["name"]] = pod
        if event["type"] == "DELETED" or pod["status"].get("phase") in ("Succeeded", "Failed"):
            del pods[pod["metadata"]["name"]]
        roles = {one["metadata"]["labels"].get("spark-role") for one in pods.values()}
        if {"driver", "executor"} <= roles and not any(map(reason, pods.values())):
            return None
    waits = [f"{pod} ({why})" for pod, one in sorted(pods.items()) if (why := reason(one))]
    return f"not ready: {', '.join(waits)}" if waits else "there is no executor: the driver's log says why"


def reason(pod: dict[str, Any]) -> str | None:
    """Returns why a pod is not ready, None where it is."""
    conditions = {one["type"]: one for one in pod["status"].get("conditions", [])}
    if conditions.get("Ready", {}).get("status") == "True":
        return None
    states = [one.get("state", {}).get("waiting", {}) for one in pod["status"].get("containerStatuses", [])]
    told = [
        conditions.get("PodScheduled", {}).get("message"),
        *(f"{one.get('reason')}: {one.get('message', '')}".rstrip(": ") for one in states if one),
    ]
    return next((str(one) for one in told if one), str(pod["status"].get("phase", "Pending")))


def main(namespace: str, name: str, seconds: str) -> int:
    """Returns 0 once the application and its pods run, 1 where it fails or they do not in time."""
    end = time.monotonic() + int(seconds)
    found = why_not_submitted(namespace, name, int(seconds)) or why_not_ready(namespace, name, max(1, end - time.monotonic()))
    if found is None:
        sys.stdout.write(f"{name} is running\n")
        return 0
    sys.stderr.write(f"error: {name} does not run: {found}. See `kubectl describe sparkapplication,pod -n {namespace}`.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
