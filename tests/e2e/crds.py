"""Custom resources of operators that are not there: their definitions alone, from CRD_DIR."""

import os
from pathlib import Path

import yaml

from tests.e2e.cluster import Namespace, Object

CRD_DIR = Path(os.environ.get("CRD_DIR", Path(__file__).parents[3] / "shared" / "crds"))


def define(namespace: Namespace) -> None:
    """Makes the API server know the kinds in CRD_DIR; those that it knows already are left alone."""
    for file in sorted(CRD_DIR.glob("*.yaml")):
        for crd in yaml.safe_load_all(file.read_text()):
            name = crd["metadata"]["name"]
            if namespace.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name) is None:
                namespace.apply(crd)
            namespace.wait("apiextensions.k8s.io/v1", "CustomResourceDefinition", name, _established, 60)


def _established(crd: Object | None) -> bool:
    conditions = (crd.get("status", {}).get("conditions") if crd else None) or ()
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)
