"""What the API server lets each account of the chart do, and takes of what the chart renders."""

from collections.abc import Callable

import pytest
from kubernetes import client

from tests.chart.manifests import granted_in
from tests.e2e.cluster import Namespace, Object
from tests.e2e.crds import CRD_DIR, define
from tests.e2e.release import Release

ACCESS = ("ServiceAccount", "Role", "RoleBinding")
GROUPS = ("kafka.strimzi.io", "monitoring.coreos.com", "spark.apache.org")


def rights(namespace: Namespace, account: str) -> set[str]:
    """Returns `verb resource` for all that an account may do in the namespace, as `kubectl auth can-i --list` finds it."""
    api = client.ApiClient()
    api.set_default_header("Impersonate-User", f"system:serviceaccount:{namespace.name}:{account}")
    api.set_default_header("Impersonate-Group", "system:serviceaccounts")
    review = client.V1SelfSubjectRulesReview(spec=client.V1SelfSubjectRulesReviewSpec(namespace=namespace.name))
    found = client.AuthorizationV1Api(api).create_self_subject_rules_review(review).status.resource_rules
    return {
        f"{verb} {'/'.join(filter(None, (group, resource, *(rule.resource_names or ()))))}"
        for rule in found
        for verb in rule.verbs
        for group in rule.api_groups or ("",)
        for resource in rule.resources or ()
    }


def test_accounts_may_do_what_is_written_down_and_nothing_else(release: Callable[[str], Release], namespace: Namespace) -> None:
    rendered = [one for one in release("rights").render("console", {}) if one["kind"] in ACCESS]
    namespace.apply(*rendered)
    granted = granted_in(rendered)
    nobody = rights(namespace, "nobody")
    found = {account: rights(namespace, account) - nobody for account in granted}
    for one in rendered:
        namespace.delete(one["apiVersion"], one["kind"], one["metadata"]["name"])
    assert found == granted


@pytest.mark.skipif(not CRD_DIR.is_dir(), reason=f"no CRDs in {CRD_DIR}: set CRD_DIR to a folder with those of the operators")
def test_the_api_server_takes_every_custom_resource(release: Callable[[str], Release], namespace: Namespace) -> None:
    define(namespace)
    values: Object = {
        "kafka": {
            "securityProtocol": "SSL",
            "strimzi": {"cluster": "fraud-real", "createCluster": True, "createUsers": True},
        },
        "models": {"store": "volume"},
        "trainer": {"enabled": True},
        "monitoring": {"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
    }
    taken = set()
    for runtime in ("none", "apache"):
        rendered = release("custom", runtime).render("console", values)
        custom = [one for one in rendered if one["apiVersion"].partition("/")[0] in GROUPS]
        namespace.apply(*custom)
        taken |= {one["kind"] for one in custom}
        for one in custom:
            namespace.delete(one["apiVersion"], one["kind"], one["metadata"]["name"])
    kinds = {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser", "PodMonitor", "PrometheusRule", "SparkApplication"}
    assert taken == kinds
