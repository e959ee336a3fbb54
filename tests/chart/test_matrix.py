"""The clusters that people have: the API server would take what is rendered for them.

Each cluster on every runtime, and every values file on every runtime for a cluster that is all of these at once: what they ask for
does not overlap, and each values file for each of them (140 renders) takes half a minute.
"""

import json
from functools import cache

import pytest

from charts.render import OVERLAYS, RUNTIMES
from tests.chart.manifests import Object, objects, pods
from tests.chart.test_schemas import CRD_DIR, VERSIONS, crd_says, is_custom, kubernetes_says

CLUSTERS: dict[str, Object] = {
    "openshift": {"openshift": True},
    "quota and taints": {
        "pod": {
            "cpuLimit": "4",
            "ephemeralStorage": "64Gi",
            "priorityClassName": "payments",
            "nodeSelector": {"pool": "fraud"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        },
    },
    "mesh": {
        "pod": {"labels": {"sidecar.istio.io/inject": "true"}, "annotations": {"linkerd.io/inject": "enabled"}},
        "networkPolicy": {"extraEgress": [{"ports": [{"port": 15012, "protocol": "TCP"}]}]},
    },
    "ipv6": {
        "kafka": {"bootstrapServers": "[fd00::1]:9092,[fd00::2]:9092"},
        "s3": {"endpoint": "http://[fd00::3]:9000"},
        "networkPolicy": {
            "apiServer": {"cidrs": ["fd00::/8"], "ports": [6443]},
            "s3": {"to": [{"ipBlock": {"cidr": "fd00::3/128"}}]},
        },
    },
    "private registry": {
        "images": {name: {"repository": f"registry.example:5000/fraud/{name}"} for name in ("spark", "producer", "trainer")},
        "pod": {
            "imagePullSecrets": ["registry"],
            "env": [{"name": "SSL_CERT_FILE", "value": "/etc/house/ca.crt"}],
            "volumes": [{"name": "house", "configMap": {"name": "house"}}],
            "volumeMounts": [{"name": "house", "mountPath": "/etc/house"}],
        },
    },
}
ALL: Object = {
    key: {name: value for cluster in CLUSTERS.values() for name, value in cluster.get(key, {}).items()}
    for key in ("pod", "images", "kafka", "s3", "networkPolicy")
} | CLUSTERS["openshift"]
UNSAYABLE: Object = {"tolerations": [], "priorityClassName": "", "ephemeralStorage": "", "volumes": [], "volumeMounts": []}
"""What Ilum's driver and executors cannot be told."""


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_api_server_takes_it(cluster: str, runtime: str) -> None:
    assert refused("console", runtime, CLUSTERS[cluster]) == []


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_server_takes_every_values_file(overlay: str, runtime: str) -> None:
    assert refused(overlay, runtime, ALL) == []


def refused(overlay: str, runtime: str, cluster: Object) -> list[str]:
    """Returns what is refused of a values file on a runtime of a cluster."""
    others = {"driver": UNSAYABLE, "executor": UNSAYABLE} if runtime == "ilum" else {}
    values = json.dumps({**cluster, "runtime": runtime, "pods": others})
    found = objects("--values", f"values-{overlay}.yaml", values=values)
    templates = [
        {"apiVersion": "v1", "kind": "PodTemplate", "template": {"metadata": pod.metadata, "spec": pod.spec}} for pod in pods(found)
    ]
    return [said for one in (*found, *templates) for said in says(json.dumps(one, sort_keys=True))]


@cache
def says(text: str) -> list[str]:
    """Returns what is refused in an object; most are the same on many clusters, and are asked about once."""
    one: Object = json.loads(text)
    if is_custom(one):
        return crd_says(one) if CRD_DIR.is_dir() else []
    return kubernetes_says(one, VERSIONS[0])
