"""The Kafka that the chart makes by Strimzi. Strimzi itself is in no registry: what it does with these objects was seen by hand."""

import json

import pytest

from charts.render import EXAMPLE_ARGUMENTS, helm, render
from tests.chart.manifests import find, objects


def test_a_new_chart_version_starts_no_broker_anew() -> None:
    for kind in ("Kafka", "KafkaNodePool"):
        labels = find(objects(*EXAMPLE_ARGUMENTS["strimzi"]), kind, "fraud")["metadata"]["labels"]
        assert not labels.keys() & {"helm.sh/chart", "app.kubernetes.io/version"}


def test_a_broker_has_memory_of_its_own_half_of_which_is_heap() -> None:
    pool = find(objects(*EXAMPLE_ARGUMENTS["strimzi"], "--set", "kafka.strimzi.memory=3Gi"), "KafkaNodePool", "fraud")["spec"]
    assert pool["resources"]["requests"]["memory"] == pool["resources"]["limits"]["memory"] == "3Gi"
    assert pool["jvmOptions"] == {"-Xms": "1536m", "-Xmx": "1536m"}


@pytest.mark.parametrize(
    ("cluster", "brokers", "says"),
    [("a" * 31, 1, "is too long"), ("a" * 30, 11, "is too long"), ("k", 2, "where one of two is away the other one stops")],
)
def test_a_cluster_that_could_not_run_is_refused(cluster: str, brokers: int, says: str) -> None:
    strimzi = {"cluster": cluster, "createCluster": True, "brokers": brokers}
    with pytest.raises(ValueError, match=says):
        render(values=json.dumps({"kafka": {"strimzi": strimzi}}))


def test_a_cluster_that_somebody_else_has_made_may_have_any_name() -> None:
    render(values=json.dumps({"kafka": {"strimzi": {"cluster": "a" * 40}}}))
    render(values=json.dumps({"kafka": {"strimzi": {"cluster": "a" * 30, "createCluster": True, "brokers": 3}}}))


def test_the_notes_name_the_volumes_without_which_no_new_kafka_starts() -> None:
    done = helm("install", "fraud", ".", "--dry-run=client", *EXAMPLE_ARGUMENTS["strimzi"])
    assert done.returncode == 0, done.stderr
    assert "kubectl delete persistentvolumeclaims -l strimzi.io/cluster=fraud" in done.stdout
