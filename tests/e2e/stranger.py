"""A pod beside the release's, with none of its labels: what it reaches of them by the network."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster import Namespace, Object, ready
from tests.e2e.kafka import IMAGE

READER = {"app.kubernetes.io/name": "prometheus"}
"""The label by which the chart knows who may read metrics."""
LISTENING = 'cat /proc/net/tcp /proc/net/tcp6 | awk \'$4 == "0A" {split($2, a, ":"); print a[2]}\' | sort -u'
TRY = 'for to in {targets}; do timeout 2 bash -c "</dev/tcp/${{to/:/\\/}}" 2>/dev/null && echo $to; done; true'


@contextmanager
def pod(namespace: Namespace, name: str, labels: dict[str, str]) -> Iterator[str]:
    """Gives the name of a pod with these labels that sleeps."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container: Object = {"name": name, "image": IMAGE, "command": ["sleep", "600"], "securityContext": security}
    container["resources"] = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}}
    namespace.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 0,
                "securityContext": {"runAsNonRoot": True, "runAsUser": 1001, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [container],
            },
        }
    )
    namespace.wait("v1", "Pod", name, lambda found: found is not None and ready(found), 60)
    try:
        yield name
    finally:
        namespace.delete("v1", "Pod", name)


def listening(namespace: Namespace, name: str) -> set[str]:
    """Returns address:port of all that listens in a pod."""
    ports = {int(line, 16) for line in namespace.run(name, "bash", "-c", LISTENING).split()}
    found = namespace.get("v1", "Pod", name)
    assert found is not None
    return {f"{found['status']['podIP']}:{port}" for port in ports}


def reached(namespace: Namespace, name: str, targets: set[str]) -> set[str]:
    """Returns those of the targets to which a pod can connect."""
    return set(namespace.run(name, "bash", "-c", TRY.format(targets=" ".join(sorted(targets)))).split())
