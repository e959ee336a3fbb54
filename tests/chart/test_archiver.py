"""The archiver on Kubernetes: settings that its own class takes, secrets of its own, no right that it does not need."""

import pytest
import yaml

from charts.render import EXAMPLE_ARGUMENTS, render
from spark_jobs import maintain_lake
from spark_jobs.archive_settings import ArchiveSettings, PostgresSettings
from spark_jobs.maintain_lake import MaintainSettings
from spark_jobs.settings import S3, AvailableNowTrigger
from tests.chart.manifests import Pod, find, kinds, objects, pods

ON_S3 = ("--values", "values-s3.yaml")
BOTH = (*ON_S3, "--values", "values-postgres.yaml")


def settings_of(*arguments: str, values: str | None = None) -> ArchiveSettings:
    told = find(objects(*arguments, values=values), "ConfigMap", "fraud-archiver")["data"]["archiver.yaml"]
    return ArchiveSettings.model_validate(yaml.safe_load(told))


def pod_of(*arguments: str) -> Pod:
    (pod,) = (pod for pod in pods(objects(*arguments)) if pod.labels["app.kubernetes.io/component"] == "archiver")
    return pod


def secrets(pod: Pod) -> dict[str, str]:
    return {one["name"]: one["secret"]["secretName"] for one in pod.spec["volumes"] if "secret" in one}


@pytest.mark.parametrize("name", ["console", "prod", "apache", "none", "ilum"])
def test_who_does_not_ask_gets_none(name: str) -> None:
    assert not [one for _, one in kinds(objects(*EXAMPLE_ARGUMENTS[name])) if "archiver" in one]


def test_its_settings_are_those_of_the_values_and_the_detectors_input() -> None:
    found = settings_of(*BOTH, values="detector: {config: {limits: {max_bytes: 2048}}}")
    assert found.sinks["lake"].type == "parquet"
    database = found.sinks["database"]
    assert isinstance(database, PostgresSettings)
    assert (database.host, str(database.password_file)) == ("postgres", "/etc/archive/password")
    assert (found.checkpoint, found.limits.max_bytes) == ("s3a://fraud/archive-checkpoint", 2048)
    assert isinstance(found.s3, S3)
    assert str(found.s3.credentials_dir) == "/etc/s3"
    assert (found.metrics.host, found.metrics.port) == ("::", 8000)
    assert found.spark.master == f"local[{found.slots}]", "a store that hangs holds no slot of another's"


def test_it_has_secrets_of_its_own_and_no_token() -> None:
    alone = ("--set", "archive.s3Secret=lake-keys")
    pod = pod_of(*BOTH, *alone)
    assert secrets(pod) == {"archive": "archive-database", "s3": "lake-keys"}
    assert pod.spec["automountServiceAccountToken"] is False
    assert secrets(pod_of(*BOTH))["s3"] == "s3-credentials"
    others = [one for one in pods(objects(*BOTH, *alone)) if one.labels["app.kubernetes.io/component"] != "archiver"]
    assert others
    assert not [one for one in others if {"lake-keys", "archive-database"} & set(secrets(one).values())]


def test_its_place_is_on_a_volume_where_it_is_not_on_s3() -> None:
    found = find(objects("--values", "values-postgres.yaml"), "StatefulSet", "fraud-archiver")
    (claim,) = found["spec"]["volumeClaimTemplates"]
    (mount,) = (
        one
        for one in pod_of("--values", "values-postgres.yaml").spec["containers"][0]["volumeMounts"]
        if one["name"] == "checkpoints"
    )
    assert claim["metadata"]["name"] == "checkpoints"
    assert settings_of("--values", "values-postgres.yaml").checkpoint.startswith(f"{mount['mountPath']}/")
    assert "volumeClaimTemplates" not in find(objects(*ON_S3), "StatefulSet", "fraud-archiver")["spec"]


def test_with_a_schedule_each_run_copies_all_there_is() -> None:
    scheduled = (*ON_S3, "--set", "archive.schedule=@hourly")
    assert find(objects(*scheduled), "CronJob", "fraud-archiver")["spec"]["schedule"] == "@hourly"
    assert ("StatefulSet", "fraud-archiver") not in kinds(objects(*scheduled))
    assert isinstance(settings_of(*scheduled).trigger, AvailableNowTrigger)


DELTA = EXAMPLE_ARGUMENTS["delta"]


def test_delta_tables_are_kept_small_by_the_archivers_own_settings_and_keys() -> None:
    secured = ("--set", "kafka.securityProtocol=SSL", "--set", "kafka.caSecret=ca", "--set", "kafka.user.secret=user")
    found = objects(*DELTA, "--values", "values-postgres.yaml", *secured, "--set", "archive.s3Secret=lake-keys")
    (pod,) = (one for one in pods(found) if one.where == "CronJob fraud-maintenance")
    (container,) = pod.spec["containers"]
    program, *arguments = container["args"][2:]
    assert program == maintain_lake.PROGRAM.rpartition(" ")[2]
    assert arguments == ["--config", "/etc/fraud/archiver.yaml", "--keep", "7d"]
    told = find(found, "ConfigMap", "fraud-archiver")["data"]["archiver.yaml"]
    settings = MaintainSettings.model_validate({**yaml.safe_load(told), "keep": arguments[-1]})
    assert settings.sinks["lake"].type == "delta"
    assert secrets(pod) == {"s3": "lake-keys"}, "neither Kafka's nor the database's"
    assert {one["mountPath"] for one in container["volumeMounts"]} == {"/tmp", "/etc/fraud", str(settings.s3.credentials_dir)}
    assert pod.spec["serviceAccountName"] == pod_of(*DELTA).spec["serviceAccountName"], "the cloud's role is the archiver's"
    policy = find(found, "NetworkPolicy", "fraud-maintenance")
    assert {one["port"] for rule in policy["spec"]["egress"] for one in rule["ports"]} == {53, 5353, 9000}


@pytest.mark.parametrize("arguments", [BOTH, (*DELTA, "--set", "archive.maintenance.schedule=")])
def test_without_delta_tables_or_a_schedule_there_is_no_maintenance(arguments: tuple[str, ...]) -> None:
    assert not [one for _, one in kinds(objects(*arguments)) if "maintenance" in one]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            "archive: {enabled: true, config: {sinks: {a: {type: delta, path: s3a://b/c}}}, maintenance: {keep: 23h}}",
            "archive.maintenance.keep is 23h",
        ),
        ("archive: {enabled: true}", "there is nowhere to copy to"),
        ("archive: {enabled: true, config: {sinks: {a: {type: parquet, path: /lake}}}}", "a folder that is gone with its pod"),
        (
            "archive: {enabled: true, schedule: '@daily', config: {sinks: {a: {type: parquet, path: s3a://b/c}}}}",
            "archive.checkpoint.url",
        ),
        ("archive: {config: {sinks: {a: {type: oracle}}}}", "'/archive/config/sinks/a/type': value must be one of"),
        ("archive: {config: {sinks: {a: {type: postgres, password: x}}}}", "additional properties 'password' not allowed"),
        ("archive: {config: {checkpoint: x}}", "additional properties 'checkpoint' not allowed"),
    ],
)
def test_what_cannot_work_is_refused(values: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        render(values=values)
