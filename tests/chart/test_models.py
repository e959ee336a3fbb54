"""Trained models: the store, who may write it, the trainer on every runtime, and the pod in which people promote."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from charts.render import EXAMPLE_ARGUMENTS, RUNTIMES
from spark_jobs.settings import S3, DetectorSettings, Limits
from tests.chart.manifests import Object, Pod, find, kinds, objects, pods, spark_pod
from tests.chart.test_detector import DENIED, SUBMITTED
from training.train_settings import TrainSettings

MODELS = ("--values", "values-console.yaml", "--values", "values-models.yaml")
ON_S3 = ("--values", "values-s3.yaml", "--values", "values-models.yaml", "--set", "models.store=s3a://fraud/models")
CLAIM = {"name": "models", "persistentVolumeClaim": {"claimName": "fraud-models"}}


def with_models(runtime: str, *arguments: str, values: str | None = None) -> tuple[Object, ...]:
    return objects(*MODELS, "--set", f"runtime={runtime}", *arguments, values=values)


def pod_of(found: tuple[Object, ...], component: str) -> Pod:
    """Returns the one pod of the trainer, or of those who look after models."""
    (pod,) = (pod for pod in pods(found) if pod.labels["app.kubernetes.io/component"] == component)
    return pod


def file_of(found: tuple[Object, ...], component: str) -> Object:
    told: Object = yaml.safe_load(find(found, "ConfigMap", f"fraud-{component}")["data"][f"{component}.yaml"])
    return told


def mount_of(pod: Pod) -> Object:
    (found,) = (one for one in pod.spec["containers"][0]["volumeMounts"] if one["name"] == "models")
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ["console", "prod", "apache", "none", "ilum"])
def test_who_does_not_ask_gets_nothing(name: str) -> None:
    found = objects(*EXAMPLE_ARGUMENTS[name])
    assert not [one for _, one in kinds(found) if "trainer" in one or "models" in one]
    assert "models" not in file_of(found, "detector")


@pytest.mark.parametrize("runtime", SUBMITTED)
@pytest.mark.parametrize("role", ["driver", "executor"])
def test_the_detector_reads_the_store_and_cannot_write_it(runtime: str, role: str) -> None:
    found = with_models(runtime, "--set", "detector.config.models.poll=9s")
    pod = spark_pod(found, role)
    assert CLAIM in pod.spec["volumes"]
    assert mount_of(pod) == {"name": "models", "mountPath": "/models", "readOnly": True}
    settings = DetectorSettings.model_validate(file_of(found, "detector"))
    assert (settings.models.store, settings.models.poll.total_seconds()) == ("/models", 9)


def test_ilum_is_told_of_the_store() -> None:
    told = yaml.safe_load(find(with_models("ilum"), "ConfigMap", "fraud-ilum")["data"]["submit.json"])
    settings = dict(pair.split("=", 1) for pair in told["jobConfig"].split(";"))
    for role in ("driver", "executor"):
        volume = f"spark.kubernetes.{role}.volumes.persistentVolumeClaim.models"
        assert settings[f"{volume}.mount.path"] == "/models"
        assert settings[f"{volume}.options.claimName"] == "fraud-models"
        assert settings[f"{volume}.mount.readOnly"] == "true"


def test_the_models_are_kept_and_a_claim_of_the_users_is_used() -> None:
    claim = find(with_models("kubeflow"), "PersistentVolumeClaim", "fraud-models")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    found = with_models("none", "--set", "models.volume.existingClaim=mine")
    assert {name for kind, name in kinds(found) if kind == "PersistentVolumeClaim"} == {"fraud-checkpoint"}
    theirs = {"name": "models", "persistentVolumeClaim": {"claimName": "mine"}}
    for pod in (spark_pod(found, "driver"), spark_pod(found, "executor"), pod_of(found, "trainer"), pod_of(found, "models")):
        assert theirs in pod.spec["volumes"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_trainer_runs_at_its_time_and_never_twice_at_once(runtime: str) -> None:
    found = with_models(runtime, "--set", "trainer.schedule=15 2 * * 0")
    kind, timezone = ("ScheduledSparkApplication", "UTC") if runtime == "kubeflow" else ("CronJob", "Etc/UTC")
    spec = find(found, kind, "fraud-trainer")["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("15 2 * * 0", timezone, "Forbid")
    assert len([name for _, name in kinds(found) if name == "fraud-trainer"]) == len(
        {kind, "ConfigMap", "NetworkPolicy", "ServiceAccount"}
    )


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_trainer_reads_its_settings_and_writes_the_store(runtime: str, home: Path) -> None:
    values = """
    topics: {names: {transactions: mine}}
    detector: {config: {limits: {max_bytes: 2000}}}
    trainer: {config: {family: random_forest, label_delay: 1d}, cpu: 1500m, memory: 2Gi}
    """
    found = with_models(runtime, values=values)
    pod = pod_of(found, "trainer")
    (container,) = pod.spec["containers"]
    assert container["image"] == "localhost/fraud-detection/trainer:0.1.0"
    assert mount_of(pod) == {"name": "models", "mountPath": "/models"}
    (home / "trainer.yaml").write_text(yaml.safe_dump(file_of(found, "trainer")))
    arguments = container.get("args") or find(found, "ScheduledSparkApplication", "fraud-trainer")["spec"]["template"]["arguments"]
    program, (config, file) = arguments[:-2], arguments[-2:]
    assert program in ([], ["python3", "-m", "training.train_model"])
    settings = TrainSettings.load([config, file.replace("/etc/fraud", str(home))], "test")
    assert (settings.data, settings.store, settings.family, settings.promote) == ("kafka", "/models", "random_forest", True)
    assert (settings.topics.transactions, settings.limits) == ("mine", Limits(max_bytes=2000))
    # Spark is inside the pod, with two fifths of its memory: Python needs the rest.
    assert (settings.spark.master, settings.spark.conf["spark.driver.memory"]) == ("local[2]", "819m")


def test_kubeflow_starts_the_trainer_as_everybody_else_does() -> None:
    template = find(with_models("kubeflow", "--set", "trainer.memory=2Gi"), "ScheduledSparkApplication", "fraud-trainer")["spec"][
        "template"
    ]
    assert template["mainApplicationFile"] == "local:///app/training/train_model.py"
    assert template["restartPolicy"] == {"type": "Never"}
    assert [key for key in template["sparkConf"] if DENIED.fullmatch(key)] == []
    assert int(template["driver"]["memory"].removesuffix("m")) + int(template["driver"]["memoryOverhead"].removesuffix("m")) == 2048
    cron = find(with_models("none", "--set", "trainer.memory=2Gi"), "CronJob", "fraud-trainer")["spec"]["jobTemplate"]["spec"]
    assert (cron["backoffLimit"], cron["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert cron["template"]["spec"]["containers"][0]["resources"]["limits"] == {"memory": "2048Mi"}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_trainer_and_models_have_no_rights(runtime: str) -> None:
    found = with_models(runtime, "--set", "trainer.serviceAccountAnnotations.role=mine")
    assert find(found, "ServiceAccount", "fraud-trainer")["metadata"]["annotations"] == {"role": "mine"}
    assert not [one for one in found if one["kind"] == "RoleBinding" and one["subjects"][0]["name"] == "fraud-trainer"]
    for component in ("trainer", "models"):
        spec = pod_of(found, component).spec
        assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("fraud-trainer", False)


def test_people_look_after_models_in_a_pod_that_starts_when_they_ask(home: Path) -> None:
    alone = ("--values", "values-models.yaml", "--set", "trainer.enabled=false")
    found = objects(*EXAMPLE_ARGUMENTS["strimzi"], *alone)
    cron = find(found, "CronJob", "fraud-models")["spec"]
    assert cron["suspend"] is True
    assert cron["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] == 0, "it leaves nothing"
    pod = pod_of(found, "models")
    (container,) = pod.spec["containers"]
    assert container["args"] == ["sleep", "3600"]
    assert mount_of(pod) == {"name": "models", "mountPath": "/models"}
    assert not [one for one in pod.spec["volumes"] if "secret" in one], "it has no business with Kafka"
    # `training.models` asks the detector's own settings for the store.
    assert container["env"] == [{"name": "FRAUD_CONFIG", "value": "/etc/fraud/detector.yaml"}]
    assert {"name": "settings", "configMap": {"name": "fraud-detector"}} in pod.spec["volumes"]


def test_people_watch_a_model_as_the_trainer_does() -> None:
    found = objects(*EXAMPLE_ARGUMENTS["strimzi"], "--values", "values-models.yaml")
    pod, trainer = pod_of(found, "models"), pod_of(found, "trainer")
    (container,) = pod.spec["containers"]
    assert container["env"] == [{"name": "FRAUD_CONFIG", "value": "/etc/fraud/trainer.yaml"}]
    assert {"name": "settings", "configMap": {"name": "fraud-trainer"}} in pod.spec["volumes"]
    assert [one for one in pod.spec["volumes"] if "secret" in one] == [one for one in trainer.spec["volumes"] if "secret" in one]
    assert TrainSettings.model_validate(file_of(found, "trainer")).watch == timedelta(hours=1)


def test_a_store_on_s3_is_reached_by_all_with_the_same_keys() -> None:
    found = objects(*ON_S3)
    assert ("PersistentVolumeClaim", "fraud-models") not in kinds(found)
    s3 = S3(endpoint="http://s3:9000", region="us-east-1", path_style=True, credentials_dir=Path("/etc/s3"))
    assert DetectorSettings.model_validate(file_of(found, "detector")).models.store == "s3a://fraud/models"
    trainer = TrainSettings.model_validate(file_of(found, "trainer"))
    assert (trainer.store, trainer.s3) == ("s3a://fraud/models", s3)
    for pod in (spark_pod(found, "executor"), pod_of(found, "trainer"), pod_of(found, "models")):
        assert {"name": "s3", "secret": {"secretName": "s3-credentials", "defaultMode": 0o440}} in pod.spec["volumes"]
        assert "affinity" not in pod.spec or pod.labels["app.kubernetes.io/component"] == "detector"


def test_a_store_without_a_trainer_is_for_models_of_ones_own() -> None:
    found = kinds(with_models("none", "--set", "trainer.enabled=false"))
    assert ("CronJob", "fraud-models") in found
    assert not {("CronJob", "fraud-trainer"), ("ConfigMap", "fraud-trainer")} & found


def test_a_volume_for_one_node_keeps_its_pods_together() -> None:
    apart = ("--set", "detector.checkpoint.accessMode=ReadWriteMany")
    together = with_models("kubeflow", *apart)
    executor = spark_pod(together, "executor").spec["affinity"]["podAffinity"]
    assert executor.keys() == {"requiredDuringSchedulingIgnoredDuringExecution"}
    for component in ("trainer", "models"):
        # Where the driver is down, a model can still be rolled back.
        beside = pod_of(together, component).spec["affinity"]["podAffinity"]
        assert beside.keys() == {"preferredDuringSchedulingIgnoredDuringExecution"}
        (term,) = (one["podAffinityTerm"] for one in beside["preferredDuringSchedulingIgnoredDuringExecution"])
        assert [term] == executor["requiredDuringSchedulingIgnoredDuringExecution"]
    spread = with_models("kubeflow", *apart, "--set", "models.volume.accessMode=ReadWriteMany")
    assert not [pod.where for pod in pods(spread) if "affinity" in pod.spec]


def test_the_trainers_user_reads_what_it_learns_from_and_writes_nothing() -> None:
    found = objects(*EXAMPLE_ARGUMENTS["strimzi"], "--values", "values-models.yaml")
    acls = find(found, "KafkaUser", "fraud-trainer")["spec"]["authorization"]["acls"]
    topics = {acl["resource"]["name"] for acl in acls if acl["resource"]["type"] == "topic"}
    assert topics == {"transactions", "transactions.labels", "customers", "merchants", "transactions.scored"}
    assert {operation for acl in acls for operation in acl["operations"]} == {"Read", "Describe"}
    pod = pod_of(found, "trainer")
    assert {one["secret"]["secretName"] for one in pod.spec["volumes"] if "secret" in one} == {
        "fraud-trainer",
        "fraud-cluster-ca-cert",
    }
    assert file_of(found, "trainer")["kafka"]["sasl_username"] == "fraud-trainer"


def keys_of(pod: Pod) -> list[str]:
    return [one["secret"]["secretName"] for one in pod.spec["volumes"] if one["name"] == "s3"]


def test_who_writes_models_may_have_keys_that_the_detector_has_not() -> None:
    apart = objects(*ON_S3, "--set", "trainer.s3Secret=writes-models")
    assert [keys_of(pod_of(apart, name)) for name in ("trainer", "models")] == [["writes-models"]] * 2
    assert keys_of(spark_pod(apart, "driver")) == keys_of(spark_pod(apart, "executor")) == ["s3-credentials"]
    alone = objects(*ON_S3, "--set", "trainer.s3Secret=writes-models", "--set", "s3.secret=")
    assert file_of(alone, "trainer")["s3"]["credentials_dir"] == "/etc/s3"
    assert "credentials_dir" not in file_of(alone, "detector").get("s3", {})
    (container,) = pod_of(alone, "models").spec["containers"]
    assert {"name": "FRAUD_S3__CREDENTIALS_DIR", "value": "/etc/s3"} in container["env"]


SIGNED = ("--set", "models.publicKeySecret=public-key", "--set", "trainer.signingKeySecret=signing-key")


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_who_signs_models_has_the_private_key_and_the_detector_the_public_one(runtime: str) -> None:
    found = with_models(runtime, *SIGNED)
    holders = {
        "public-key": [spark_pod(found, "driver"), spark_pod(found, "executor")],
        "signing-key": [pod_of(found, "trainer"), pod_of(found, "models")],
    }
    for secret, who in holders.items():
        having = [pod for pod in pods(found) if secret in {one.get("secret", {}).get("secretName") for one in pod.spec["volumes"]}]
        assert sorted(pod.where for pod in having) == sorted(pod.where for pod in who)
    asked = DetectorSettings.model_validate(file_of(found, "detector")).models.public_key_file
    signs = TrainSettings.model_validate(file_of(found, "trainer")).signing_key_file
    for file, secret, pod in ((asked, "public-key", holders["public-key"][0]), (signs, "signing-key", holders["signing-key"][0])):
        assert file
        (volume,) = (one["name"] for one in pod.spec["volumes"] if one.get("secret", {}).get("secretName") == secret)
        mount = {"name": volume, "mountPath": str(file.parent), "readOnly": True}
        assert mount in pod.spec["containers"][0]["volumeMounts"]
    assert (asked and asked.name, signs and signs.name) == ("public.pem", "private.pem"), "what values.yaml says of the Secrets"


def test_ilum_mounts_the_public_key() -> None:
    told = yaml.safe_load(find(with_models("ilum", *SIGNED), "ConfigMap", "fraud-ilum")["data"]["submit.json"])
    assert "spark.kubernetes.driver.secrets.public-key=/etc/model-key" in told["jobConfig"].split(";")
